"""The scripts of tests/services, without starting a server: what they say when they cannot."""
import os
import pathlib
import subprocess
import tempfile
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "services"


class Services(unittest.TestCase):
    def setUp(self):
        self.root = self.enterContext(tempfile.TemporaryDirectory())

    def call(self, name, *arguments, **env):
        return subprocess.run([FOLDER / name, *arguments], text=True, capture_output=True, timeout=30,
                              env={**os.environ, "LEAT_SERVICES": self.root, **env})

    def test_what_does_not_run_is_said(self):
        for name in ("kafka", "cassandra", "postgres", "schema-registry"):
            done = self.call(name, "status")
            self.assertEqual(done.returncode, 3, done)
            self.assertTrue(done.stdout.startswith(name + ": not "), done.stdout)

    def test_help_lists_the_verbs(self):
        for name in ("kafka", "cassandra", "postgres", "schema-registry"):
            done = self.call(name)
            self.assertEqual(done.returncode, 2, done)
            for verb in ("up", "down", "status", "clear"):
                self.assertIn(verb, done.stderr)

    def test_an_unknown_server(self):
        done = self.call("services", "up", "oracle")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("no server of name oracle", done.stderr)

    def test_where_clients_find_them(self):
        done = self.call("services", "env", KAFKA_PORT="29092", POSTGRES_PORT="25432", SCHEMA_REGISTRY_PORT="28081")
        self.assertIn("KAFKA_BROKERS=127.0.0.1:29092", done.stdout)
        self.assertIn("127.0.0.1:25432/leat", done.stdout)
        self.assertIn("SCHEMA_REGISTRY_URL=http://127.0.0.1:28081\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
