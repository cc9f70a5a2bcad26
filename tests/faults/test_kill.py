"""Kills and faults at every named point, random kill -9, and planted bugs that the checker must see (harness.py).

LEAT_FAULTS=short (default) takes each point at N = 1, 2; full goes on until a point is no longer reached.
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
from harness import (CAPTURE, FILE_SOURCE, FULL, LEAT_YAML, LIMIT, SCHEMA, SEED, STORE, Bench, Benches, Sweep, Wrong,  # noqa: E402
                     events_api, in_parallel)
from support import leat  # noqa: E402

RANDOM_KILLS = 500 if FULL else 5


class Kill(Sweep, unittest.TestCase):
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


    def test_that_breaks_the_query_engine(self):
        """An INTERNAL error of DuckDB's, after which its database answers nothing more: only the guilty record goes."""
        plant = {"LEAT_PLANT": "sql_internal_error_of_poison"}
        self.project.leat("run", "capture", "--drain", "--log-level", "off")
        self.project.leat("run", "store", "--drain", "--log-level", "off", env=plant)
        self.check("store", ["serving.history", "serving.latest"])
        shutil.rmtree(self.project.dir / ".leat")
        self.project.leat("run", "--drain", "--log-level", "off", env=plant)
        self.check("capture", ["*"])
        self.assertEqual(sorted(r["value"]["id"] for r in self.project.tap("events")), self.good)
        letter = self.project.json("dlq", "show", "capture")[0]
        self.assertEqual(letter["message"], "INTERNAL Error: a planted one")


class TooLong(unittest.TestCase):
    """A record of a file beyond the limit is stepped over: killed at each commit around it, nothing is lost or doubled."""

    ROWS = 12
    BEHIND = 5  # so many rows before it
    CAPTURE = """\
pipeline: capture
source:
  schema: schemas/row.json
  file: {path: data/NAME}
batch: {records: 3}
transform:
  - sql: SELECT n::INTEGER AS n FROM input
sinks:
  - {topic: rows, key: n}
"""

    def setUp(self):
        self.project = self.enterContext(leat.Project(None))
        self.project.write("leat.yaml", "project: long\nprofiles:\n  local: {}\n")
        self.project.write("schemas/row.json", json.dumps({"type": "object", "properties": {
            "n": {"type": "string"}, "pad": {"type": "string"}}, "required": ["n"]}))

    def check(self):
        self.assertEqual([r["value"]["n"] for r in self.project.tap("rows")], list(range(self.ROWS)))
        letters = self.project.json("dlq", "show", "capture")
        self.assertEqual([(x["reason"], x["offset"], x["whole"]) for x in letters], [("too_large", self.BEHIND, False)])
        self.assertIn(f", line {self.BEHIND + 2} (byte ", letters[0]["message"])
        self.assertTrue(all(map(leat.balanced, self.project.ledger().values())))

    def sweep(self, name, lines):
        self.project.write("pipelines/capture.yaml", self.CAPTURE.replace("NAME", name))
        self.project.write("data/" + name, "".join(lines))
        kills = 0
        for point in ("delivery.topic.before_commit", "delivery.topic.after_commit"):
            for n in range(1, 100):
                shutil.rmtree(self.project.dir / ".leat", ignore_errors=True)
                done = self.project.call("run", "--drain", "--log-level", "off", env={"LEAT_FAULT": f"{point}:{n}:kill"})
                if done.returncode == 0:
                    break
                self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                kills += 1
                self.project.leat("run", "--drain", "--log-level", "off")
                with self.subTest(f"{name} {point}:{n}"):
                    self.check()
            self.check()
        print(f"    {name}: {kills} kills around a record that is too long", flush=True)
        self.assertGreaterEqual(kills, 8)

    def test_in_csv(self):
        rows = [f"{n},x\n" for n in range(self.ROWS)]
        self.sweep("a.csv", ["n,pad\n", *rows[:self.BEHIND], '0,"' + '""\n,' * 9_000_000 + '"\n', *rows[self.BEHIND:]])

    def test_in_an_array(self):
        rows = [json.dumps({"n": str(n)}) + ",\n" for n in range(self.ROWS)]
        rows[-1] = rows[-1][:-2] + "]\n"
        large = '{"n": "0", "pad": ["' + "}]\\\"," * 7_000_000 + '", {}]},\n'
        self.sweep("a.json", ["[\n", *rows[:self.BEHIND], large, *rows[self.BEHIND:]])


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
