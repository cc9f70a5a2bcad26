"""What the measures of bench/cluster.py stand on: topics, schemas and projects of their own on the real servers, leat's
runs with their rate, processor time and memory, rounds in turn, and the rows of the table."""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "bench"
sys.path.insert(0, str(ROOT / "tests"))
from support import cassandra, kafka, leat, postgres  # noqa: E402

PARTITIONS = 2
SAMPLE_S = 0.015  # between two looks at a running pipeline's counters
RUN_S = 300  # a run that takes longer has failed
FIELDS = ("id", "first_name", "last_name", "gender", "address", "post_code", "email", "username", "dob",
          "registered_date", "phone", "picture", "country")
SQL = "SELECT " + ", ".join({"id": "id::UUID AS id", "dob": "dob::TIMESTAMPTZ AS dob",
                             "registered_date": "registered_date::TIMESTAMPTZ AS registered_date"}.get(f, f)
                            for f in FIELDS) + " FROM input"
COLUMNS = ", ".join({"id": "id uuid PRIMARY KEY", "dob": "dob timestamptz",
                     "registered_date": "registered_date timestamptz"}.get(f, f"{f} text") for f in FIELDS)
PROJECT = """\
project: {name}
topics:
  {name}_http: {{partitions: 2}}
profiles:
  cluster:
    log: {{kafka: {{brokers: "{brokers}"}}}}
    stores:
{stores}
"""
# A store that is measured: its name and what the profile says of it. Another one is a line here.
STORES = {"warehouse": 'postgres: {{dsn: "{dsn}", schema: {name}}}',
          "serving": 'cassandra: {{contact_points: ["{cassandra}"], keyspace: leat_bench, username: cassandra, '
                     'password: cassandra}}'}


@dataclasses.dataclass
class Run:
    """Of a process: records per second while it was at work, its own processor seconds and highest memory."""
    records: int
    rate: float
    cpu_per_million: float  # processor seconds, while it was at work
    mib: float = 0.0
    whole: float = 0.0  # the same with start and end of the process


@dataclasses.dataclass
class Row:
    what: str
    leat: str
    beside: str = "-"
    ratio: str = "-"
    cpu: str = "-"
    mib: str = "-"
    goal: str = "-"
    outcome: str = ""


def spread(values, form="{:,.0f}"):
    """Median, least and most."""
    return (f"{form.format(statistics.median(values))} "
            f"({form.format(min(values))}-{form.format(max(values))})")


def reap(process, block=True):
    """Waits for a process; what it used, or None when it still runs."""
    pid, status, used = os.wait4(process.pid, 0 if block else os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return used


def seconds_of(used):
    return used.ru_utime + used.ru_stime


def cpu_so_far(pid):
    """User and system seconds of a process that runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """Everything that is made has a name with `name` in front, and is gone at the end."""

    def __init__(self, rounds, records):
        self.rounds, self.scale = rounds, records
        self.name = f"bench_{os.getpid()}"
        self.rows, self.children, self.made = [], [], {}
        self.peaks = []  # of every run under load: its batches' size, MiB
        self.pipelines = 0
        self.undo = []  # (what, how) of measures that make more than tables of PostgreSQL and topics
        self.project = leat.Project(template=None)

    def __enter__(self):
        self.brokers = kafka.need()
        postgres.need()
        values = {"name": self.name, "brokers": self.brokers, "dsn": postgres.DSN, "cassandra": cassandra.HOST}
        stores = "\n".join(f"      {store}: {{{text.format(**values)}}}" for store, text in STORES.items())
        self.project.write("leat.yaml", PROJECT.format(stores=stores, **values))
        schema = {"type": "object", "properties": {f: {"type": "string"} for f in FIELDS}, "required": list(FIELDS)}
        self.project.write("schemas/user.json", json.dumps(schema))
        schema["properties"]["n"] = {"type": "integer"}
        self.project.write("schemas/numbered.json", json.dumps(schema))
        postgres.psql(f"CREATE SCHEMA {self.name}")
        return self

    def __exit__(self, *_):
        """Also after an interrupt, which must not interrupt this."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for process in self.children:
            if process.returncode is None:
                process.kill()
                with contextlib.suppress(ChildProcessError):
                    reap(process)
        self.project.__exit__()
        for what, undo in (("schema", lambda: postgres.psql(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")),
                           ("topics", lambda: kafka.service("topics", "--delete", "--if-exists", "--topic",
                                                            rf"{self.name}[._].*")), *self.undo):
            try:
                undo()
            except (AssertionError, subprocess.SubprocessError) as error:
                print(f"bench: {what} {self.name} could not be removed: {error}", file=sys.stderr)

    # ---- programs and records

    def start(self, command, **options):
        process = subprocess.Popen([str(word) for word in command], **options)
        self.children.append(process)
        return process

    def program(self, name, *arguments):
        """What a program of bench/ says in its last line."""
        process = self.start([PROGRAMS / f"bench_{name}_bench", *arguments], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL)
        lines = process.stdout.read().splitlines()
        reap(process)
        if process.returncode != 0:
            raise leat.Failed(f"bench_{name}_bench {' '.join(map(str, arguments))} ended with {process.returncode}")
        return json.loads(lines[-1])

    def raw(self, name, *arguments):
        told = self.program(name, *arguments)
        return Run(told["records"], told["records"] / told["seconds"], told["cpu"] / told["records"] * 1e6)

    def topic(self, name):
        name = f"{self.name}_{name}"
        kafka.service("topics", "--create", "--topic", name, "--partitions", str(PARTITIONS))
        return name

    def users(self, records):
        """A topic with so many records, made once."""
        records = int(records * self.scale)
        if records not in self.made:
            topic = self.topic(f"users_{records}")
            self.program("kafka", "produce", self.brokers, topic, records)
            self.made[records] = topic
        return self.made[records], records

    def table(self, name, columns=COLUMNS, after=""):
        """A table anew, with its primary key, as an administrator makes it."""
        table = f"{self.name}.{name}"
        postgres.psql(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns}); {after.format(table=table)}")
        return table

    # ---- leat

    def pipeline(self, text, **values):
        """The only pipeline of the project from now on, under a name that has no position yet."""
        self.pipelines += 1
        name = f"p{self.pipelines}"
        folder = self.project.dir / "pipelines"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        self.project.write(f"pipelines/{name}.yaml", f"pipeline: {name}\n" + text.format(**values))
        return name

    def leat(self, *arguments, **options):
        log = open(self.project.dir / "run.log", "w+", encoding="utf-8")
        process = self.start(self.project.command("run", "--profile", "cluster", "--log-level", "warn", *arguments),
                             cwd=self.project.dir, env=self.project.environment(), stdout=log, stderr=log, **options)
        process.log = log
        return process

    def failed(self, process):
        process.log.seek(0)
        return leat.Failed(f"leat run ended with {process.returncode}\n{process.log.read()}")

    def ask(self, path):
        """An answer of the running process, or None while there is none."""
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(5)
                asked.connect(str(self.project.dir / ".leat" / "cluster" / "leat.sock"))
                asked.sendall(f"GET {path} HTTP/1.1\r\nHost: leat\r\nConnection: close\r\n\r\n".encode())
                text = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
        except OSError:
            return None
        return text if text.startswith("HTTP/1.1 200") else None

    def delivered(self, counted="delivered"):
        """`counted`: what of the ledger, such as "delivered|filtered"."""
        text = self.ask("/metrics") or ""
        return sum(int(float(n)) for n in re.findall(rf"^leat_records_(?:{counted})_total\{{[^}}]*\}} (\S+)$", text, re.M))

    def drain(self, records, batch):
        """leat until all of a topic's records are delivered. Rate and processor time are those from its first batch to
        its last, without start and end."""
        process = self.leat("--drain")
        samples, used, begin = [], None, time.monotonic()
        while used is None:
            count = self.delivered()
            if count and (not samples or samples[-1][1] < count):
                samples.append((time.monotonic(), count, cpu_so_far(process.pid)))
            time.sleep(SAMPLE_S)
            if time.monotonic() - begin > RUN_S:
                raise leat.Failed(f"leat did not deliver {records} records in {RUN_S} s")
            used = reap(process, block=False)
        if process.returncode != 0:
            raise self.failed(process)
        whole = seconds_of(used) / records * 1e6
        run = Run(records, records / (time.monotonic() - begin), whole, used.ru_maxrss / 1024, whole)
        if len(samples) > 2:
            (t0, n0, c0), (t1, n1, c1) = samples[0], samples[-1]
            run.rate, run.cpu_per_million = (n1 - n0) / (t1 - t0), (c1 - c0) / (n1 - n0) * 1e6
        self.peaks.append((batch, run.mib))
        return run

    @contextlib.contextmanager
    def running(self):
        """leat in the background, ready; `used` of the process is set at the end."""
        process = self.leat()
        try:
            leat.wait_until(lambda: process.poll() is not None or self.ask("/readyz"), "leat is ready", 60)
            if process.returncode is not None:
                raise self.failed(process)
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                process.used = reap(process)

    # ---- rounds and rows

    def paired(self, **runs):
        """Each of `runs` in turn, round after round; lists of what they gave. The order changes with the rounds."""
        out = {name: [] for name in runs}
        for number in range(self.rounds):
            order = list(runs.items())
            for name, run in order if number % 2 == 0 else reversed(order):
                out[name].append(run())
                print(f"  round {number + 1}: {name:8} {told(out[name][-1])}", flush=True)
        return out

    def row(self, *arguments, **named):
        self.rows.append(Row(*arguments, **named))

    def compare(self, what, ours, theirs, beside, goal=None):
        """A row: leat's runs beside others of the same rounds."""
        ratios = [a.rate / b.rate for a, b in zip(ours, theirs)]
        ratio = statistics.median(ratios)
        self.row(what, f"{spread([r.rate for r in ours])}/s", f"{spread([r.rate for r in theirs])}/s {beside}",
                 f"{ratio:.2f} x", *costs(ours), goal=f">= {goal} x" if goal else "-",
                 outcome=verdict(ratio >= goal) if goal else "no goal")

    def against(self, what, ours, peer, rate, factor):
        """A row: leat's runs beside a rate that was measured before, elsewhere."""
        ratio = statistics.median(r.rate for r in ours) / rate
        self.row(what, f"{spread([r.rate for r in ours])}/s", f"{rate:,}/s {peer}*", f"{ratio:.1f} x", *costs(ours),
                 goal=f">= {factor} x", outcome=verdict(ratio >= factor))


def told(thing):
    if isinstance(thing, Run):
        return f"{thing.rate:>12,.0f} records/s, {thing.cpu_per_million:.2f} CPU s/M" + (
            f" ({thing.whole:.2f} whole), {thing.mib:.0f} MiB" if thing.mib else "")
    return json.dumps(thing) if isinstance(thing, dict) else f"{thing:.3f}"


def costs(runs):
    mib = [r.mib for r in runs if r.mib]
    return spread([r.cpu_per_million for r in runs], "{:.2f}"), f"{max(mib):.0f}" if mib else "-"


def verdict(met):
    return "met" if met else "missed"
