"""The reference project, end to end: every user in the topic and in the tables, value by value."""
import collections
import concurrent.futures
import pathlib
import re
import sys
import tempfile
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
        """Every fault switched on, 20 seeds: exactly 6,000 distinct records each time, none twice."""
        kinds = {"429", "500", "truncate", "reset", "slow", "duplicate", "garbage"}
        shares = "429=0.05,500=0.02,truncate=0.01,reset=0.01,slow=0.02,duplicate=0.05,garbage=0.01"

        def run(seed):
            """The keys of the topic, the lane's ledger, and which faults the API showed."""
            with leat.Project() as project, tempfile.TemporaryFile("w+") as log:
                # Small pages: many requests, so that every kind of fault is met.
                text = (project.dir / "pipelines/users_capture.yaml").read_text(encoding="utf-8")
                for before, after in (("results: 500", "results: 50"), ("to: 12", "to: 120"), ("10/s", "1000/s")):
                    self.assertIn(before, text)
                    text = text.replace(before, after)
                project.write("pipelines/users_capture.yaml", text)
                faulty = ("--fault", shares, "--seed", seed, "--requests")
                with leat.api(leat.PAGES, *faulty, log=log) as url:
                    project.leat("run", "--drain", "users_capture", env={"USERS_API": url + "api/"}, timeout=300)
                log.seek(0)
                met = re.findall(r", fault (\w+)$", log.read(), re.MULTILINE)
                (ledger,) = (l for (pipeline, _), l in project.ledger().items() if pipeline == "users_capture")
                return [r["key"] for r in project.tap("users_created")], ledger, met

        # Nearly all of a run is waiting for an API that is not well: many go at once.
        seeds, all_met = range(1, 21), collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            for seed, (keys, ledger, met) in zip(seeds, pool.map(run, seeds)):
                with self.subTest(seed=seed):
                    self.assertEqual(len(keys), 6000)
                    self.assertEqual(set(keys), set(self.expected))
                    self.assertTrue(leat.balanced(ledger), ledger)
                    self.assertEqual(ledger["delivered"], 6000)
                all_met.update(met)
        self.assertEqual(set(all_met), kinds, all_met)


if __name__ == "__main__":
    unittest.main()
