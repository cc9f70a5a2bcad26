"""The reference project on Kafka, Cassandra and PostgreSQL. What is there is read by kcat, DataStax's driver and psql."""
import json
import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import cassandra, kafka, leat, postgres, registry  # noqa: E402

KEYSPACE = "leat_e2e"
COUNTRIES = """\
pipeline: countries
source: {{topic: {name}_users, from: start}}
transform:
  - sql: SELECT country, registered_date, id, first_name, [email, username] AS names FROM input
sinks:
  - {{store: serving, table: {name}_by_country, key: {{partition: [country], clustering: [registered_date, id]}}}}
  - {{store: serving, table: {name}_by_name, key: {{partition: [country, first_name], clustering: [id]}}}}
"""
EVENTS = """\
pipeline: events
source: {{topic: {name}_events, schema: schemas/event.json}}
sinks:
  - {{store: serving, table: {name}_events, key: [id]}}
"""
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "n": {"type": "integer"}},
          "required": ["id", "n"]}


def stamp(text):
    """A time in milliseconds since 1970 UTC, as Cassandra keeps it."""
    return leat.instant(text) // 1000


class Cassandra(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brokers = kafka.need()
        postgres.need()
        cassandra.need()

    def setUp(self):
        self.name = f"e2e_{os.getpid()}_{time.time_ns() % 1_000_000}"
        self.project = self.enterContext(leat.Project())
        for path in [self.project.dir / "leat.yaml", *(self.project.dir / "pipelines").iterdir()]:
            text = path.read_text().replace("users_created", f"{self.name}_users")
            text = text.replace("project: users", f"project: {self.name}").replace("created_users", f"{self.name}_rows")
            path.write_text(text.replace("spark_streams", KEYSPACE))
        schemas = self.enterContext(registry.serving(self.enterContext(leat.Project(template=None))))
        self.project.env = {"WAREHOUSE_DSN": postgres.DSN, "KAFKA_BROKERS": self.brokers, "SCHEMA_REGISTRY_URL": schemas.url,
                            "CASSANDRA_HOST": cassandra.HOST, "CASSANDRA_PASSWORD": "cassandra",
                            "USERS_API": "http://127.0.0.1:1/"}
        self.addCleanup(self.drop)

    def drop(self):
        postgres.psql(f"DROP TABLE IF EXISTS {self.name}_rows")
        tables = cassandra.cql(f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{KEYSPACE}'")
        cassandra.cql(*(f"DROP TABLE {KEYSPACE}.{row['table_name']}" for row in tables
                        if row["table_name"].startswith(self.name)), "SELECT key FROM system.local")
        kafka.service("topics", "--delete", "--topic", f"{self.name}.*")

    def leat(self, command, *arguments, **options):
        return self.project.leat(command, "--profile", "cluster", *arguments, **options)

    def json(self, command, *arguments):
        return json.loads(self.leat(command, *arguments, "--output", "json") or "[]")

    def run_once(self, *arguments):
        with leat.api() as url:
            return self.leat("run", "--drain", *arguments, env={"USERS_API": url + "api/"})

    def rows(self, table, columns="*"):
        return cassandra.cql(f"SELECT {columns} FROM {KEYSPACE}.{self.name}_{table}")

    def only_events(self):
        for path in (self.project.dir / "pipelines").iterdir():
            path.unlink()
        self.project.write("pipelines/events.yaml", EVENTS.format(name=self.name))
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        kafka.service("topics", "--create", "--topic", f"{self.name}_events", "--partitions", "2")

    def produce(self, begin, end, n):
        kafka.produce(f"{self.name}_events", [(f"k{i}", json.dumps({"id": i, "n": n})) for i in range(begin, end)])

    def test_topic_and_both_stores_equal_the_pages_value_by_value(self):
        expected = {user["login"]["uuid"]: leat.flatten(user) for user in leat.users()}
        for user in expected.values():
            user["dob"], user["registered_date"] = user["dob"] // 1000, user["registered_date"] // 1000
        self.project.write("pipelines/countries.yaml", COUNTRIES.format(name=self.name))
        self.run_once()

        def taken(rows):
            rows = list(rows)
            for row in rows:
                row["dob"], row["registered_date"] = stamp(row["dob"]), stamp(row["registered_date"])
            found = {row["id"]: row for row in rows}
            self.assertEqual(len(found), len(rows))
            return found
        self.assertEqual(taken(json.loads(line)["value"] for line in self.leat("tap", f"{self.name}_users", "--output", "json").splitlines()), expected)
        self.assertEqual(taken(self.rows("rows")), expected)
        stored = postgres.rows(f"SELECT * FROM {self.name}_rows")
        for row in stored:
            row.pop("_leat_version")
        self.assertEqual(taken(stored), expected)
        # Other tables of the same rows, for other questions.
        for table in ("by_country", "by_name"):
            found = {(row["country"], row["id"]): (stamp(row["registered_date"]), row["names"]) for row in self.rows(table)}
            self.assertEqual(found, {(user["country"], key): (user["registered_date"], [user["email"], user["username"]])
                                     for key, user in expected.items()})
        in_order = cassandra.cql(
            f"SELECT registered_date FROM {KEYSPACE}.{self.name}_by_country WHERE country = 'Finland'")
        self.assertEqual(in_order, sorted(in_order, key=lambda row: row["registered_date"]))
        self.assertGreater(len(in_order), 100)
        # A second run, and one from the start, change nothing.
        versions = {row["id"]: row["v"] for row in self.rows("rows", "id, WRITETIME(email) AS v")}
        self.assertEqual(len(versions), 6000)
        self.run_once()
        self.assertEqual({row["id"]: row["v"] for row in self.rows("rows", "id, WRITETIME(email) AS v")}, versions)
        self.leat("reset", "users_store", "--to", "start", "--yes")
        self.run_once()
        self.assertEqual(taken(self.rows("rows")), expected)
        # Read again from the start, each row is newer than before.
        self.assertTrue(all(row["v"] > versions[row["id"]] for row in self.rows("rows", "id, WRITETIME(email) AS v")))
        for pipeline in self.json("status")["pipelines"]:
            for lane in pipeline["lanes"]:
                self.assertTrue(leat.balanced(lane["ledger"]), lane)

    def test_a_store_is_asked_in_its_own_language(self):
        self.run_once()
        one = next(iter(leat.users()))
        key = one["login"]["uuid"]
        for store, literal in (("serving", key), ("warehouse", f"'{key}'")):
            answer = self.json("sql", "--store", store,
                               f"-- by key\n/* and no other */ SELECT id, email, dob FROM {KEYSPACE + '.' if store == 'serving' else ''}"
                               f"{self.name}_rows WHERE id = {literal};")
            self.assertEqual(answer[0]["id"], key)
            self.assertEqual(answer[0]["email"], one["email"])
            self.assertEqual(stamp(answer[0]["dob"]), stamp(one["dob"]["date"]))
            limited = self.project.call("sql", "--profile", "cluster", "--store", store, "--max-rows", "2",
                                        f"SELECT * FROM {KEYSPACE + '.' if store == 'serving' else ''}{self.name}_rows")
            self.assertIn("only the first 2 rows", limited.stderr)
            written = self.project.call("sql", "--profile", "cluster", "--store", store, f"DROP TABLE {self.name}_rows")
            self.assertEqual(written.returncode, 2, written.stderr)
        hint = self.project.call("sql", "--profile", "cluster", f"SELECT * FROM serving.{self.name}_rows")
        self.assertIn("`--store serving` asks it", hint.stderr)

    def test_what_does_not_fit_is_refused_before_anything_moves(self):
        cassandra.cql(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = "
                      "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
                      f"CREATE TABLE {KEYSPACE}.{self.name}_rows (id text, email text, PRIMARY KEY (id, email))",
                      "SELECT key FROM system.local")
        with leat.api() as url:
            done = self.project.call("run", "--profile", "cluster", "--drain", env={"USERS_API": url + "api/"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("column id: the table has text, the pipeline gives uuid", done.stderr)
        self.assertIn("key: the table has ((id), email), the pipeline gives ((id))", done.stderr)

    def test_what_no_server_takes_is_told_without_one(self):
        away = {"CASSANDRA_HOST": "127.0.0.1:1", "KAFKA_BROKERS": "127.0.0.1:1", "USERS_API": "http://127.0.0.1:1/"}
        explained = self.leat("explain", "users_store", env=away)
        self.assertIn("each row at its record's version, the position after all rows", explained)
        self.assertIn("rows and position in one transaction", explained)
        self.only_events()
        path = self.project.dir / "pipelines/events.yaml"
        good = path.read_text()
        for bad, message in ((good.replace(", key: [id]", ""), "Cassandra's tables need a key"),
                             (good.replace("table: ", "table: leat_"), "names that begin with leat_ are leat's own")):
            path.write_text(bad)
            linted = self.project.call("lint", "--profile", "cluster", env=away)
            self.assertEqual(linted.returncode, 2, linted.stdout + linted.stderr)
            self.assertIn("pipelines/events.yaml:4:", linted.stdout)
            self.assertIn(message, linted.stdout)
        path.write_text(good)
        self.leat("lint", env=away)
        path = self.project.dir / "leat.yaml"
        path.write_text(path.read_text().replace("kafka: {", "kafka: {session_timeout: 6s, group_protocol: consumer, "))
        linted = self.project.call("lint", "--profile", "cluster", env=away)
        self.assertIn("`session_timeout` beside `group_protocol: consumer`", linted.stdout)

    def test_a_position_whose_answer_is_lost_is_its_own(self):
        self.only_events()
        self.produce(0, 500, 1)
        self.run_once()
        self.produce(250, 750, 2)
        done = self.project.call("run", "--profile", "cluster", "--drain",
                                 env={"LEAT_FAULT": "store.write.position:1:eio,store.write.position:3:eio"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("store.write.position", done.stderr)
        self.assertNotIn("its position is", done.stderr)
        self.assertEqual({row["id"]: row["n"] for row in self.rows("events", "id, n")},
                         {i: 1 if i < 250 else 2 for i in range(750)})

    def test_certificates(self):
        authority = pathlib.Path(cassandra.service("dir").strip()) / "tls" / "ca.pem"
        path = self.project.dir / "leat.yaml"
        original = path.read_text()

        def run(tls, limit="60s"):
            path.write_text(original.replace("username: cassandra", f"tls: {tls}\n          username: cassandra"))
            with leat.api() as url:
                return self.project.call("run", "--profile", "cluster", "--drain", "--timeout", limit,
                                         env={"USERS_API": url + "api/"})
        for tls, reason in (("{}", "unable to get local issuer certificate"),
                            (f"{{ca_file: {authority}}}", "IP address mismatch"),
                            (f"{{ca_file: {authority}, names: [other.test]}}", "IP address mismatch")):
            done = run(tls, "3s")
            self.assertEqual(done.returncode, 3, (tls, done.stderr))
            self.assertIn(f"certificate verify failed: {reason}", done.stderr)
        done = run(f"{{ca_file: {authority}, names: [cassandra.test]}}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.rows("rows", "id")), 6000)
        wrong = self.project.call("run", "--profile", "cluster", "--drain", "--timeout", "3s",
                                  env={"CASSANDRA_PASSWORD": "wr0ng"})
        self.assertEqual(wrong.returncode, 3, wrong.stderr)
        self.assertIn("username cassandra and/or password are incorrect", wrong.stderr)
        self.assertNotIn("wr0ng", wrong.stderr + wrong.stdout)

    def test_a_server_that_is_killed_and_one_that_is_away(self):
        self.only_events()
        away = self.project.call("run", "--profile", "cluster", "--drain", "--timeout", "3s",
                                 env={"CASSANDRA_HOST": "127.0.0.1:1"})
        self.assertEqual(away.returncode, 3, away.stderr)
        self.assertIn("no session with Cassandra at 127.0.0.1:1", away.stderr)
        self.assertIn("Connection refused", away.stderr)
        self.produce(0, 500, 1)

        def stored(n):
            return sum(row["n"] == n for row in self.rows("events", "id, n"))
        with self.project.background("run", "--profile", "cluster") as process:
            leat.wait_until(lambda: f"{self.name}_events" in str(cassandra.cql(
                f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{KEYSPACE}'")), "the table")
            leat.wait_until(lambda: stored(1) == 500, "the first 500")
            cassandra.service("kill")
            self.produce(250, 750, 2)
            time.sleep(2)
            cassandra.service("up")
            leat.wait_until(lambda: stored(2) == 500, "the rows that came while it was away", 60)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(15), 0, process.read_errors())
            self.assertIn("works again", process.read_errors())
        self.assertEqual({row["id"]: row["n"] for row in self.rows("events", "id, n")},
                         {i: 1 if i < 250 else 2 for i in range(750)})


if __name__ == "__main__":
    unittest.main()
