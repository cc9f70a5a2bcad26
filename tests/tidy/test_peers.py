"""bench/peers.py without Spark: its arguments, how a program with its children is measured, the table, unequal results."""
import io
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True
import peers  # noqa: E402
import peers_run  # noqa: E402
import process_tree  # noqa: E402
from cluster_run import leat  # noqa: E402

BURN = "import time\nwhile time.process_time() < {s}: pass\n"


def peers_py(*arguments):
    return subprocess.run([sys.executable, ROOT / "bench" / "peers.py", *arguments], text=True, capture_output=True)


class Arguments(unittest.TestCase):
    def test_help_has_examples(self):
        done = peers_py("--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("--jobs noop --rounds 1", "--rounds", "--records", *peers_run.JOBS):
            self.assertIn(part, done.stdout)

    def test_what_is_wrong_is_said_before_anything_starts(self):
        for arguments, said in ((("--jobs", "sort"), "invalid choice: 'sort'"), (("--rounds", "0"), "--rounds from 1"),
                                (("--records", "0.1"), "--records from 0.2"), (("noop",), "unrecognized arguments: noop")):
            with self.subTest(arguments):
                done = peers_py(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(said, done.stderr)

    def test_all_jobs_by_default(self):
        self.assertEqual(peers.parse([]).jobs, ["noop", "cassandra"])
        self.assertEqual(peers.parse(["--jobs", "noop"]).jobs, ["noop"])


class Trees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        process_tree.adopt_orphans()
        cls.addClassCleanup(process_tree.adopt_orphans, False)

    def start(self, code, **options):
        return process_tree.Tree(subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], start_new_session=True,
                                                  **options))

    def end(self, tree, seconds=30):
        deadline = time.monotonic() + seconds
        while not tree.done():
            self.assertLess(time.monotonic(), deadline, "it does not end")
            time.sleep(0.01)

    def test_what_children_use_counts_whoever_waits_for_them(self):
        code = f"""
            import subprocess, sys
            burn = [sys.executable, "-c", {BURN.format(s=0.4)!r}]
            subprocess.run(burn)                            # waited for
            subprocess.Popen(["sh", "-c", '"$@" & exit', "sh", *burn]).wait()  # an orphan, which outlives both
        """
        with self.start(code) as tree:
            self.end(tree)
        self.assertEqual(tree.leader.returncode, 0)
        self.assertGreater(tree.ended_s, 0.8)
        self.assertLess(tree.ended_s, 5)

    def test_what_runs_is_in_the_time_so_far(self):
        with self.start(BURN.format(s=60)) as tree:
            leat.wait_until(lambda: tree.cpu() > 0.1, "time passes", 30)
            self.assertFalse(tree.done())

    def test_memory_is_that_of_all_together(self):
        hold = "filled = b'x' * (60 << 20)\nprint(flush=True)\nimport sys\nsys.stdin.read()\n"
        code = f"""
            import subprocess, sys
            child = subprocess.Popen([sys.executable, "-c", {hold!r}])
            filled = b"x" * (60 << 20)
            child.wait()
        """
        with self.start(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tree:
            tree.leader.stdout.readline()
            leat.wait_until(lambda: (tree.look(), tree.mib > 120)[1], "memory of both", 30)
            tree.leader.stdin.close()
            self.end(tree)
            tree.leader.stdout.close()
        self.assertLess(tree.mib, 400)

    def test_what_processes_share_is_there_once(self):
        code = """
            import os, sys, time
            filled = b"x" * (100 << 20)
            if os.fork() == 0:
                print(flush=True)
                time.sleep(600)
            time.sleep(600)
        """
        with self.start(code, stdout=subprocess.PIPE) as tree:
            tree.leader.stdout.readline()
            leat.wait_until(lambda: (tree.look(), len(tree.living) == 2)[1], "both are seen", 30)
        tree.leader.stdout.close()
        self.assertGreater(tree.mib, 100)
        self.assertLess(tree.mib, 180)

    def test_leaving_ends_all(self):
        code = "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid, flush=True)\nimport time\ntime.sleep(600)"
        with self.start(code, stdout=subprocess.PIPE, text=True) as tree:
            child = int(tree.leader.stdout.readline())
        tree.leader.stdout.close()
        self.assertEqual(tree.leader.returncode, -signal.SIGKILL)
        with self.assertRaises(ProcessLookupError):
            os.kill(child, 0)


class Figures(unittest.TestCase):
    def run_of(self, rate, cpu=1.0, first=1.0, rows=7):
        return peers_run.Done(records=10, rate=rate, cpu_per_million=cpu, mib=100, whole=2 * cpu, first=first,
                              result=(rows,))

    def test_the_table(self):
        rows = peers.rows_of("noop: 10", {
            "leat": [self.run_of(900, 2), self.run_of(1000), self.run_of(1100)],
            "Spark 1": [self.run_of(90, 10, 4), self.run_of(50, 10, 5), self.run_of(100, 10, 6)]})
        lines = peers.table(rows).splitlines()
        second_column = ("peer", "leat", "Spark 1", "leat / Spark 1")
        self.assertEqual(len({line.index(word) for line, word in zip(lines, second_column)}), 1)
        self.assertIn("1,000 (900-1,100)", lines[1])
        self.assertIn("90 (50-100)", lines[2])
        # Of the rounds' own ratios, 10, 20 and 11: not that of the medians.
        self.assertRegex(lines[3], r"11\.00 x +0\.10 x +0\.10 x +1\.00 x +0\.20 x +the same$")

    def test_unequal_results_are_no_measure(self):
        with self.assertRaisesRegex(leat.Failed, r"the results differ: leat \(7,\); Spark \(7,\), \(8,\)"):
            peers.rows_of("noop", {"leat": [self.run_of(1), self.run_of(1)],
                                   "Spark": [self.run_of(1), self.run_of(1, rows=8)]})

    def test_what_leat_ends_with(self):
        said = ("warning: something\npipeline  sink     state  in  delivered  rejected\n"
                "p1        discard  ended   9          7         2\n2 records were rejected so far\n")
        self.assertEqual(peers_run.ledger_of(io.StringIO(said)), {"in": 9, "delivered": 7, "rejected": 2})
        with self.assertRaisesRegex(leat.Failed, "without a table of what it did:\nerror: no"):
            peers_run.ledger_of(io.StringIO("error: no\n"))

    def test_a_run_is_bounded(self):
        meter = peers_run.Meter()
        meter.in_time()
        meter.begin -= peers_run.RUN_S
        with self.assertRaisesRegex(leat.Failed, "after 600 s 0 records were done"):
            meter.in_time()

    def test_neither_start_is_in_the_rate(self):
        class Still:
            mib, ended_s = 50, 3.0

            def cpu(self):
                return 1.0

        meter = peers_run.Meter()
        meter.begin, meter.samples = 100.0, [(110.0, 1_000_000, 5.0), (112.0, 5_000_000, 13.0)]
        run = meter.done(6_000_000, Still(), None, (1,))
        self.assertEqual((run.rate, run.cpu_per_million, run.first, run.whole), (2_000_000, 2.0, 10.0, 0.5))
        meter.samples.pop()
        with self.assertRaisesRegex(leat.Failed, "a rate needs two"):
            meter.done(6_000_000, Still(), None, (1,))


if __name__ == "__main__":
    unittest.main()
