"""The kill sweep with PostgreSQL as the store: every point at which leat may die around its transactions."""
import itertools
import os
import pathlib
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
import harness  # noqa: E402
from support import postgres  # noqa: E402

PROFILES = """\
project: kills
topics:
  events: {partitions: 2}
profiles:
  local:
    stores:
      serving: {postgres: {dsn: "%s", schema: %s}}
"""


class Bench(harness.Bench):
    """Each has a schema of its own in the one server."""

    numbers = itertools.count()

    def __init__(self, source):
        super().__init__(source)
        self.schema = f"kills_{os.getpid()}_{next(self.numbers)}"
        self.project.write("leat.yaml", PROFILES % (postgres.DSN, self.schema))

    def __exit__(self, *arguments):
        postgres.psql(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        super().__exit__(*arguments)

    def wipe(self):
        super().wipe()
        postgres.psql(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    def table_rows(self):
        columns = "k, id, n, amount"
        return postgres.rows(f"SELECT 'latest' AS t, {columns} FROM {self.schema}.latest UNION ALL "
                             f"SELECT 'history', {columns} FROM {self.schema}.history")


class KillPostgres(harness.Sweep, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        postgres.need()

    def test_kill_at_every_point_of_the_store(self):
        with harness.Benches("file", make=Bench) as benches:
            points = [p for p in self.points(benches) if p.startswith(("store.", "delivery.store"))]
            self.assertIn("store.write.before_commit", points)
            self.sweep(benches, points, "kill", 10_000 if harness.FULL else 2)


if __name__ == "__main__":
    unittest.main()
