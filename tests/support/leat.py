"""Drives the built program as a user would: a project in a temporary folder, commands, a replayed API.

Python's standard library only. Every wait has a limit.
"""
import contextlib
import csv
import datetime
import decimal
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAT = pathlib.Path(os.environ.get("LEAT_BIN", ROOT / "build" / "leat"))
PAGES = ROOT / "examples" / "users" / "api"
TIMEOUT_S = float(os.environ.get("LEAT_TEST_TIMEOUT", "120"))


def users():
    """The recorded users, in page order, as Python sees the JSON."""
    out = []
    for path in sorted(PAGES.glob("page-*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as page:
            out += json.load(page)["results"]
    return out


def flatten(user):
    """What the reference SQL makes of a user, computed here from the page alone."""
    place = user["location"]
    return {
        "id": user["login"]["uuid"],
        "first_name": user["name"]["first"],
        "last_name": user["name"]["last"],
        "gender": user["gender"],
        "address": ", ".join(
            [f'{place["street"]["number"]} {place["street"]["name"]}', place["city"], place["state"], place["country"]]
        ),
        "post_code": str(place["postcode"]),
        "email": user["email"],
        "username": user["login"]["username"],
        "dob": instant(user["dob"]["date"]),
        "registered_date": instant(user["registered"]["date"]),
        "phone": user["phone"],
        "picture": user["picture"]["medium"],
        "country": place["country"],
    }


def instant(text):
    """ISO 8601 (or SQL's spelling) to microseconds since 1970 UTC."""
    text = text.strip().replace(" ", "T").replace("Z", "+00:00")
    if text[-3] in "+-":
        text += ":00"
    when = datetime.datetime.fromisoformat(text)
    return (when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


class Failed(AssertionError):
    pass


class Project:
    """A project folder with its data; removed at the end unless LEAT_KEEP is set."""

    def __init__(self, template="users"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="leat-"))
        if template:
            shutil.copytree(ROOT / "examples" / template, self.dir, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns(".leat", "api"))
        self.env = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not os.environ.get("LEAT_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def command(self, *arguments):
        return [str(LEAT), *map(str, arguments)]

    def environment(self, extra=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("LEAT_")}
        return {**env, **self.env, **(extra or {})}

    def call(self, *arguments, env=None, timeout=TIMEOUT_S, stdin=None):
        """Runs a command to its end; never raises for its exit code."""
        return subprocess.run(self.command(*arguments), cwd=self.dir, env=self.environment(env), text=True,
                              input=stdin, capture_output=True, timeout=timeout)

    def leat(self, *arguments, **options):
        """Runs a command that must succeed; its standard output."""
        done = self.call(*arguments, **options)
        if done.returncode != 0:
            raise Failed(f"leat {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments, **options):
        text = self.leat(*arguments, "--output", "json", **options)
        return json.loads(text, parse_float=decimal.Decimal) if text.strip() else []

    def sql(self, query):
        return self.json("sql", query)

    def tap(self, topic):
        """All records of a topic: parsed NDJSON lines."""
        text = self.leat("tap", topic, "--from", "start", "--output", "json")
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
        for record in records:
            record["key"] = record.pop("key_text", None)
        return records

    def ledger(self):
        """The lanes' ledgers, by (pipeline, sink)."""
        status = self.json("status")
        return {(p["pipeline"], lane["sink"]): lane["ledger"] for p in status["pipelines"] for lane in p["lanes"]}

    @contextlib.contextmanager
    def background(self, *arguments, env=None):
        """A command that goes on; ended with SIGTERM (then SIGKILL) at the end of the block."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(self.command(*arguments), cwd=self.dir, env=self.environment(env), text=True,
                                       stdout=out, stderr=err)
            process.read_output = lambda: (out.seek(0), out.read())[1]
            process.read_errors = lambda: (err.seek(0), err.read())[1]
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    try:
                        process.wait(15)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()


@contextlib.contextmanager
def api(directory=PAGES, *arguments, log=subprocess.PIPE):
    """A replayed API; yields its URL. What it says on stderr goes to the file `log`."""
    process = subprocess.Popen([str(LEAT), "api", "serve", str(directory), "--port", "0", *map(str, arguments)],
                               stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        line = process.stdout.readline()
        if "http://" not in line:
            process.kill()
            raise Failed(f"leat api serve: {line}{process.stderr.read() if process.stderr else ''}")
        yield line[line.index("http://"):].split()[0]
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        if process.stderr:
            process.stderr.close()


def wait_until(condition, what, seconds=TIMEOUT_S):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failed(f"not within {seconds:.0f} s: {what}")


def balanced(ledger):
    parts = ("delivered", "rejected", "dropped", "filtered", "deduplicated", "expired")
    return ledger["in"] == sum(ledger[part] for part in parts)


def rows_of_csv(text):
    return list(csv.DictReader(text.splitlines()))
