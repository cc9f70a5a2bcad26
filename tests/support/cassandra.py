"""The real Cassandra of the tests (tests/services/cassandra), asked through DataStax's Python driver: another client
than leat's."""
import json
import os
import pathlib
import subprocess
import unittest

SERVICE = pathlib.Path(__file__).resolve().parents[1] / "services" / "cassandra"
HOST = f"127.0.0.1:{os.environ.get('CASSANDRA_PORT', '19042')}"
# Statements as a JSON list come in; the rows of the last one, as JSON with their own text for what JSON has not, go out.
CLIENT = """
import datetime, json, sys
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.query import dict_factory
host, port = sys.argv[1].split(":")
cluster = Cluster([host], port=int(port), auth_provider=PlainTextAuthProvider("cassandra", "cassandra"))
session = cluster.connect()
session.row_factory = dict_factory
session.default_timeout = 60
rows = []
for statement in json.load(sys.stdin):
    rows = list(session.execute(statement))
text = lambda v: v.isoformat(timespec="milliseconds") + "Z" if isinstance(v, datetime.datetime) else str(v)
json.dump(rows, sys.stdout, default=text)
cluster.shutdown()
"""


def service(*arguments, stdin=None, timeout=180):
    done = subprocess.run([SERVICE, *arguments], text=True, input=stdin, capture_output=True, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"tests/services/cassandra {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def need():
    """Starts it; where it cannot be, the test is skipped, which CI counts as a failure."""
    try:
        service("up")
    except AssertionError as error:
        if os.environ.get("CI"):
            raise
        raise unittest.SkipTest(str(error)) from error


def cql(*statements):
    """Runs them in order; the rows of the last one as dictionaries."""
    return json.loads(service("python", "-c", CLIENT, HOST, stdin=json.dumps(statements)))
