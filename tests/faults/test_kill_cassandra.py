"""The kill sweep with Cassandra as the store: every point at which leat may die around its writes."""
import itertools
import os
import pathlib
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
import harness  # noqa: E402
from support import cassandra  # noqa: E402

PROFILES = """\
project: %s
topics:
  events: {partitions: 2}
profiles:
  local:
    stores:
      serving: {cassandra: {contact_points: ["%s"], keyspace: %s, username: cassandra, password: cassandra}}
"""


class Bench(harness.Bench):
    """Each has a keyspace of its own in the one server. A round begins with empty tables and a project's name that no
    position is known of: making tables anew takes longer."""

    numbers, rounds = itertools.count(), itertools.count()

    def __init__(self, source):
        self.keyspace = f"kills_{os.getpid()}_{next(self.numbers)}"
        super().__init__(source)
        cassandra.cql(f"CREATE KEYSPACE {self.keyspace} WITH replication = "
                      "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}", "SELECT key FROM system.local")

    def __exit__(self, *arguments):
        cassandra.cql(f"DROP KEYSPACE IF EXISTS {self.keyspace}", "SELECT key FROM system.local")
        super().__exit__(*arguments)

    def limit(self, n):
        text = harness.STORE.replace("LIMIT", str(n))
        self.project.write("pipelines/store.yaml", text.replace(
            "table: history", "table: history, key: {partition: [k], clustering: [id]}"))

    def wipe(self):
        super().wipe()
        name = f"{self.keyspace}_{next(self.rounds)}"
        self.project.write("leat.yaml", PROFILES % (name, cassandra.HOST, self.keyspace))
        made = cassandra.cql(f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{self.keyspace}'")
        if made:
            cassandra.cql(*(f"TRUNCATE {self.keyspace}.{table}" for table in ("latest", "history")),
                          "SELECT key FROM system.local")

    def table_rows(self):
        rows = []
        for table in ("latest", "history"):
            rows += [{"t": table, **row} for row in cassandra.cql(f"SELECT k, id, n, amount FROM {self.keyspace}.{table}")]
        return rows


class KillCassandra(harness.Sweep, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cassandra.need()

    def test_kill_at_every_point_of_the_store(self):
        with harness.Benches("file", make=Bench) as benches:
            points = [p for p in self.points(benches) if p.startswith(("store.", "delivery.store"))]
            self.assertIn("store.write.before_commit", points)
            self.assertIn("store.write.after_rows", points)
            self.sweep(benches, points, "kill", 10_000 if harness.FULL else 1)

    def test_a_position_before_its_rows_is_seen(self):
        """The checker is proven by a planted bug."""
        with harness.Benches("file", make=Bench) as benches:
            bench = benches.mine()
            bench.wipe()
            bench.run(LEAT_PLANT="store_commit_before_rows", LEAT_FAULT="store.write.begin:3:kill")
            bench.must_run()
            with self.assertRaisesRegex(harness.Wrong, "lost"):
                bench.check()


if __name__ == "__main__":
    unittest.main()
