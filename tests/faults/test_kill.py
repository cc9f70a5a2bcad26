"""Kills and faults at every named point, random kill -9, and planted bugs that the checker must see.

A project captures records into a topic and stores the topic in a keyed and in an append table. After any
fault and a clean run, the checker compares topic, tables, dead letters and ledgers with what was produced.

LEAT_FAULTS=short (default) takes each point at N = 1, 2; full goes on until a point is no longer reached.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

FULL = os.environ.get("LEAT_FAULTS") == "full"
RECORDS = {"file": 2000 if FULL else 600, "http": 600}  # an API's page is a commit: 12 of them reach every point
PAGE = 50
RANDOM_KILLS = 500 if FULL else 5
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

    def found(self):
        topic = self.project.tap("events")
        rows = self.project.sql("SELECT 'latest' AS t, k, id, n, amount FROM serving.latest UNION ALL "
                                "SELECT 'history', k, id, n, amount FROM serving.history")
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

    def __init__(self, source, env=None):
        self.source, self.env, self.all, self.local = source, env or {}, [], threading.local()
        self.prepare = lambda bench: None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for bench in self.all:
            bench.__exit__()

    def mine(self):
        if not hasattr(self.local, "bench"):
            self.local.bench = Bench(self.source)
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


class Kill(unittest.TestCase):
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

    def test_kill_at_every_point(self):
        with Benches("file") as benches:
            self.sweep(benches, self.points(benches), "kill", 10_000 if FULL else 2)

    def test_disk_errors_at_every_point(self):
        with Benches("file") as benches:
            points = self.points(benches)
            for action in ("eio", "enospc"):
                self.sweep(benches, points, action, 5 if FULL else 1)

    def test_kill_with_http_source(self):
        api = leat.Project(None)
        with api:
            events_api(api.dir)
            with leat.api(api.dir, "--fault", "duplicate=0.2,500=0.02", "--seed", SEED) as url:
                with Benches("http", {"EVENTS_API": url}) as benches:
                    points = self.points(benches)
                    if not FULL:
                        points = [p for p in points if p.startswith(("delivery.topic", "log.commit"))]
                    self.sweep(benches, points, "kill", 10_000 if FULL else 2)

    def redrive_round(self, bench, ready, point, n, command):
        """A kill in `dlq redrive` or in the run after it; both again, and the check: (reached, what is wrong)."""
        bench.wipe()
        shutil.copytree(ready, bench.project.dir / ".leat")
        fault = {"LEAT_FAULT": f"{point}:{n}:kill"}
        done = bench.project.call("dlq", "redrive", "store", env=fault if command == "redrive" else None)
        if command == "run" and done.returncode == 0:
            done = bench.run(**fault)
        reached = done.returncode == -signal.SIGKILL
        if not reached and done.returncode != 0:
            return reached, f"exit {done.returncode}: {done.stderr}"
        try:
            if command == "redrive":
                bench.project.leat("dlq", "redrive", "store")
            bench.must_run()
            bench.check(redriven=True)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return reached, str(error)
        return reached, None

    def redrive_point(self, benches, ready, point, command, most):
        kills, wrong = 0, []
        for n in range(1, most + 1):
            reached, problem = self.redrive_round(benches.mine(), ready, point, n, command)
            kills += reached
            if problem:
                wrong.append(f"{command}: {point}:{n}:kill: {problem}")
            if not reached:
                break
        return kills, wrong

    def test_kill_in_a_redrive(self):
        with Benches("file") as benches, Bench("file") as first:
            first.must_run()
            first.check()
            ready, log = first.project.dir / "ready", first.project.dir / "points"
            shutil.copytree(first.project.dir / ".leat", ready)
            first.limit(2 * LIMIT)
            first.project.leat("dlq", "redrive", "store", env={"LEAT_FAULT_LOG": str(log)})
            first.must_run(LEAT_FAULT_LOG=str(log))
            first.check(redriven=True)
            benches.prepare = lambda bench: bench.limit(2 * LIMIT)
            jobs = [lambda point=point, command=command: self.redrive_point(benches, ready, point, command,
                                                                           10_000 if FULL else 1)
                    for point in sorted(set(log.read_text(encoding="utf-8").split())) for command in ("redrive", "run")]
            results = in_parallel(jobs)
        wrong = [line for _, lines in results for line in lines]
        kills = sum(k for k, _ in results)
        print(f"    redrive: {len(jobs) // 2} points, {kills} kills, {len(wrong)} wrong", flush=True)
        self.assertEqual(wrong, [], "\n".join(wrong[:10]))
        self.assertGreater(kills, 10)

    def random_round(self, benches, seed):
        bench = benches.mine()
        bench.wipe()
        dice = random.Random(seed)
        killed = 0
        for _ in range(dice.randint(1, 3)):
            process = subprocess.Popen(bench.project.command("run", "--drain", "--log-level", "off"),
                                       cwd=bench.project.dir, env=bench.project.environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(dice.uniform(0.02, benches.seconds))
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
            process.wait()
        try:
            bench.must_run()
            bench.check()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return killed, f"seed {seed}: {error}"
        return killed, None

    def test_random_kills(self):
        with Benches("file") as benches:
            bench = benches.mine()
            bench.wipe()
            start = time.monotonic()
            bench.must_run()
            benches.seconds = (time.monotonic() - start) * 1.5
            results = in_parallel([lambda i=i: self.random_round(benches, SEED * 100_000 + i)
                                   for i in range(RANDOM_KILLS)])
            wrong = [problem for _, problem in results if problem]
            print(f"    random: {len(results)} rounds, {sum(k for k, _ in results)} kills, {len(wrong)} wrong",
                  flush=True)
            self.assertEqual(wrong, [], "\n".join(wrong[:10]))


class Poison(unittest.TestCase):
    """A record that the process dies of ends in the dead letter; its neighbours are delivered, and once."""

    STARTS = 8

    def setUp(self):
        self.project = self.enterContext(leat.Project(None))
        self.project.write("leat.yaml", LEAT_YAML)
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        self.project.write("pipelines/capture.yaml", CAPTURE.replace("SOURCE\n", FILE_SOURCE))
        self.project.write("pipelines/store.yaml", STORE.replace("LIMIT", str(LIMIT)))
        records = [{"id": i, "k": f"k{i}", "n": i, "amount": "1.25"} for i in range(300)]
        records[150]["k"] = "poison"
        self.project.write("data/a.ndjson", "".join(json.dumps(record) + "\n" for record in records))
        self.good = [record["id"] for record in records if record["id"] != 150]

    def start_until_it_ends(self):
        """As a service manager would."""
        for start in range(1, self.STARTS + 1):
            done = self.project.call("run", "--drain", "--log-level", "off", timeout=60,
                                     env={"LEAT_PLANT": "transform_dies_of_poison"})
            if done.returncode == 0:
                print(f"    poison: found at start {start}", flush=True)
                return
            self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        self.fail(f"it still dies at start {self.STARTS}")

    def check(self, pipeline, sinks):
        letters = self.project.json("dlq", "show", pipeline)
        self.assertEqual(sorted((x["sink"], x["stage"], x["reason"], x["value"]["id"]) for x in letters),
                         [(sink, "transform", "expression_failed", 150) for sink in sinks])
        rows = self.project.sql("SELECT id FROM serving.history ORDER BY id")
        self.assertEqual([row["id"] for row in rows], self.good)
        self.assertTrue(all(map(leat.balanced, self.project.ledger().values())))

    def test_in_a_source(self):
        self.start_until_it_ends()
        self.assertEqual(sorted(r["value"]["id"] for r in self.project.tap("events")), self.good)
        self.check("capture", ["*"])

    def test_in_a_topic(self):
        self.project.leat("run", "capture", "--drain", "--log-level", "off")
        self.start_until_it_ends()
        self.check("store", ["serving.history", "serving.latest"])


class Planted(unittest.TestCase):
    """The checker is proven: each planted delivery bug must turn it red."""

    # name, source, runs (each: the environment of one run; the check follows the last one)
    BUGS = [
        ("log_skip_last_record", [{}]),
        ("topic_skip_last_record", [{}]),
        ("transform_drop_last_record", [{}]),
        ("store_skip_last_row", [{}]),
        ("dead_letter_twice", [{}]),
        ("drop_on_shutdown", [{}]),
        ("log_commit_no_progress", [{"LEAT_FAULT": "delivery.topic.after_commit:1:kill"}, {}]),
        ("input_off_by_one_seek", [{"LEAT_FAULT": "store.write.after_commit:3:kill"}, {}]),
        ("dead_letter_after_position", [{"LEAT_FAULT": "delivery.store.planted:1:kill"}, {}]),
        ("topic_position_apart", [{"LEAT_FAULT": "delivery.topic.planted:1:kill"}, {}]),
        ("store_commit_before_rows", [{"LEAT_FAULT": "store.write.after_rows:1:kill"}, {}]),
    ]

    def judge(self, bench, name, runs):
        """What the checker said, or None when it saw nothing. Where a kill falls depends on the batches' sizes and so on
        the machine's load: a few tries."""
        for _ in range(3):
            said = self.judge_once(bench, name, runs)
            if said is not None:
                return said
        return None

    def judge_once(self, bench, name, runs):
        bench.wipe()
        for env in runs:
            done = bench.run(seconds=10, LEAT_PLANT=name, **env)
            if "LEAT_FAULT" in env and done.returncode != -signal.SIGKILL:
                return None
        try:
            bench.check()
        except Wrong as error:
            return str(error)
        return None

    def redrive(self, bench, plant):
        env = {"LEAT_PLANT": plant} if plant else {}
        bench.wipe()
        bench.limit(LIMIT)
        bench.must_run(**env)
        bench.check()
        bench.limit(2 * LIMIT)
        bench.project.leat("dlq", "redrive", "store")
        bench.must_run(**env)
        bench.check(redriven=True)

    def test_each_planted_bug_turns_the_checker_red(self):
        with Benches("file") as benches:
            seen = dict(in_parallel([lambda name=name, runs=runs: (name, self.judge(benches.mine(), name, runs))
                                     for name, runs in self.BUGS]))
        # An old record that comes late must not overwrite a newer row: only a redrive shows it.
        with Bench("file") as bench:
            self.redrive(bench, None)
            try:
                self.redrive(bench, "store_drop_version_check")
                seen["store_drop_version_check"] = None
            except Wrong as error:
                seen["store_drop_version_check"] = str(error)
        with leat.Project(None) as api:
            events_api(api.dir)
            with leat.api(api.dir, "--fault", "duplicate=0.5", "--seed", SEED) as url, Bench("http") as bench:
                bench.project.env["EVENTS_API"] = url
                seen["input_no_dedup"] = self.judge(bench, "input_no_dedup", [{}])
        missed = [name for name, said in seen.items() if said is None]
        print(f"    planted: {len(seen)} bugs, {len(seen) - len(missed)} seen", flush=True)
        if os.environ.get("VERBOSE"):
            for name, said in seen.items():
                print(f"      {name}: {said and said.splitlines()[0]}")
        self.assertEqual(missed, [])


if __name__ == "__main__":
    unittest.main()
