"""What `leat docs` writes is committed: contract/ and docs/reference/ say what the program says."""

import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Docs(unittest.TestCase):
    def test_the_committed_files_are_what_the_program_writes(self):
        leat = os.environ.get("LEAT_BIN")
        self.assertTrue(leat, "LEAT_BIN names the program under test")
        done = subprocess.run([leat, "docs", "--check", "--out", str(ROOT)], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
