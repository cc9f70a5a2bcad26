"""Promises that types make: each tests/compile/NAME.cc holds code that must not compile.

Every `// refuse: REGEX` line begins a snippet that lasts to the next one; what precedes the first is
shared by all. A snippet must be refused with a message that matches, and the shared part alone must compile.
"""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARK = re.compile(r"^// refuse: (.*)$", re.M)


def compile_text(text):
    return subprocess.run(
        [os.environ.get("CXX", "g++"), "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
         "-Isrc", "-x", "c++", "-"],
        cwd=ROOT, input=text, text=True, capture_output=True)


class MustNotCompile(unittest.TestCase):
    pass


def add(path):
    def test(self):
        shared, *rest = MARK.split(path.read_text())
        self.assertTrue(rest, "no line begins with // refuse:")
        done = compile_text(shared)
        self.assertEqual(done.returncode, 0, f"the shared part does not compile:\n{done.stderr}")
        for message, snippet in zip(rest[::2], rest[1::2]):
            with self.subTest(snippet.strip()):
                done = compile_text(shared + snippet)
                self.assertNotEqual(done.returncode, 0, "this compiles")
                self.assertRegex(done.stderr, message)

    setattr(MustNotCompile, f"test_{path.stem}", test)


for source in sorted(pathlib.Path(__file__).parent.glob("*.cc")):
    add(source)
