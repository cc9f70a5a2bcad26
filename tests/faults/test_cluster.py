"""Several processes on real servers: the short form of cluster.py, a round of each fault that takes little time."""
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

    def test_what_befalls_processes_and_servers(self):
        if harness.FULL:
            rounds, apart = cluster.ROUNDS, cluster.APART
        else:  # one run, and no Kafka of its own
            rounds = dict.fromkeys(("kill", "zombie", "terminate", "join", "disk_full", "password"), 1)
            apart = ()
        lost_and_doubled = cluster.run(rounds, harness.SEED, apart=apart, own_login=harness.FULL,
                                       say=lambda line: print("    " + line))
        self.assertEqual(lost_and_doubled, (0, 0))


if __name__ == "__main__":
    unittest.main()
