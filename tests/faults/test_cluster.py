"""Several processes on a real Kafka: the short form of tests/faults/cluster.py, a round of each fault."""
import pathlib
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]
import cluster  # noqa: E402
import harness  # noqa: E402
from support import cassandra, kafka, postgres  # noqa: E402


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kafka.need()
        postgres.need()
        cassandra.need()

    def test_processes_that_die_sleep_come_and_go(self):
        rounds, faults = (25, cluster.FAULTS) if harness.FULL else (1, ("kill", "zombie", "terminate", "join"))
        lost_and_doubled = cluster.run(rounds, harness.SEED, faults=faults, say=lambda line: print("    " + line))
        self.assertEqual(lost_and_doubled, (0, 0))


if __name__ == "__main__":
    unittest.main()
