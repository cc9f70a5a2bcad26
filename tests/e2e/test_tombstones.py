"""Rows deleted by records without a value: over all three stores from Kafka, and on the embedded log."""
import json
import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import cassandra, kafka, leat, postgres  # noqa: E402

KEYSPACE = "leat_e2e"
SESSION_S = 6  # of a process in its group
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "n": {"type": "integer"}},
          "required": ["id", "n"]}
PROFILE = """\
project: {name}
profiles:
  local: {{}}
  cluster:
    log: {{kafka: {{brokers: "${{KAFKA_BROKERS}}", session_timeout: {session}s, transaction_timeout: 6s}}}}
    stores:
      serving: {{cassandra: {{contact_points: ["${{CASSANDRA_HOST}}"], keyspace: {keyspace}, username: cassandra,
                            password: cassandra}}}}
      warehouse: {{postgres: {{dsn: "${{WAREHOUSE_DSN}}", schema: {name}}}}}
      local: {{duckdb: {{}}}}
"""
EVENTS = """\
pipeline: events
source: {{topic: {name}_events, schema: schemas/event.json}}
quality:
  - {{rule: small, expect: "n < 100", on_fail: quarantine}}
sinks:
  - {{store: serving, table: {name}, key: id, on_tombstone: delete}}
  - {{store: warehouse, table: events, key: id, on_tombstone: delete}}
  - {{store: local, table: events, key: id, on_tombstone: delete}}
"""


class Tombstones(unittest.TestCase):
    def setUp(self):
        kafka.need(), cassandra.need(), postgres.need()
        self.name = f"gone_{os.getpid()}_{time.time_ns() % 1_000_000}"
        self.project = self.enterContext(leat.Project(template=None))
        self.project.write("leat.yaml", PROFILE.format(name=self.name, keyspace=KEYSPACE, session=SESSION_S))
        self.project.write("pipelines/events.yaml", EVENTS.format(name=self.name))
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        self.project.env = {"WAREHOUSE_DSN": postgres.DSN, "KAFKA_BROKERS": kafka.service("brokers"),
                            "CASSANDRA_HOST": cassandra.HOST}
        kafka.service("topics", "--create", "--topic", f"{self.name}_events", "--partitions", "2")
        self.addCleanup(self.drop)

    def drop(self):
        postgres.psql(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")
        cassandra.cql(f"DROP TABLE IF EXISTS {KEYSPACE}.{self.name}", "SELECT key FROM system.local")
        kafka.service("topics", "--delete", "--topic", f"{self.name}.*")

    def leat(self, command, *arguments, **options):
        return self.project.leat(command, "--profile", "cluster", *arguments, **options)

    def produce(self, *pairs):
        kafka.produce(f"{self.name}_events", [(key, json.dumps({"id": key, "n": n})) for key, n in pairs])

    def delete(self, *keys):
        kafka.produce(f"{self.name}_events", [(key, "") for key in keys], "-Z")

    def stores(self):
        """What is in each of the three, by id."""
        postgres_rows = postgres.rows(f"SELECT id, n FROM {self.name}.events")
        duckdb_rows = json.loads(self.leat("sql", "SELECT id, n FROM local.events", "--output", "json"))
        cassandra_rows = cassandra.cql(f"SELECT id, n FROM {KEYSPACE}.{self.name}")
        return [{row["id"]: row["n"] for row in rows} for rows in (cassandra_rows, postgres_rows, duckdb_rows)]

    def check(self, expected):
        for store, found in zip(("cassandra", "postgres", "duckdb"), self.stores()):
            self.assertEqual(found, expected, store)

    def ledgers(self):
        status = json.loads(self.leat("status", "--output", "json"))
        return [lane["ledger"] for p in status["pipelines"] for lane in p["lanes"]]

    def test_deleted_rows_go_in_every_store_and_nothing_older_comes_back(self):
        self.produce(*((n, n) for n in range(60)), (70, 1000), (71, 71))
        self.delete(*range(0, 60, 2), 70, 99)
        self.produce((10, 11))
        self.leat("run", "--drain")
        expected = {n: n for n in range(1, 60, 2)} | {71: 71, 10: 11}
        self.check(expected)
        for ledger in self.ledgers():
            self.assertTrue(leat.balanced(ledger), ledger)
            self.assertEqual((ledger["in"], ledger["delivered"], ledger["rejected"]), (95, 94, 1))
        # A dead letter of a deleted key comes late: it is older than the delete.
        path = self.project.dir / "pipelines" / "events.yaml"
        path.write_text(path.read_text().replace("n < 100", "n < 10000"))
        self.leat("dlq", "redrive", "events")
        self.leat("run", "--drain")
        self.check(expected)
        # Keys that are none, and a row that has another than its message, are set aside.
        self.delete("twelve", 71)
        kafka.produce(f"{self.name}_events", [(500, '{"id": 5, "n": 1}')])
        self.leat("run", "--drain")
        del expected[71]
        self.check(expected)
        letters = json.loads(self.leat("dlq", "show", "events", "--output", "json"))
        self.assertEqual(sorted((letter["reason"], letter["stage"]) for letter in letters),
                         [("sink_refused", "sink")] * 3 + [("wrong_type", "decode")] * 3)
        # From the start again, everything comes out the same.
        self.leat("reset", "events", "--to", "start", "--yes")
        self.leat("run", "--drain")
        self.check({**expected})
        for ledger in self.ledgers():
            self.assertTrue(leat.balanced(ledger), ledger)

    def test_a_row_comes_back_with_a_newer_record_and_explain_says_what_a_null_value_does(self):
        self.produce((1, 1), (2, 2))
        self.delete(1)
        self.leat("run", "--drain")
        self.check({2: 2})
        self.produce((1, 3))
        self.delete(2)
        self.leat("run", "--drain")
        self.check({1: 3})
        text = self.leat("explain", "events")
        self.assertEqual(text.count("a null value deletes its key's row"), 3)
        self.assertIn("gc_grace_seconds = 1209600", text)
        self.assertIn("leat_deleted_events", text)

    def test_killed_around_its_writes_nothing_is_lost_and_nothing_comes_back(self):
        path = self.project.dir / "pipelines" / "events.yaml"
        path.write_text(path.read_text().replace("quality:", "batch: {records: 10}\nquality:"))
        expected = {}
        for turn, point in enumerate(("begin", "after_rows", "before_commit", "after_commit")):
            self.produce(*((n, turn) for n in range(40)))
            self.delete(*range(turn, 40, 4))
            self.produce((turn, 50 + turn))
            expected = {n: turn for n in range(40) if n % 4 != turn} | {turn: 50 + turn}
            for nth in (2, 5):
                killed = self.project.call("run", "--profile", "cluster", "--drain",
                                           env={"LEAT_FAULT": f"store.write.{point}:{nth}:kill"})
                self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stderr)
        time.sleep(SESSION_S + 2)  # until the killed are missed, and all partitions are the next one's
        self.leat("run", "--drain")
        self.check(expected)
        for ledger in self.ledgers():
            self.assertTrue(leat.balanced(ledger), ledger)
            self.assertEqual((ledger["in"], ledger["delivered"]), (204, 204))


LETTERS = """\
pipeline: letters
source: {topic: gone.capture.dlq, schema: schemas/event.json}
transform:
  - sql: SELECT _key AS letter, id, n FROM input
sinks:
  - {store: serving, table: letters, key: letter, on_tombstone: delete}
"""
CAPTURE = """\
pipeline: capture
source: {file: {path: "in/*.jsonl"}, schema: schemas/event.json}
quality:
  - {rule: small, expect: "n < 100", on_fail: quarantine}
sinks:
  - {topic: events, key: id}
"""


class Embedded(unittest.TestCase):
    """Topics of dead letters have null values of leat's own: each that is erased leaves one."""

    def test_a_table_of_the_dead_letters_there_are_now(self):
        project = self.enterContext(leat.Project(template=None))
        project.write("leat.yaml", "project: gone\n")
        project.write("schemas/event.json", json.dumps(SCHEMA))
        project.write("pipelines/capture.yaml", CAPTURE)
        project.write("pipelines/letters.yaml", LETTERS)
        project.write("in/a.jsonl", "".join(json.dumps({"id": n, "n": 50 * n}) + "\n" for n in range(10)))
        project.leat("run", "--drain", "capture")
        project.leat("run", "--drain")
        query = "SELECT id FROM letters ORDER BY id"
        self.assertEqual([row["id"] for row in project.sql(query)], list(range(2, 10)))
        project.leat("dlq", "purge", "capture", "--where", "value LIKE '%\"id\": 3,%'", "--yes")
        project.leat("run", "--drain")
        self.assertEqual([row["id"] for row in project.sql(query)], [2, *range(4, 10)])
        project.leat("reset", "letters", "--to", "start", "--yes")
        project.leat("run", "--drain")
        self.assertEqual([row["id"] for row in project.sql(query)], [2, *range(4, 10)])
        self.assertTrue(leat.balanced(project.ledger()["letters", "serving.letters"]))


if __name__ == "__main__":
    unittest.main()
