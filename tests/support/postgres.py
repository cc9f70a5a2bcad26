"""The real PostgreSQL of the tests (tests/services/postgres), asked through psql: another client than leat's."""
import json
import os
import pathlib
import subprocess
import unittest

SERVICE = pathlib.Path(__file__).resolve().parents[1] / "services" / "postgres"


class Server:
    """`env`: of tests/services/postgres, for one that is not the shared one."""

    def __init__(self, env=None):
        self.env = {**os.environ, **env} if env else None
        self.dsn = self.service("dsn").strip()

    def service(self, *arguments):
        done = subprocess.run([SERVICE, *arguments], text=True, capture_output=True, timeout=120, env=self.env)
        if done.returncode != 0:
            raise AssertionError(f"tests/services/postgres {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def psql(self, sql):
        """Runs statements; their output as text."""
        done = subprocess.run([SERVICE, "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql], text=True,
                              capture_output=True, timeout=120, env=self.env)
        if done.returncode != 0:
            raise AssertionError(f"{sql}: {done.stderr}")
        return done.stdout

    def rows(self, query):
        """A query's rows as dictionaries, by PostgreSQL's own JSON."""
        return json.loads(self.psql(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) q"))


SHARED = Server()
DSN = SHARED.dsn
service, psql, rows = SHARED.service, SHARED.psql, SHARED.rows


def need():
    """Starts it; where it cannot be, the test is skipped, which CI counts as a failure."""
    try:
        service("up")
    except AssertionError as error:
        if os.environ.get("CI"):
            raise
        raise unittest.SkipTest(str(error)) from error
