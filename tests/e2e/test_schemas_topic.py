"""The registry's schemas in a topic of Kafka, where other registries read them: `leat registry --topic`."""
import concurrent.futures
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import kafka, leat, registry  # noqa: E402

PROFILE = """\
project: {name}
profiles:
  local: {{}}
  cluster:
    log: {{kafka: {{brokers: "${{KAFKA_BROKERS}}"}}}}
    registry: {{url: "${{SCHEMA_REGISTRY_URL}}"}}
"""
READING = {"type": "record", "name": "Reading", "fields": [{"name": "id", "type": "long"}]}
MORE = {**READING, "fields": READING["fields"] + [{"name": "note", "type": "string", "default": ""}]}


class InATopic(unittest.TestCase):
    def setUp(self):
        kafka.need()
        self.name = f"kept_{os.getpid()}_{time.time_ns() % 1_000_000}"
        self.topic = f"{self.name}_schemas"
        self.project = self.enterContext(leat.Project(template=None))
        self.project.write("leat.yaml", PROFILE.format(name=self.name))
        self.project.env = {"KAFKA_BROKERS": kafka.service("brokers"), "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1"}
        self.addCleanup(kafka.service, "topics", "--delete", "--if-exists", "--topic", f"{self.name}.*")

    def serving(self):
        return registry.serving(self.project, "--profile", "cluster", "--topic", self.topic)

    def id_of(self, registry, subject, schema):
        status, answer = registry.add(subject, schema)
        self.assertEqual(status, 200, answer)
        return answer["id"]

    def records(self):
        return [(json.loads(record["key"]), record["payload"] and json.loads(record["payload"]))
                for record in kafka.consume(self.topic)]

    def test_schemas_are_records_that_other_registries_read_and_are_there_after_a_kill(self):
        with self.serving() as first:
            self.assertIn(f"0 subjects, kept in topic {self.topic}", first.process.read_output())
            self.assertEqual(self.id_of(first, "reading-value", READING), 1)
            self.assertEqual(self.id_of(first, "reading-value", MORE), 2)
            self.assertEqual(self.id_of(first, "gone", {"type": "string"}), 3)
            first.ask("DELETE", "/subjects/gone"), first.ask("DELETE", "/subjects/gone?permanent=true")
            first.ask("PUT", "/config/reading-value", {"compatibility": "FULL"})
            first.process.kill()
        settings = kafka.service("topics", "--describe", "--topic", self.topic)
        self.assertRegex(settings, r"cleanup\.policy=compact(,[a-z.]+=|\s|$)")  # alone: others refuse it with `delete`
        with self.serving() as again:
            self.assertIn("1 subjects", again.process.read_output())
            self.assertEqual(json.loads(again.ask("GET", "/schemas/ids/2")[1]["schema"]), MORE)
            self.assertEqual(again.ask("GET", "/schemas/ids/3")[0], 404)
            self.assertEqual(again.ask("GET", "/config/reading-value")[1], {"compatibilityLevel": "FULL"})
            # 3 was removed for good, and is not given again.
            self.assertEqual(self.id_of(again, "new", {"type": "int"}), 4)
        found = self.records()
        self.assertEqual(found[0][0], {"keytype": "NOOP", "magic": 1})
        self.assertEqual(found[1], ({"keytype": "SCHEMA", "subject": "reading-value", "version": 1, "magic": 1},
                                    {"subject": "reading-value", "version": 1, "id": 1, "schema": json.dumps(READING, separators=(",", ":")),
                                     "deleted": False}))
        gone = [value for key, value in found if key.get("subject") == "gone"]
        self.assertEqual([value and value["deleted"] for value in gone], [False, True, None])

    def test_who_is_started_last_has_the_topic(self):
        with self.serving() as first:
            first.add("reading-value", READING)
            with self.serving() as second:
                self.assertEqual(self.id_of(second, "reading-value", MORE), 2)
                status, told = first.add("other", READING)
                self.assertEqual((status, told["error_code"]), (500, 50001))
                self.assertIn(f"another process keeps the schema registry in topic {self.topic} by now", told["message"])
                self.assertEqual(first.ask("GET", "/schemas/ids/1")[0], 200)  # what it knows it serves
                self.assertEqual(second.ask("GET", "/subjects")[1], ["reading-value"])
                self.assertEqual(self.id_of(second, "other", READING), 1)

    def test_who_cannot_listen_takes_nothing_over(self):
        with self.serving() as first:
            done = self.project.call("registry", "--profile", "cluster", "--topic", self.topic, "--port", first.url.rsplit(":")[-1])
            self.assertIn("cannot listen", done.stderr)
            self.assertEqual(self.id_of(first, "reading-value", READING), 1)

    def test_records_behind_an_open_transaction_are_waited_for(self):
        with self.serving() as served:
            self.assertEqual(self.id_of(served, "reading-value", READING), 1)
        script = ("import time\nfrom confluent_kafka import Producer\n"
                  "p = Producer({'bootstrap.servers': sys.argv[2], 'transactional.id': sys.argv[3], 'transaction.timeout.ms': 60000})\n"
                  "p.init_transactions(); p.begin_transaction()\n"
                  "p.produce(sys.argv[3], key='{\"keytype\":\"NOOP\",\"magic\":0}', value=None); p.flush()\n"
                  "time.sleep(3); p.commit_transaction()\n")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            other = pool.submit(registry.client, "http://127.0.0.1:1", script, kafka.service("brokers"), self.topic)
            leat.wait_until(self.has_open_transaction, "the other transaction is open")
            with self.serving() as served:  # behind it nothing can be read yet
                self.assertEqual(self.id_of(served, "more-value", MORE), 2)
                self.assertFalse(self.has_open_transaction())
            other.result()

    def has_open_transaction(self):
        every = kafka.kcat("-C", "-t", self.topic, "-o", "beginning", "-e", "-q", "-f", "%o\n", "-X", "isolation.level=read_uncommitted")
        return len(every.splitlines()) > len(kafka.consume(self.topic))

    def test_odd_records_among_them_are_passed_over(self):
        with self.serving() as served:
            self.assertEqual(self.id_of(served, "reading-value", READING), 1)
            kafka.produce(self.topic, [("hello", "world"), ('{"keytype":"CONFIG","subject":null,"magic":0}', '{"defaultMetadata":' + "[" * 100_000 + "]" * 100_000 + "}")])
        with self.serving() as again:
            self.assertIn("record hello: expected a JSON object", again.process.read_errors())
            self.assertEqual(self.id_of(again, "reading-value", MORE), 2)

    def test_a_schema_that_the_topic_does_not_take_stops_no_others(self):
        kafka.service("topics", "--create", "--topic", self.topic, "--partitions", "1", "--config", "cleanup.policy=compact",
                      "--config", "max.message.bytes=2000")
        with self.serving() as served:
            status, told = served.add("large", {**READING, "doc": "x" * 3000})
            self.assertEqual((status, told["error_code"]), (422, 42209), told)
            self.assertIn("its max.message.bytes is too small", told["message"])
            self.assertEqual(self.id_of(served, "reading-value", READING), 1)

    def test_a_pipeline_registers_in_the_topic_and_reads_by_it(self):
        self.project.write("reading.avsc", json.dumps(READING))
        self.project.write("in.ndjson", '{"id": 1}\n{"id": 2}\n')
        self.project.write("pipelines/produce.yaml", "pipeline: produce\nsource: {file: {path: in.ndjson}}\n"
                           "transform:\n  - sql: SELECT id::BIGINT AS id FROM input\n"
                           f"sinks:\n  - {{topic: {self.name}_out, schema: reading.avsc}}\n")
        with self.serving() as served:
            self.project.env["SCHEMA_REGISTRY_URL"] = served.url
            self.project.leat("run", "--profile", "cluster", "--drain")
            read = self.project.leat("tap", f"{self.name}_out", "--profile", "cluster", "--output", "json").splitlines()
        self.assertIn((f"{self.name}_out-value", 1), [(key.get("subject"), key.get("version")) for key, _ in self.records()])
        self.assertEqual([json.loads(line)["value"] for line in read], [{"id": 1}, {"id": 2}])

    def test_a_topic_that_is_none_of_a_registry_is_refused(self):
        def refused(*options):
            done = self.project.call("registry", "--port", "0", *options)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            return done.stderr
        kafka.service("topics", "--create", "--topic", f"{self.name}_wide", "--partitions", "3")
        kafka.service("topics", "--create", "--topic", f"{self.name}_short", "--partitions", "1")
        kafka.service("topics", "--create", "--topic", f"{self.name}_both", "--partitions", "1", "--config", "cleanup.policy=compact,delete")
        kafka.service("topics", "--create", "--topic", f"{self.name}_words", "--partitions", "1", "--config", "cleanup.policy=compact")
        kafka.produce(f"{self.name}_words", [("hello", "world")])
        on = ("--profile", "cluster", "--topic")
        self.assertIn("has 3 partitions", refused(*on, f"{self.name}_wide"))
        for name in ("short", "both"):
            self.assertIn("its schemas would go with its retention", refused(*on, f"{self.name}_{name}"))
        self.assertIn("record hello: expected a JSON object as its key", refused(*on, f"{self.name}_words"))
        self.assertIn("no topic has that name", refused(*on, ""))
        self.assertIn("profile `local` has no `log`", refused("--profile", "local", "--topic", "x"))


if __name__ == "__main__":
    unittest.main()
