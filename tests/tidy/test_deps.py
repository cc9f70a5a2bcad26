"""scripts/deps takes what the lock file names, checked against its hash, or nothing."""

import base64
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Deps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        for name in ("scripts", "deps", "native", "registry/@some/thing/-"):
            (self.tree / name).mkdir(parents=True)
        for name in ("deps", "npm-packages"):
            shutil.copy(ROOT / "scripts" / name, self.tree / "scripts")
        (self.tree / "apt-packages.txt").write_text("bash\n")
        self.tarball = self.tree / "registry/@some/thing/-/thing-1.2.tgz"
        with tarfile.open(self.tarball, "w:gz") as tar:
            entry = tarfile.TarInfo("package/lib.so")
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"code"))
        self.lock(self.tarball.read_bytes())
        self.crates("")
        (self.tree / "native/Cargo.lock").write_text("")
        self.cargo = self.tree / "cargo"
        self.cargo_ends(0)

    def cargo_ends(self, code):
        """A cargo that notes how it was called."""
        self.cargo.write_text(f'#!/bin/sh\necho "$@" >>{self.tree}/called\nexit {code}\n')
        self.cargo.chmod(0o755)

    def crates(self, text):
        (self.tree / "deps/crates.txt").write_text("# NAME VERSION SHA256\n" + text)

    def lock(self, tarball):
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        packages = {"": {"name": "x"},
                    "node_modules/@some/thing": {"version": "1.2", "integrity": integrity}}
        (self.tree / "deps/package-lock.json").write_text(json.dumps({"packages": packages}))

    def run_deps(self):
        environment = dict(os.environ, npm_config_registry=f"file://{self.tree}/registry",
                           CRATES_REGISTRY=f"file://{self.tree}/crates", CARGO=str(self.cargo))
        ended = subprocess.run(["scripts/deps"], cwd=self.tree, env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return ended.returncode, ended.stdout, list((self.tree / ".deps").glob("*"))

    def test_installs_once(self):
        code, said, there = self.run_deps()
        self.assertEqual(code, 0, said)
        (npm,) = (path for path in there if path.name.startswith("npm-"))
        self.assertEqual((npm / "node_modules/@some/thing/lib.so").read_text(), "code")
        self.assertEqual(self.run_deps(), (0, "", there))
        self.assertEqual((self.tree / "called").read_text(),
                         "fetch --quiet --locked --manifest-path native/Cargo.toml\n")

    def test_crates_that_cannot_be_fetched_are_asked_for_again(self):
        self.cargo_ends(101)
        for _ in range(2):
            code, said, _ = self.run_deps()
            self.assertEqual(code, 1, said)
            self.assertIn("cargo could not fetch the crates", said)
        self.assertEqual(len((self.tree / "called").read_text().splitlines()), 2)

    def test_another_hash_is_refused(self):
        self.lock(b"something else")
        code, said, there = self.run_deps()
        self.assertEqual((code, there), (1, []), said)
        self.assertIn("thing-1.2.tgz: its hash is sha512-", said)

    def test_a_crates_source(self):
        folder = self.tree / "crates/some"
        folder.mkdir(parents=True)
        crate = folder / "some-1.0+2.crate"
        with tarfile.open(crate, "w:gz") as tar:
            entry = tarfile.TarInfo("some-1.0+2/source.c")
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"code"))
        self.crates("some 1.0+2 " + "0" * 64 + "\n")
        code, said, _ = self.run_deps()
        self.assertEqual(code, 1, said)
        self.assertIn("some-1.0+2.crate: its hash is ", said)
        digest = hashlib.sha256(crate.read_bytes()).hexdigest()
        self.crates(f"some 1.0+2 {digest}\n")
        code, said, there = self.run_deps()
        self.assertEqual(code, 0, said)
        found = [path / "source.c" for path in there if path.name == f"crate-some-{digest}"]
        self.assertEqual([path.read_text() for path in found], ["code"])
        self.assertEqual(self.run_deps()[:2], (0, ""))

    def test_no_answer(self):
        self.tarball.unlink()
        code, said, there = self.run_deps()
        self.assertEqual((code, there), (1, []), said)
        self.assertIn("/registry/@some/thing/-/thing-1.2.tgz: ", said)
        self.assertIn("Is file://", said)


if __name__ == "__main__":
    unittest.main()
