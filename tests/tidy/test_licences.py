"""What is given away carries the licences of what is in it: scripts/crate-licences and scripts/package."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(tree, *arguments, **environment):
    return subprocess.run([tree / "scripts" / "crate-licences", *arguments], text=True, capture_output=True,
                          env={**os.environ, **environment})


class Planted(unittest.TestCase):
    """A tree of crates that exists only as what its cargo says."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        self.out = self.tree / "out"
        (self.tree / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "crate-licences", self.tree / "scripts")
        (self.tree / "LICENSE").write_text("the text of Apache 2.0\n")
        self.packages, self.nodes = [], {}
        self.crate("native", None)

    def crate(self, name, licence, files=None, kind="lib", licence_file=None):
        place = self.tree / "sources" / name
        place.mkdir(parents=True)
        for file, text in (files or {}).items():
            (place / file).write_text(text)
        self.packages.append({"id": name, "name": name, "version": "1.0", "license": licence, "repository": None,
                              "license_file": licence_file, "manifest_path": str(place / "Cargo.toml"),
                              "targets": [{"kind": [kind]}]})
        self.nodes[name] = []

    def needs(self, name, other, kind=None):
        self.nodes[name].append({"pkg": other, "dep_kinds": [{"kind": kind}]})

    def collect(self, code=0):
        told = {"packages": self.packages, "resolve": {"root": "native", "nodes": [
            {"id": name, "deps": deps} for name, deps in self.nodes.items()]}}
        (self.tree / "told").write_text(json.dumps(told))
        cargo = self.tree / "cargo"
        cargo.write_text(f"#!/bin/sh\necho 'no such crate' >&2\n[ {code} = 0 ] && cat {self.tree}/told\nexit {code}\n")
        cargo.chmod(0o755)
        return run(self.tree, self.out, CARGO=str(cargo))

    def written(self):
        done = self.collect()
        self.assertEqual(done.returncode, 0, done.stderr)
        return {path.name: path.read_text() for path in self.out.iterdir()}

    def test_what_is_linked_and_nothing_else(self):
        for name, kind in (("a", "lib"), ("b", "lib"), ("macro", "proc-macro"), ("of_macro", "lib"), ("builds", "lib"),
                           ("tests", "lib")):
            self.crate(name, "MIT", {"LICENSE": f"text of {name}"}, kind)
        self.needs("native", "a")
        self.needs("a", "b")
        self.needs("a", "macro")
        self.needs("macro", "of_macro")
        self.needs("a", "builds", "build")
        self.needs("a", "tests", "dev")
        self.assertEqual(sorted(self.written()), ["a-1.0", "b-1.0"])

    def test_every_text_whole_and_named(self):
        self.crate("a", "Unlicense OR MIT", {"LICENSE-MIT": "mine", "COPYING": "how", "UNLICENSE": "none",
                                             "NOTICE.md": "so", "README.md": "read me", "licenses_test.rs": "code"})
        self.crate("b", None, {"TERMS": "terms"}, licence_file="TERMS")
        self.needs("native", "a")
        self.needs("native", "b")
        written = self.written()
        self.assertEqual(re.findall("^== (.*)$", written["a-1.0"], re.M),
                         ["COPYING", "LICENSE-MIT", "NOTICE.md", "UNLICENSE"])
        self.assertTrue(written["a-1.0"].startswith("a 1.0 Unlicense OR MIT\n"))
        self.assertIn("terms", written["b-1.0"])

    def test_apache_is_our_own_text(self):
        for name, licence in (("a", "MIT OR Apache-2.0"), ("b", "MIT/Apache-2.0")):
            self.crate(name, licence)
            self.needs("native", name)
        for text in self.written().values():
            self.assertIn("the text of Apache 2.0", text)

    def test_a_crate_of_the_same_repository_lends_its_text(self):
        for name, files in (("a", {"LICENSE": "of the house"}), ("part", {})):
            self.crate(name, "MIT", files)
            self.packages[-1].update(repository="https://x/y", authors=["z"])
            self.needs("native", name)
        self.assertIn("of the house", self.written()["part-1.0"])

    def test_a_crate_without_a_text_stops_it(self):
        for licence in ("MIT", "Apache-2.0 AND MIT", None):
            with self.subTest(licence):
                self.setUp()
                self.crate("bare", licence)
                self.needs("native", "bare")
                done = self.collect()
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"bare 1.0 ({licence or 'no licence named'}) has no text of its licence", done.stderr)

    def test_a_cargo_that_fails_is_heard(self):
        done = self.collect(code=101)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no such crate", done.stderr)
        self.assertIn("scripts/deps", done.stderr)

    def test_called_wrongly_it_says_how(self):
        done = run(self.tree)
        self.assertEqual(done.returncode, 2)
        self.assertIn("scripts/crate-licences FOLDER", done.stderr)


class Real(unittest.TestCase):
    def test_every_crate_of_native_has_its_texts(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run(ROOT, folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            there = {path.name: path.read_text() for path in pathlib.Path(folder).iterdir()}
        locked = set(re.findall(r'^name = "(.*)"\nversion = "(.*)"$', (ROOT / "native/Cargo.lock").read_text(), re.M))
        self.assertLessEqual(set(there), {"-".join(one) for one in locked})
        for name in re.findall(r"^([a-z-]+) = ", (ROOT / "native/Cargo.toml").read_text().split("[dependencies]")[1].split(
                "[profile")[0], re.M):
            self.assertTrue([one for one in there if one.startswith(f"{name}-")], f"{name} is linked and has no licence")
        for name, text in there.items():
            self.assertGreater(len(text), 500, name)

    def test_the_package_takes_what_is_compiled_in(self):
        script = (ROOT / "scripts/package").read_text()
        self.assertIn('scripts/crate-licences "$licences/crates"', script)
        linked = re.search(r"for package in (.*); do", script).group(1).split()
        wanted = set((ROOT / "apt-packages.txt").read_text().split())
        self.assertEqual([name for name in linked if name not in wanted and not name.startswith("libstd-")], [])


if __name__ == "__main__":
    unittest.main()
