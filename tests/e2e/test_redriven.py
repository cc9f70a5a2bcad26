"""Records that were re-driven, and what comes after: resets behind them, newer records, restarts, another topic."""
import collections
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

CAPTURE = """\
pipeline: capture
source:
  schema: schemas/order.json
  file: {path: "data/*.ndjson"}
sinks:
  - {topic: orders, key: k}
"""

# Until the limit is raised it rejects what is large.
RULES = """\
quality:
  - {rule: small, expect: "n < LIMIT", on_fail: quarantine}
"""

STORE = """\
pipeline: store
source: {topic: orders}
""" + RULES + """\
sinks:
  - {store: serving, table: latest, key: [k]}
  - {store: serving, table: history}
"""

ONWARD = """\
pipeline: onward
source: {topic: orders}
""" + RULES + """\
sinks:
  - {topic: copies, key: k}
"""

LAST = """\
pipeline: last
source: {topic: copies}
sinks:
  - {store: serving, table: final, key: [k]}
"""

SCHEMA = {"type": "object", "properties": {"k": {"type": "string"}, "n": {"type": "integer"}}, "required": ["k", "n"]}


class Redriven(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(leat.Project(None))
        self.project.write("leat.yaml", "project: orders\ntopics:\n  orders: {partitions: 2}\n  late_orders: {partitions: 1}\nprofiles:\n  local: {}\n")
        self.project.write("schemas/order.json", json.dumps(SCHEMA))
        self.project.write("pipelines/capture.yaml", CAPTURE)
        (self.project.dir / "data").mkdir()

    def pipelines(self, limit, **texts):
        for name, text in texts.items():
            self.project.write(f"pipelines/{name}.yaml", text.replace("LIMIT", str(limit)))

    def append(self, records, name="a"):
        with open(self.project.dir / f"data/{name}.ndjson", "a", encoding="utf-8") as file:
            file.writelines(json.dumps({"k": k, "n": n}) + "\n" for k, n in records)

    def run_all(self):
        self.project.leat("run", "--drain", "--timeout", "60s")
        for lane, ledger in self.project.ledger().items():
            self.assertTrue(leat.balanced(ledger), (lane, ledger))

    def redrive(self, pipeline):
        self.project.leat("dlq", "redrive", pipeline)

    def letters(self):
        return sum(group["count"] for group in self.project.json("dlq", "ls"))

    def check_each_once(self, numbers):
        """Every number once in the appended table, the highest of each key in the keyed one."""
        rows = collections.Counter(row["n"] for row in self.project.sql("SELECT n FROM serving.history"))
        self.assertEqual(rows, collections.Counter(numbers))
        latest = {f"k{n % 7}": n for n in sorted(numbers)}
        self.assertEqual({r["k"]: r["n"] for r in self.project.sql("SELECT k, n FROM serving.latest")}, latest)
        self.assertEqual(self.letters(), 0)

    def stored(self, limit, table="serving.latest"):
        """20 orders, ten of which the rule of the first run rejects; then with `limit`."""
        self.append([(f"k{n % 7}", n) for n in range(20)])
        self.pipelines(10, store=STORE)
        self.run_all()
        self.assertEqual(self.letters(), 20)
        self.pipelines(limit, store=STORE)

    def reset(self, *arguments):
        return self.project.leat("reset", *arguments, "--yes")

    def test_reset_behind_records_that_were_taken_again(self):
        self.stored(100)
        self.redrive("store")
        self.run_all()
        self.check_each_once(range(20))
        self.reset("store", "--to", "start", "--truncate")
        self.run_all()
        self.check_each_once(range(20))
        # A keyed table needs no truncation.
        self.reset("store/serving.latest", "--to", "start")
        self.run_all()
        self.check_each_once(range(20))

    def test_reset_of_a_table_that_no_longer_fits_makes_it_anew(self):
        self.stored(100)
        path = self.project.dir / "pipelines" / "store.yaml"
        path.write_text(path.read_text().replace("quality:", "transform:\n  - sql: SELECT k, n::DOUBLE AS n FROM input\nquality:"))
        done = self.project.call("run", "--drain")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("does not fit the pipeline", done.stderr)
        refused = self.project.call("reset", "store", "--to", "end", "--yes")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.reset("store", "--to", "start", "--truncate")
        self.run_all()
        self.assertEqual(self.project.sql("SELECT typeof(n) AS t, count(*) AS c FROM serving.history GROUP BY 1"),
                         [{"t": "DOUBLE", "c": 20}])

    def test_reset_behind_records_that_wait_to_be_taken(self):
        self.stored(100)
        self.redrive("store")
        self.reset("store", "--to", "start", "--truncate")
        self.run_all()
        self.check_each_once(range(20))

    def test_reset_erases_the_letters_of_what_comes_again(self):
        self.stored(100)
        plan = self.reset("store", "--to", "start", "--truncate")
        self.assertIn("serving.history: 10 dead letters of records that come again are erased", plan)
        self.redrive("store")  # none: the records themselves are to come
        self.run_all()
        self.redrive("store")
        self.run_all()
        self.check_each_once(range(20))

    def test_reset_keeps_the_letters_of_what_does_not_come_again(self):
        self.stored(100)
        ends = {t["topic"]: t for t in self.project.json("topics", "ls")}
        self.assertEqual(ends["orders"]["records"], 20)
        self.reset("store", "--to", "end", "--truncate")
        self.assertEqual(self.letters(), 20)
        self.redrive("store")
        self.run_all()
        self.check_each_once(range(10, 20))

    def test_reset_of_a_topic_behind_records_that_wait(self):
        self.append([(f"k{n % 7}", n) for n in range(20)])
        self.pipelines(10, onward=ONWARD)
        self.run_all()
        self.pipelines(100, onward=ONWARD)
        self.redrive("onward")
        self.reset("onward", "--to", "start", "--truncate")
        self.run_all()
        self.assertEqual(sorted(r["value"]["n"] for r in self.project.tap("copies")), list(range(20)))

    def final(self):
        return {row["k"]: row["n"] for row in self.project.sql("SELECT k, n FROM serving.final")}

    def test_an_old_record_stays_old_over_topics_and_restarts(self):
        self.pipelines(10, onward=ONWARD, last=LAST, store=STORE)
        self.append([("a", 50), ("b", 60)])
        self.append([("a", 1)])
        self.run_all()
        self.assertEqual(self.final(), {"a": 1})
        self.pipelines(100, onward=ONWARD, last=LAST, store=STORE)
        for pipeline in ("onward", "store"):
            self.redrive(pipeline)
        self.run_all()
        # The re-driven record of `a` is older than the one that was stored; that of `b` is the only one.
        self.assertEqual(self.final(), {"a": 1, "b": 60})
        self.assertEqual(sorted((r["k"], r["n"]) for r in self.project.sql("SELECT k, n FROM serving.latest")),
                         [("a", 1), ("b", 60)])
        # What comes later wins, after restarts too.
        for n in (2, 3):
            self.append([("a", n), ("b", n)])
            self.run_all()
            self.assertEqual(self.final(), {"a": n, "b": n})
            self.assertEqual({r["k"]: r["n"] for r in self.project.sql("SELECT k, n FROM serving.latest")},
                             {"a": n, "b": n})

    def test_letters_of_a_topic_that_had_more_partitions(self):
        """Re-driven when the pipeline reads a topic of one partition by now; the first had two."""
        self.stored(100)
        late = CAPTURE.replace("capture", "late").replace("data/", "late/").replace("orders", "late_orders")
        self.project.write("late/a.ndjson", '{"k": "k6", "n": 20}\n{"k": "k0", "n": 21}\n')
        self.pipelines(100, store=STORE.replace("topic: orders", "topic: late_orders"), late=late)
        self.redrive("store")
        self.run_all()
        self.check_each_once(range(22))

    def test_another_topic_goes_on_above_the_first(self):
        """The topic that is read second has older records: what comes later to the table wins all the same."""
        self.append([("a", 1), ("b", 2)])
        self.run_all()
        capture = CAPTURE.replace("capture", "late").replace("data/", "late/").replace("orders", "late_orders")
        self.pipelines(100, late=capture)
        self.project.write("late/a.ndjson", '{"k": "a", "n": 5}\n{"k": "c", "n": 6}\n')
        last = LAST.replace("copies", "late_orders")
        self.pipelines(100, last=last)
        self.run_all()
        self.assertEqual(self.final(), {"a": 5, "c": 6})
        for step in ("restart", "reset"):
            with self.subTest(step):
                self.pipelines(100, last=LAST.replace("copies", "orders"))
                if step == "reset":
                    self.reset("last", "--to", "start")
                self.run_all()
                self.assertEqual(self.final(), {"a": 1, "b": 2, "c": 6})
                # And back: the first topic's own position is kept, its records are all read.
                self.pipelines(100, last=last)
                with open(self.project.dir / "late/a.ndjson", "a", encoding="utf-8") as file:
                    file.write('{"k": "b", "n": 7}\n')
                self.run_all()
                self.assertEqual(self.final(), {"a": 1, "b": 7, "c": 6})


if __name__ == "__main__":
    unittest.main()
