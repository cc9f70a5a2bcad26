"""The reference project with Kafka as its log: the same files, another profile. What is there is read by kcat, too."""
import json
import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import kafka, leat, postgres  # noqa: E402

PROFILE = """\
project: {name}
topics:
  users_created: {{partitions: 4}}
  {name}_events: {{partitions: 2}}
profiles:
  local: {{}}
  cluster:
    log: {{kafka: {{brokers: "${{KAFKA_BROKERS}}", session_timeout: 6s, transaction_timeout: 6s}}}}
    stores:
      serving:   {{postgres: {{dsn: "${{WAREHOUSE_DSN}}", schema: {name}_serving}}}}
      warehouse: {{postgres: {{dsn: "${{WAREHOUSE_DSN}}", schema: {name}_warehouse}}}}
"""
EVENTS = """\
pipeline: events
source: {{topic: {name}_events, schema: schemas/event.json}}
transform:
  - sql: SELECT id, n, _key AS message_key, _partition AS part FROM input
quality:
  - {{rule: small, expect: "n < 100", on_fail: quarantine}}
sinks:
  - {{store: warehouse, table: events}}
"""
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "n": {"type": "integer"}},
          "required": ["id", "n"]}


class Kafka(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brokers = kafka.need()
        postgres.need()

    def setUp(self):
        self.name = f"e2e_{os.getpid()}_{time.time_ns() % 1_000_000}"
        self.project = self.enterContext(leat.Project())
        self.project.write("leat.yaml", PROFILE.format(name=self.name))
        # A topic of its own: tests may run beside each other.
        for path in (self.project.dir / "pipelines").iterdir():
            text = path.read_text().replace("users_created", f"{self.name}_users")
            # JSON: what other programs make of the topic is this test's own; test_topic_schemas.py has Avro.
            path.write_text("".join(line for line in text.splitlines(True) if "user_created.avsc" not in line))
        text = (self.project.dir / "leat.yaml").read_text()
        self.project.write("leat.yaml", text.replace("users_created", f"{self.name}_users"))
        self.project.env = {"WAREHOUSE_DSN": postgres.DSN, "KAFKA_BROKERS": self.brokers,
                            "USERS_API": "http://127.0.0.1:1/"}
        self.addCleanup(self.drop)

    def drop(self):
        for store in ("serving", "warehouse"):
            postgres.psql(f"DROP SCHEMA IF EXISTS {self.name}_{store} CASCADE")
        kafka.service("topics", "--delete", "--topic", f"{self.name}.*")

    def leat(self, command, *arguments, **options):
        return self.project.leat(command, "--profile", "cluster", *arguments, **options)

    def refused(self, *command):
        """What a command is refused with; nothing: it is not."""
        done = self.project.call(*command, "--profile", "cluster")
        return done.stderr if done.returncode else ""

    def json(self, command, *arguments):
        return json.loads(self.leat(command, *arguments, "--output", "json") or "[]")

    def run_once(self, *arguments):
        with leat.api() as url:
            return self.leat("run", "--drain", *arguments, env={"USERS_API": url + "api/"})

    def only_events(self):
        for path in (self.project.dir / "pipelines").iterdir():
            path.unlink()
        self.project.write("pipelines/events.yaml", EVENTS.format(name=self.name))
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        kafka.service("topics", "--create", "--topic", f"{self.name}_events", "--partitions", "2")

    def ledgers(self):
        status = self.json("status")
        return {lane["sink"]: lane for p in status["pipelines"] for lane in p["lanes"]}

    def test_topic_and_tables_equal_the_pages_value_by_value(self):
        expected = {user["login"]["uuid"]: leat.flatten(user) for user in leat.users()}
        self.run_once()
        found = {}
        for record in kafka.consume(f"{self.name}_users"):
            value = json.loads(record["payload"])
            self.assertEqual(record["key"], value["id"])
            self.assertNotIn(value["id"], found)
            value["dob"], value["registered_date"] = leat.instant(value["dob"]), leat.instant(value["registered_date"])
            found[value["id"]] = value
        self.assertEqual(found, expected)
        for store in ("serving", "warehouse"):
            found = {}
            for row in postgres.rows(f"SELECT * FROM {self.name}_{store}.created_users"):
                row.pop("_leat_version")
                row["dob"], row["registered_date"] = leat.instant(row["dob"]), leat.instant(row["registered_date"])
                found[row["id"]] = row
            self.assertEqual(found, expected)
        self.run_once()  # changes nothing
        self.assertEqual(len(kafka.consume(f"{self.name}_users")), 6000)
        for lane in self.ledgers().values():
            self.assertTrue(leat.balanced(lane["ledger"]), lane)
            self.assertIn(lane["waiting"], (0, None), lane)
            self.assertEqual(lane["ledger"]["delivered"], 6000)

    def test_what_other_programs_write_bad_records_and_a_redrive(self):
        self.only_events()
        records = [(f"k{n}", json.dumps({"id": n, "n": n})) for n in range(120)]
        kafka.produce(f"{self.name}_events", records + [("bad", "{nonsense"), ("none", '{"id": 1}')])
        kafka.kcat("-P", "-t", f"{self.name}_events", "-K", "\t", "-Z", stdin="gone\t\n")  # a null value
        self.leat("run", "--drain")
        table = f"{self.name}_warehouse.events"
        rows = {row["id"]: row for row in postgres.rows(f"SELECT * FROM {table}")}
        self.assertEqual(set(rows), set(range(100)))
        self.assertEqual(rows[7]["message_key"], "k7")
        shown = self.json("dlq", "ls")
        self.assertEqual({(group["reason"], group["count"]) for group in shown},
                         {("rule_failed", 20), ("malformed", 1), ("missing_field", 1), ("null_value", 1)})
        self.assertEqual(len(kafka.consume(f"{self.name}.events.dlq")), 23)
        # The rule is mended: its records come in, the others stay.
        path = self.project.dir / "pipelines" / "events.yaml"
        path.write_text(path.read_text().replace("n < 100", "n < 1000"))
        self.leat("dlq", "redrive", "events", "--where", "rule = 'small'")
        self.leat("run", "--drain")
        self.assertEqual(int(postgres.psql(f"SELECT count(DISTINCT id) FROM {table}")), 120)
        self.assertEqual(int(postgres.psql(f"SELECT count(*) FROM {table}")), 120)
        self.assertEqual(sum(group["count"] for group in self.json("dlq", "ls")), 3)
        # Not while a process has it, wherever that keeps its data.
        with self.project.background("run", "--profile", "cluster", "--data", "elsewhere"):
            plan = ("reset", "events", "--to", "start", "--truncate", "--dry-run")
            leat.wait_until(lambda: self.refused(*plan), "a refusal of the plan")
            self.assertIn("pipeline events is running on 127.0.0.1", self.refused(*plan[:-1], "--yes"))
            self.assertIn("pipeline events is running on", self.refused("topics", "delete", f"{self.name}_events", "--yes"))
        # From the start again, into the emptied table.
        self.leat("reset", "events", "--to", "start", "--truncate", "--yes")
        self.assertEqual(int(postgres.psql(f"SELECT count(*) FROM {table}")), 0)
        self.leat("run", "--drain")
        self.assertEqual(int(postgres.psql(f"SELECT count(*) FROM {table}")), 120)
        self.assertEqual(int(postgres.psql(f"SELECT count(DISTINCT id) FROM {table}")), 120)

    def test_topics_and_tap(self):
        self.only_events()
        kafka.produce(f"{self.name}_events", [(f"k{n}", json.dumps({"id": n, "n": n})) for n in range(30)])
        listed = {topic["topic"]: topic for topic in self.json("topics", "ls")}
        self.assertEqual(listed[f"{self.name}_events"]["partitions"], 2)
        lines = self.leat("tap", f"{self.name}_events", "--where", "n >= 20", "--output", "json").splitlines()
        self.assertEqual(sorted(json.loads(line)["value"]["id"] for line in lines), list(range(20, 30)))
        last = self.leat("tap", f"{self.name}_events", "--from", "-1", "--output", "json").splitlines()
        self.assertEqual(len(last), 2)
        self.leat("topics", "create", f"{self.name}_more", "--partitions", "3")
        self.assertEqual(self.json("topics", "show", f"{self.name}_more")["bounds"][2]["end"], 0)
        self.leat("topics", "delete", f"{self.name}_more", "--yes")
        self.assertNotIn(f"{self.name}_more", kafka.topics())

    def test_what_retention_has_taken_and_a_recreated_topic_stop_the_pipeline(self):
        self.only_events()
        topic = f"{self.name}_events"
        kafka.produce(topic, [("k", json.dumps({"id": n, "n": n})) for n in range(10)])
        self.leat("run", "--drain")
        kafka.produce(topic, [("k", json.dumps({"id": n, "n": n})) for n in range(10, 30)])
        partition = kafka.consume(topic)[0]["partition"]
        cut = self.project.dir / "cut.json"
        cut.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": partition, "offset": 20}]}))
        kafka.service("run", "org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", self.brokers,
                      "--offset-json-file", str(cut))
        done = self.project.call("run", "--profile", "cluster", "--drain")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(f"records {topic}[{partition}] from offset 10 to 19 were deleted by retention", done.stderr)
        kafka.service("topics", "--delete", "--topic", topic)
        leat.wait_until(lambda: topic not in kafka.topics(), "the topic is gone")
        kafka.service("topics", "--create", "--topic", topic, "--partitions", "2")
        done = self.project.call("run", "--profile", "cluster", "--drain")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("was recreated", done.stderr)

    def test_a_broker_that_is_away_and_one_that_comes_back(self):
        self.only_events()
        away = self.project.call("run", "--profile", "cluster", "--drain", env={"KAFKA_BROKERS": "127.0.0.1:1"})
        self.assertEqual(away.returncode, 3, away.stderr)
        self.assertIn("cannot reach Kafka at 127.0.0.1:1", away.stderr)
        self.assertIn("Connection refused", away.stderr)
        topic, table = f"{self.name}_events", f"{self.name}_warehouse.events"
        kafka.produce(topic, [(f"k{n}", json.dumps({"id": n, "n": 1})) for n in range(100)])

        def stored():
            try:
                return int(postgres.psql(f"SELECT count(*) FROM {table}"))
            except AssertionError:
                return 0

        with self.project.background("run", "--profile", "cluster") as process:
            leat.wait_until(lambda: stored() == 100, "the first 100")
            kafka.service("kill", "1")
            time.sleep(3)
            kafka.service("start", "1")
            kafka.produce(topic, [(f"k{n}", json.dumps({"id": n, "n": 1})) for n in range(100, 200)])
            leat.wait_until(lambda: stored() == 200, "the next 100")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(15), 0, process.read_errors())
        self.assertEqual(int(postgres.psql(f"SELECT count(DISTINCT id) FROM {table}")), 200)


if __name__ == "__main__":
    unittest.main()
