"""The reference project with PostgreSQL as its stores: the same files, another profile."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat, postgres  # noqa: E402
from support.certificates import Certificates  # noqa: E402

PROFILE = """\
project: users
topics:
  users_created: {partitions: 4}
profiles:
  local: {}
  production:
    stores:
      serving:   {postgres: {dsn: "${WAREHOUSE_DSN}", schema: e2e_serving}}
      warehouse: {postgres: {dsn: "${WAREHOUSE_DSN}", schema: e2e_warehouse, timeout: 5s}}
"""

COUNTED = """\
pipeline: counted
source: {generate: {count: 30000, rate: 4000/s, keys: 300, seed: 5}}
transform:
  - sql: SELECT login.uuid::UUID AS id, email FROM input
sinks:
  - {topic: counted, key: id}
"""

STORED = """\
pipeline: stored
source: {topic: counted}
batch: {records: 200}
sinks:
  - {store: serving, table: latest, key: [id]}
  - {store: warehouse, table: history}
"""


class Postgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        postgres.need()

    def setUp(self):
        self.drop()
        self.project = self.enterContext(leat.Project())
        self.project.write("leat.yaml", PROFILE)
        self.project.env = {"WAREHOUSE_DSN": postgres.DSN, "USERS_API": "http://127.0.0.1:1/"}
        self.addCleanup(self.drop)

    @staticmethod
    def drop():
        postgres.psql("DROP SCHEMA IF EXISTS e2e_serving CASCADE; DROP SCHEMA IF EXISTS e2e_warehouse CASCADE")

    def run_once(self, env=None):
        with leat.api() as url:
            return self.project.leat("run", "--profile", "production", "--drain",
                                     env={"USERS_API": url + "api/", **(env or {})})

    def ledgers(self):
        status = self.project.json("status", "--profile", "production")
        return {(p["pipeline"], lane["sink"]): lane["ledger"] for p in status["pipelines"] for lane in p["lanes"]}

    def test_tables_equal_the_pages_value_by_value(self):
        expected = {user["login"]["uuid"]: leat.flatten(user) for user in leat.users()}
        self.run_once()
        for schema in ("e2e_serving", "e2e_warehouse"):
            found = {}
            for row in postgres.rows(f"SELECT * FROM {schema}.created_users"):
                row.pop("_leat_version")
                row["dob"], row["registered_date"] = leat.instant(row["dob"]), leat.instant(row["registered_date"])
                self.assertNotIn(row["id"], found)
                found[row["id"]] = row
            self.assertEqual(found, expected)
        types = {row["column_name"]: row["data_type"] for row in postgres.rows(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'e2e_serving' AND "
            "table_name = 'created_users'")}
        self.assertEqual((types["id"], types["dob"], types["post_code"]),
                         ("uuid", "timestamp with time zone", "text"))
        before = self.ledgers()
        for lane, ledger in before.items():
            self.assertTrue(leat.balanced(ledger), lane)
            self.assertEqual((ledger["in"], ledger["delivered"]), (6000, 6000), lane)
        self.run_once()
        self.assertEqual(self.ledgers(), before)
        done = self.project.call("sql", "--profile", "production", "SELECT * FROM serving.created_users")
        self.assertIn("store serving is a server of its own (postgres)", done.stderr)

    def test_explain_shows_the_table_without_connecting(self):
        for dsn, shown in (("file:dsn.txt", "CREATE TABLE"), ("host=db service=x", "`service` is not allowed")):
            self.project.write("dsn.txt", "postgresql://leat:geheim@127.0.0.1:1/leat")
            self.project.write("leat.yaml", PROFILE.replace("${WAREHOUSE_DSN}", dsn))
            told = self.project.leat("explain", "users_store", "--profile", "production")
            self.assertEqual(told.count(shown), 2, told)
            self.assertNotIn("geheim", told)

    def test_a_relative_secret_begins_at_the_project(self):
        self.project.write("dsn.txt", "postgresql://leat:geheim@127.0.0.1:1/leat")
        self.project.write("leat.yaml", PROFILE.replace("${WAREHOUSE_DSN}", "file:dsn.txt"))
        told = subprocess.run(self.project.command("--project", self.project.dir, "--profile", "production", "lint"),
                              cwd="/", env=self.project.environment(), text=True, capture_output=True, timeout=60)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertNotIn("secret's file", told.stdout + told.stderr)

    def test_reset_reads_its_plan_from_the_store(self):
        self.run_once()
        told = self.project.leat("reset", "users_store", "--profile", "production", "--to", "start", "--truncate", "--yes")
        self.assertIn("1506", told)  # where it stood, by partition
        self.assertEqual(postgres.rows("SELECT count(*) AS n FROM e2e_serving.created_users"), [{"n": 0}])
        self.run_once()
        self.assertEqual(postgres.rows("SELECT count(*) AS n FROM e2e_serving.created_users"), [{"n": 6000}])

    def test_what_cannot_be_reached_is_said(self):
        self.run_once()
        away = {"WAREHOUSE_DSN": "postgresql://leat:geheim@127.0.0.1:1/leat"}
        status = self.project.json("status", "--profile", "production", env=away)
        lanes = {lane["sink"]: lane for p in status["pipelines"] for lane in p["lanes"]}
        self.assertIn("refused", lanes["serving.created_users"]["error"])
        self.assertIsNone(lanes["*"]["error"])
        done = self.project.call("reset", "users_store", "--profile", "production", "--to", "start", "--truncate", "--yes",
                                 env=away)
        self.assertEqual(done.returncode, 3, done.stderr)
        done = self.project.call("run", "--profile", "production", "--drain", "--timeout", "3s", env=away)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertNotIn("geheim", done.stdout + done.stderr)
        done = self.project.call("run", "--profile", "production", "--drain",
                                 env={"WAREHOUSE_DSN": "postgresql://leat:geheim@127.0.0.1/x?service=y"})
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("`service` is not allowed", done.stderr)
        self.assertNotIn("geheim", done.stdout + done.stderr)

    def test_a_server_that_dies_while_records_flow(self):
        """kill -9 of the server and its restart, and sessions ended: nothing is lost, nothing doubled."""
        for pipeline in (self.project.dir / "pipelines").glob("*.yaml"):
            pipeline.unlink()
        self.project.write("pipelines/counted.yaml", COUNTED)
        self.project.write("pipelines/stored.yaml", STORED)
        self.addCleanup(postgres.service, "up")
        with self.project.background("run", "--profile", "production", "--drain", "--log-level", "warn") as process:
            for kill in range(3):
                time.sleep(0.7)
                self.assertIsNone(process.poll(), "it should still run")
                if kill == 1:
                    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'leat %'")
                else:
                    postgres.service("kill")
                    time.sleep(0.3)
                    postgres.service("up")
            process.wait(120)
            self.assertEqual(process.returncode, 0, process.read_errors())
        produced = [(r["value"]["id"], r["value"]["email"]) for r in self.project_records()]
        self.assertEqual(len(produced), 30000)
        history = [(row["id"], row["email"]) for row in postgres.rows("SELECT id, email FROM e2e_warehouse.history")]
        self.assertEqual(sorted(history), sorted(produced))
        latest = {row["id"]: row["email"] for row in postgres.rows("SELECT id, email FROM e2e_serving.latest")}
        self.assertEqual(latest, dict(produced))
        for lane, ledger in self.ledgers().items():
            self.assertTrue(leat.balanced(ledger), lane)
            self.assertEqual(ledger["delivered"], 30000, lane)

    def test_certificates(self):
        """A server that cannot prove who it is gets no row."""
        self.project.write("pipelines/users_store.yaml",
                           "pipeline: users_store\nsource: {topic: users_created}\n"
                           "sinks: [{store: serving, table: created_users, key: [id]}]\n")
        self.addCleanup(postgres.service, "tls", "off")
        with tempfile.TemporaryDirectory() as folder:
            made = Certificates(folder)
            strict = f"{postgres.DSN}?sslmode=verify-full&sslrootcert={folder}/ca.pem"
            for name, files, said in (
                    ("none", ("off",), "server does not support SSL"),
                    ("self-signed", made.self_signed("selfish"), "certificate verify failed"),
                    ("expired", made.signed("old", days="-1"), "certificate verify failed"),
                    ("another name", made.signed("other", "DNS:db.example.com"), "does not match host name")):
                with self.subTest(name):
                    postgres.service("tls", *files)
                    with leat.api() as url:
                        done = self.project.call("run", "--profile", "production", "--drain", "--timeout", "2s",
                                                 env={"USERS_API": url + "api/", "WAREHOUSE_DSN": strict})
                    self.assertEqual(done.returncode, 3, done.stderr)
                    self.assertIn(said, done.stderr)
                    self.assertEqual(postgres.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'e2e_serving'"), [])
            postgres.service("tls", *made.signed("good"))
            self.run_once(env={"WAREHOUSE_DSN": strict})
            self.assertEqual(postgres.rows("SELECT count(*) AS n FROM e2e_serving.created_users"), [{"n": 6000}])

    @staticmethod
    def drop_role(role):
        """Of this run, or of one that was killed: the server outlives both."""
        if postgres.rows(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            postgres.psql(f"GRANT {role} TO leat; DROP OWNED BY {role} CASCADE; DROP ROLE {role}")

    def test_a_password_that_is_changed_while_records_flow(self):
        role = "e2e_rotated"
        self.drop_role(role)
        self.addCleanup(self.drop_role, role)
        postgres.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'first'; GRANT {role} TO leat; "
                      f"GRANT CREATE ON DATABASE leat TO {role}")
        for pipeline in (self.project.dir / "pipelines").glob("*.yaml"):
            pipeline.unlink()
        self.project.write("leat.yaml", PROFILE.replace('"${WAREHOUSE_DSN}"', "file:warehouse.dsn"))
        self.project.write("pipelines/counted.yaml", COUNTED)
        self.project.write("pipelines/stored.yaml", STORED)

        def write(password):
            server = postgres.DSN.split("@")[1]
            self.project.write("warehouse.dsn", f"postgresql://{role}:{password}@{server}\n")

        write("first")
        with self.project.background("run", "--profile", "production", "--drain", "--log-level", "warn") as process:
            leat.wait_until(lambda: postgres.rows("SELECT 1 FROM pg_tables WHERE tablename = 'history'"), "rows", 30)
            postgres.psql(f"ALTER ROLE {role} PASSWORD 'second'; "
                          f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
            leat.wait_until(lambda: "authentication failed" in process.read_errors(), "the old password's refusal", 30)
            write("second")
            process.wait(120)
            self.assertEqual(process.returncode, 0, process.read_errors())
            self.assertNotIn("second", process.read_errors())
        counts = [postgres.rows(f"SELECT count(*) AS n FROM {t}")[0]["n"]
                  for t in ("e2e_warehouse.history", "e2e_serving.latest")]
        self.assertEqual(counts, [30000, 300])

    def project_records(self):
        text = self.project.leat("tap", "counted", "--profile", "production", "--from", "start", "--output", "json")
        return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    unittest.main()
