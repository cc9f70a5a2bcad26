"""The project of the fault tests: records into a topic, the topic into a keyed and an append table; and its checker.

After any fault and a clean run, the checker compares topic, tables, dead letters and ledgers with what was produced.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

FULL = os.environ.get("LEAT_FAULTS") == "full"
RECORDS = {"file": 2000 if FULL else 600, "http": 600}  # an API's page is a commit: 12 of them reach every point
PAGE = 50
SEED = int(os.environ.get("LEAT_SEED", "7"))
WORKERS = int(os.environ.get("LEAT_WORKERS", "3"))
KEYS = 97

LEAT_YAML = """\
project: kills
topics:
  events: {partitions: 2}
profiles:
  local: {}
"""

FILE_SOURCE = """\
  file: {path: "data/*.ndjson"}
"""

HTTP_SOURCE = """\
  http:
    url: "${EVENTS_API}"
    params: {size: PAGESIZE}
    records: /results
    pagination: {page: {param: page, from: 1, to: PAGES}}
    id: /id
    timeout: 5s
"""

CAPTURE = """\
pipeline: capture
source:
  schema: schemas/event.json
SOURCE
transform:
  - sql: SELECT id, k, n, amount::DECIMAL(12,2) AS amount FROM input
quality:
  - {rule: positive, expect: "n >= 0", on_fail: quarantine}
sinks:
  - {topic: events, key: k}
"""

STORE = """\
pipeline: store
source: {topic: events}
batch: {records: 100}
quality:
  - {rule: small, expect: "n < LIMIT", on_fail: quarantine}
sinks:
  - {store: serving, table: latest, key: [k]}
  - {store: serving, table: history}
"""

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "k": {"type": "string"}, "n": {"type": "integer"},
                   "amount": {"type": "string"}},
    "required": ["id", "k", "n"],
}

LIMIT = 1_000_000


class Wrong(AssertionError):
    """The checker found a difference."""


def lines_for(count, broken=True):
    """What is produced: (line, reason of its rejection by capture or None, id, key, n)."""
    out = []
    for i in range(count):
        # Some 1.5 to 4 KiB each, so that the source reads several pages.
        # Half the keys come once, so that the keyed table shows each loss; half come again and again.
        key = f"once{i}" if i % 2 else f"k{i * 7 % KEYS}"
        record = {"id": i, "k": key, "n": i, "amount": f"{i}.25", "pad": "x" * (2_400_000 // count)}
        reason = None
        if i % 40 == 7:
            record["n"], reason = -i, "rule_failed"
        elif i % 40 == 13:
            del record["k"]
            reason = "missing_field"
        elif i % 40 == 21:
            record["amount"], reason = "zz", "expression_failed"
        elif i % 40 == 30:
            record["n"] = LIMIT + i  # good for capture, refused by a rule of store
        line = json.dumps(record)
        if broken and i % 40 == 35:
            line, reason = '{"id": %d, "k" "' % i, "malformed"
        out.append((line, reason, i, record.get("k"), record["n"]))
    return out


class Bench:
    """A project folder in which one round happens."""

    def __init__(self, source):
        self.source = source
        self.project = leat.Project(None)
        self.produced = lines_for(RECORDS[source], broken=source == "file")
        http = HTTP_SOURCE.replace("PAGESIZE", str(PAGE)).replace("PAGES", str(-(-RECORDS["http"] // PAGE)))
        text = CAPTURE.replace("SOURCE\n", FILE_SOURCE if source == "file" else http)
        self.project.write("leat.yaml", LEAT_YAML)
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        self.project.write("pipelines/capture.yaml", text)
        self.limit(LIMIT)
        if source == "file":
            half = len(self.produced) * 2 // 3
            self.project.write("data/a.ndjson", "".join(line + "\n" for line, *_ in self.produced[:half]))
            self.project.write("data/b.ndjson", "".join(line + "\n" for line, *_ in self.produced[half:]))

    def limit(self, n):
        self.project.write("pipelines/store.yaml", STORE.replace("LIMIT", str(n)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.project.__exit__()

    def wipe(self):
        shutil.rmtree(self.project.dir / ".leat", ignore_errors=True)

    def run(self, seconds=60, **env):
        # A run that makes no progress ends after --timeout with exit 3: the check then says what is missing.
        return self.project.call("run", "--drain", "--timeout", f"{seconds}s", "--log-level", "off", env=env,
                                 timeout=2 * seconds)

    def must_run(self, **env):
        done = self.run(**env)
        if done.returncode != 0:
            raise Wrong(f"the run after the fault: exit {done.returncode}\n{done.stdout}\n{done.stderr}")

    # The checker.

    def table_rows(self):
        return self.project.sql("SELECT 'latest' AS t, k, id, n, amount FROM serving.latest UNION ALL "
                                "SELECT 'history', k, id, n, amount FROM serving.history")

    def found(self):
        topic = self.project.tap("events")
        rows = self.table_rows()
        letters = [(pipeline, letter) for pipeline in ("capture", "store")
                   for letter in self.project.json("dlq", "show", pipeline, "--limit", "10000")]
        return topic, rows, letters

    def check(self, redriven=False):
        """Raises Wrong when anything was lost, doubled or misplaced. Returns nothing."""
        topic, rows, letters = self.found()
        wrong = []

        def compare(what, found, expected):
            found, expected = collections.Counter(found), collections.Counter(expected)
            lost, doubled = expected - found, found - expected
            if lost or doubled:
                wrong.append(f"{what}: lost {sum(lost.values())} {list(lost)[:3]}, "
                             f"too many {sum(doubled.values())} {list(doubled)[:3]}")

        good = [(i, k, n) for _, reason, i, k, n in self.produced if reason is None]
        compare("topic", [(r["value"]["id"], r["value"]["k"], r["value"]["n"]) for r in topic], good)
        for record in topic:
            if record["key"] != record["value"]["k"] or float(record["value"]["amount"]) != record["value"]["id"] + 0.25:
                wrong.append(f"topic: {record}")
        by_key = {}
        for record in topic:
            by_key.setdefault(record["key"], []).append((record["partition"], record["offset"], record["value"]["id"]))
        for key, places in by_key.items():
            if len({partition for partition, _, _ in places}) != 1 or [p[2] for p in sorted(places)] != sorted(
                    p[2] for p in places):
                wrong.append(f"topic: order of key {key}")
        stored = [x for x in good if redriven or x[2] < LIMIT]
        as_rows = {"latest": [], "history": []}
        for row in rows:
            as_rows[row["t"]].append((row["id"], row["k"], row["n"]))
        compare("append table", as_rows["history"], stored)
        newest = {k: (i, k, n) for i, k, n in stored}
        compare("keyed table", as_rows["latest"], newest.values())
        # Dead letters, by identity, reason and place.
        expected = []
        if self.source == "file":
            expected = [("capture", "*", "file:capture", i, reason) for _, reason, i, _, _ in self.produced if reason]
        else:
            expected = [("capture", "*", i, reason) for _, reason, i, _, _ in self.produced if reason]
        if not redriven:
            expected += [("store", sink, r["partition"], r["offset"], "rule_failed")
                         for sink in ("serving.latest", "serving.history") for r in topic if r["value"]["n"] >= LIMIT]
        shown = []
        for pipeline, letter in letters:
            if pipeline == "store":
                shown.append((pipeline, letter["sink"], letter["partition"], letter["offset"], letter["reason"]))
            elif self.source == "file":
                shown.append((pipeline, letter["sink"], letter["topic"], letter["offset"], letter["reason"]))
            else:
                shown.append((pipeline, letter["sink"], letter["value"]["id"], letter["reason"]))
        compare("dead letters", shown, expected)
        rejected = sum(1 for _, reason, *_ in self.produced if reason)
        for (pipeline, sink), ledger in self.project.ledger().items():
            if not leat.balanced(ledger):
                wrong.append(f"ledger of {pipeline}/{sink} is not balanced: {ledger}")
            if redriven:
                continue
            if pipeline == "capture":
                want = {"rejected": rejected, "delivered": len(good)}
            else:
                want = {"in": len(good), "delivered": len(stored), "rejected": len(good) - len(stored)}
            have = {name: ledger[name] for name in want}
            if have != want:
                wrong.append(f"ledger of {pipeline}/{sink}: {have}, expected {want}")
        if wrong:
            raise Wrong("\n".join(wrong))


class Benches:
    """One bench per worker thread, reused over rounds."""

    def __init__(self, source, env=None, make=Bench):
        self.source, self.env, self.make = source, env or {}, make
        self.all, self.local = [], threading.local()
        self.prepare = lambda bench: None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for bench in self.all:
            bench.__exit__()

    def mine(self):
        if not hasattr(self.local, "bench"):
            self.local.bench = self.make(self.source)
            self.local.bench.project.env.update(self.env)
            self.prepare(self.local.bench)
            self.all.append(self.local.bench)
        return self.local.bench


def in_parallel(jobs):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def events_api(directory):
    """Writes a recording of the produced records; pages are cut anew by the request's parameters."""
    body = {"results": [json.loads(line) for line, *_ in lines_for(RECORDS["http"], broken=False)]}
    (directory / "page-01.json").write_text(json.dumps(body), encoding="utf-8")


class Sweep:
    """For a TestCase: one fault at each point that a clean run passes."""

    def points(self, benches):
        bench = benches.mine()
        bench.wipe()
        log = bench.project.dir / "points"
        bench.must_run(LEAT_FAULT_LOG=str(log))
        bench.check()
        names = log.read_text(encoding="utf-8").split()
        self.assertGreaterEqual(len(names), 12, names)
        return names

    def round_of(self, benches, point, n, action):
        """One fault, then a clean run and the check: (reached, what is wrong)."""
        bench = benches.mine()
        bench.wipe()
        # A run that an error stops for good says so at once; without that it would last until --timeout.
        log = bench.project.dir / "happened"
        log.unlink(missing_ok=True)
        done = bench.run(seconds=60 if action == "kill" else 8, LEAT_FAULT=f"{point}:{n}:{action}",
                         LEAT_FAULT_LOG=str(log))
        reached = f"{point} {action}" in log.read_text(encoding="utf-8").splitlines()
        if action == "kill" and reached != (done.returncode == -signal.SIGKILL):
            return reached, f"reached: {reached}, but exit {done.returncode}: {done.stderr}"
        if n == 1 and not reached:
            return reached, "a clean run passes here, this one did not"
        if action == "kill" and done.returncode not in (0, -signal.SIGKILL):
            return reached, f"exit {done.returncode}: {done.stderr}"
        if action != "kill" and done.returncode < 0:
            return reached, f"the fault brought the process down, signal {-done.returncode}: {done.stderr}"
        try:
            bench.must_run()
            bench.check()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return reached, str(error)
        return reached, None

    def sweep_point(self, benches, point, action, most):
        kills, wrong = 0, []
        for n in range(1, most + 1):
            reached, problem = self.round_of(benches, point, n, action)
            kills += reached
            if problem:
                wrong.append(f"{point}:{n}:{action}: {problem}")
            if action == "kill" and not reached:
                break
        return kills, wrong

    def sweep(self, benches, points, action, most):
        results = in_parallel([lambda point=point: self.sweep_point(benches, point, action, most) for point in points])
        wrong = [line for _, lines in results for line in lines]
        print(f"    {benches.source} source, {action}: {len(points)} points, {sum(k for k, _ in results)} "
              f"{'kills' if action == 'kill' else 'faults that happened'}, {len(wrong)} wrong", flush=True)
        self.assertEqual(wrong, [], "\n".join(wrong[:10]))
