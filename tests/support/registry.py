"""leat's schema registry as its clients see it: `leat registry` in a folder of the test's own, plain HTTP, and
Confluent's Python and JavaScript clients (tests/services/registry-clients)."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import unittest
import urllib.error
import urllib.request

from support import leat

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "services" / "registry-clients"
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


class Registry:
    """A registry that runs: asked by HTTP."""

    def __init__(self, url, process):
        self.url, self.process = url, process

    def ask(self, method, path, body=None, headers=None):
        """(status, JSON or text)."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Content-Type": MEDIA_TYPE, **(headers or {})},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=leat.TIMEOUT_S) as answer:
                self.media_type, status, text = answer.headers["Content-Type"], answer.status, answer.read()
        except urllib.error.HTTPError as error:
            self.media_type, status, text = error.headers["Content-Type"], error.code, error.read()
        return status, json.loads(text)

    def add(self, subject, schema, **more):
        return self.ask("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema), **more})


@contextlib.contextmanager
def serving(project, *arguments, env=None):
    """`leat registry` until the end of the block."""
    with project.background("registry", "--port", "0", *arguments, env=env) as process:
        def line():
            if process.poll() is not None:
                raise leat.Failed(f"leat registry ended: {process.returncode}\n{process.read_errors()}")
            return re.search(r"listening on (\S+),", process.read_output())
        leat.wait_until(line, "leat registry listens")
        yield Registry(line().group(1), process)


def run_client(*arguments):
    """What tests/services/registry-clients prints; skipped where the client cannot be installed."""
    done = subprocess.run([CLIENTS, *arguments], text=True, capture_output=True, timeout=300)
    if done.returncode == 1 and "cannot install" in done.stderr and not os.environ.get("CI"):
        raise unittest.SkipTest(done.stderr)
    if done.returncode != 0:
        raise leat.Failed(done.stdout + done.stderr)
    return done.stdout


def client(url, script, *arguments):
    """What a script prints that has Confluent's Python client as `c` and sys.argv[2:] = arguments."""
    head = ("import sys, json\n"
            "from confluent_kafka.schema_registry import SchemaRegistryClient, Schema, SchemaReference\n"
            "from confluent_kafka.schema_registry.error import SchemaRegistryError\n"
            "c = SchemaRegistryClient({'url': sys.argv[1]})\n")
    return run_client("python", "-c", head + script, url, *arguments)


def javascript_tests(url):
    """Names of the live tests that Confluent's JavaScript package ships and that need no Kafka client; of those that passed."""
    said = run_client("javascript", url)
    files = re.findall(r"^tests of (.+)$", said, re.M)
    shipped = [name for file in files for name in re.findall(r"\b(?:it|test)\)\(['\"](.+?)['\"],", pathlib.Path(file).read_text())]
    passed = re.findall(r"^ +ok \d+ - (.+)$", said, re.M)
    return sorted(shipped), sorted(passed)
