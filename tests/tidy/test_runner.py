"""scripts/test and .ci/run end with the line that counts, whatever ends them."""

import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKEFILE = ".PHONY: test\ntest:\n\t@scripts/test tidy\n"


class Runner(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        for name in ("scripts/test", ".ci/run"):
            (self.tree / name).parent.mkdir()
            shutil.copy(ROOT / name, self.tree / name)
        (self.tree / "Makefile").write_text(MAKEFILE)

    def start(self, deps, *command):
        """Starts a command in a tree whose first part is the script `deps`."""
        script = self.tree / "scripts" / "deps"
        script.write_text("#!/bin/sh\n" + deps)
        script.chmod(0o755)
        # A background job may have inherited a deaf ear for interrupts.
        command = ("env", "--default-signal=INT", *command)
        process = subprocess.Popen(command, cwd=self.tree, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def ends_with_a_count(self, process, said):
        printed = process.communicate(timeout=30)[0]
        self.assertEqual(process.returncode, said["code"], printed)
        self.assertEqual(printed.splitlines()[-1], "0 passed, 1 failed", printed)
        self.assertIn(said["text"], printed)

    def test_terminated(self):
        for number, word in ((signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")):
            with self.subTest(word):
                process = self.start("echo begun\nexec sleep 60\n", "scripts/test", "tidy")
                while process.stdout.readline() not in ("begun\n", ""):
                    pass
                process.send_signal(number)
                self.ends_with_a_count(process, {"code": 1, "text": f"deps: {word} after"})

    def test_behind_a_failed_make(self):
        process = self.start("exit 3\n", ".ci/run")
        self.ends_with_a_count(process, {"code": 2, "text": "Error 1"})

    def test_no_part_began(self):
        (self.tree / "Makefile").write_text("test:\n\t@exit 7\n")
        process = self.start("", ".ci/run")
        self.ends_with_a_count(process, {"code": 2, "text": "ci: no part ended"})

    def test_the_budgets_fit(self):
        listed = subprocess.run([ROOT / "scripts/test", "--budget"], text=True, check=True,
                                capture_output=True).stdout
        self.assertLessEqual(sum(int(line.split()[1]) for line in listed.splitlines()), 30 * 60)
