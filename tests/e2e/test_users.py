"""The reference project, end to end: every user in the topic and in the tables, value by value."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402


class Users(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = {user["login"]["uuid"]: leat.flatten(user) for user in leat.users()}

    def run_once(self, project):
        with leat.api() as url:
            project.leat("run", "--drain", env={"USERS_API": url + "api/"})

    def check_table(self, project, table):
        rows = project.sql(f"SELECT * FROM {table}")
        found = {}
        for row in rows:
            row = {name: row[name] for name in self.expected[next(iter(self.expected))]}
            row["dob"], row["registered_date"] = leat.instant(row["dob"]), leat.instant(row["registered_date"])
            self.assertNotIn(row["id"], found, "one row a key")
            found[row["id"]] = row
        self.assertEqual(len(found), 6000)
        self.assertEqual(found, self.expected)

    def test_topic_and_tables_equal_the_pages(self):
        with leat.Project() as project:
            self.run_once(project)
            records = project.tap("users_created")
            self.assertEqual(len(records), 6000)
            self.assertEqual({r["key"] for r in records}, set(self.expected))
            for record in records:
                value = dict(record["value"])
                value["dob"] = leat.instant(value["dob"])
                value["registered_date"] = leat.instant(value["registered_date"])
                self.assertEqual(value, self.expected[record["key"]])
            self.check_table(project, "serving.created_users")
            self.check_table(project, "warehouse.created_users")
            before = project.ledger()
            for lane, ledger in before.items():
                self.assertTrue(leat.balanced(ledger), lane)
                self.assertEqual(ledger["in"], 6000, lane)
                self.assertEqual(ledger["delivered"], 6000, lane)
            # A second run changes nothing.
            self.run_once(project)
            self.assertEqual(project.ledger(), before)
            self.assertEqual(len(project.tap("users_created")), 6000)

    def test_faulty_api(self):
        """Every fault switched on: exactly 6,000 distinct records, none twice."""
        faults = "429=0.05,500=0.02,truncate=0.01,reset=0.01,slow=0.02,duplicate=0.05,garbage=0.01"
        for seed in range(1, int(os.environ.get("LEAT_SEEDS", "2")) + 1):
            with self.subTest(seed=seed), leat.Project() as project:
                # Small pages: many requests, so that every kind of fault is met.
                text = (project.dir / "pipelines/users_capture.yaml").read_text(encoding="utf-8")
                text = text.replace("results: 500", "results: 50").replace("to: 12", "to: 120")
                text = text.replace("rate_limit: 10/s", "rate_limit: 1000/s")
                project.write("pipelines/users_capture.yaml", text)
                with leat.api(leat.PAGES, "--fault", faults, "--seed", seed) as url:
                    project.leat("run", "--drain", "users_capture", env={"USERS_API": url + "api/"}, timeout=300)
                keys = [record["key"] for record in project.tap("users_created")]
                self.assertEqual(len(keys), 6000)
                self.assertEqual(set(keys), set(self.expected))


if __name__ == "__main__":
    unittest.main()
