"""Runs files of unittest tests and writes their counts; called by scripts/test.

    tests/run.py --counts FILE [--timeout SECONDS] [--only PATTERN] test_file.py...
    tests/run.py --counts FILE --junit REPORT.xml        counts ctest's report instead

The counts are JSON: {"passed": N, "failed": N, "skipped": N}. Tests import helpers from tests/.
"""

import argparse
import faulthandler
import fnmatch
import importlib.util
import json
import pathlib
import sys
import time
import traceback
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Result(unittest.TestResult):
    """Prints a line a test, and counts a test once whatever its subtests do."""

    def __init__(self):
        super().__init__()
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def startTest(self, test):
        super().startTest(test)
        self._outcome, self._started = "passed", time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.counts[self._outcome] += 1
        seconds = time.monotonic() - self._started
        print(f"  {self._outcome:8}{seconds:7.2f} s  {test.id()}", flush=True)

    def _fail(self, error):
        self._outcome = "failed"
        traceback.print_exception(*error, file=sys.stdout)

    def addError(self, test, err):
        super().addError(test, err)
        if isinstance(test, unittest.TestCase):
            self._fail(err)
        else:  # setUpClass or setUpModule: no test begins, so it counts as one of its own
            self.counts["failed"] += 1
            print(f"  failed  {test}")
            traceback.print_exception(*err, file=sys.stdout)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(f"  in {subtest}")
            self._fail(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"  skip: {reason}")
        if isinstance(test, unittest.TestCase):
            self._outcome = "skipped"
        else:
            self.counts["skipped"] += 1

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._outcome = "failed"


def load(path):
    name = "_".join(path.resolve().relative_to(ROOT).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def run(files, only, seconds):
    sys.path.insert(0, str(ROOT / "tests"))
    result = Result()
    for path in files:
        print(path, flush=True)
        if seconds:  # a test that hangs shows where, instead of dying in silence
            faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            suite = load(pathlib.Path(path))
        except Exception:
            traceback.print_exc(file=sys.stdout)
            result.counts["failed"] += 1
            continue
        tests = [t for t in tests_of(suite) if not only or fnmatch.fnmatch(t.id(), only)]
        if not tests and not only:
            print("  failed: the file holds no test")
            result.counts["failed"] += 1
        unittest.TestSuite(tests).run(result)
    faulthandler.cancel_dump_traceback_later()
    return result.counts


def count_junit(report):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        status = case.get("status")
        if case.find("skipped") is not None or status in ("notrun", "disabled"):
            # ctest says "notrun" of a test whose program is missing: that is a failure
            skipped = status != "notrun" or "SKIP" in "".join(case.itertext())
            counts["skipped" if skipped else "failed"] += 1
        elif case.find("failure") is not None or status == "fail":
            counts["failed"] += 1
        else:
            counts["passed"] += 1
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", required=True, type=pathlib.Path)
    parser.add_argument("--junit")
    parser.add_argument("--only", help="pattern of test ids, as in '*TestName*'")
    parser.add_argument("--timeout", type=int, default=0, help="seconds a file may take")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    counts = (count_junit(args.junit) if args.junit
              else run(args.files, args.only, args.timeout))
    args.counts.write_text(json.dumps(counts) + "\n")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
