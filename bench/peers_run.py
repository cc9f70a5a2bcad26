"""The jobs of bench/peers.py, and how leat and Spark do them: the same records, columns, filter and store, each program
with all it starts from its beginning to its end."""
import contextlib
import dataclasses
import json
import os
import pathlib
import select
import subprocess
import time

from cluster_run import FIELDS, ROOT, SAMPLE_S, Run, cassandra, leat
from process_tree import Tree

RUN_S = 600  # a run that takes longer has failed
KEYSPACE = "leat_bench"
SPARK = ROOT / "bench" / "spark" / "spark"
SPARK_JOB = ROOT / "bench" / "spark" / "job.py"
WHERE = "country <> 'Denmark'"  # one in six
TIMES = ("dob", "registered_date")
COLUMNS = tuple(field for field in FIELDS if field not in ("gender", "username"))
TABLE = ", ".join({"id": "id uuid PRIMARY KEY"}.get(c, f"{c} timestamp" if c in TIMES else f"{c} text") for c in COLUMNS)
CASTS = {"id": "id::UUID AS id", **{time: f"{time}::TIMESTAMPTZ AS {time}" for time in TIMES}}  # in leat's SQL
SPARK_CASTS = {time: f"CAST({time} AS TIMESTAMP) AS {time}" for time in TIMES}  # in Spark's, which has no type for UUIDs
PIPELINE = """\
source: {{topic: {topic}, schema: schemas/user.json}}
batch: {{records: {batch}}}
transform:
  - sql: {sql}
sinks:
  - {sink}
"""
# Tells when a table has its first row, on the clock that time.monotonic() has in every process.
WATCH = """
import sys, time
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
host, port = sys.argv[1].split(":")
session = Cluster([host], port=int(port), auth_provider=PlainTextAuthProvider("cassandra", "cassandra")).connect()
print("ready", flush=True)
while not session.execute(f"SELECT id FROM {sys.argv[2]} LIMIT 1").one():
    time.sleep(0.02)
print(time.monotonic(), flush=True)
"""


@dataclasses.dataclass
class Job:
    what: str
    records: int
    batch: int  # of leat, records of a transaction
    trigger: int  # of Spark, most records of a micro-batch
    store: bool  # into Cassandra; else nowhere


JOBS = {
    "noop": Job("Kafka, JSON, filter, 11 columns, nowhere", 600_000, 20_000, 50_000, False),
    "cassandra": Job("Kafka, JSON, filter, 11 columns, Cassandra", 100_000, 5_000, 20_000, True),
}
CONCURRENCY = 256  # of Spark's connector, writes of a task in flight: leat's own default


@dataclasses.dataclass
class Done(Run):
    """A job that was done: rate and processor time from its first output to its last, and what came out of it."""
    first: float = 0.0  # seconds from the start of the process to the first output
    result: tuple = ()  # of the same job always the same


class Meter:
    """How many records were done, when, and at what processor time of the tree."""

    def __init__(self):
        self.begin, self.samples = time.monotonic(), []

    def saw(self, records, tree):
        if records and (not self.samples or self.samples[-1][1] < records):
            self.samples.append((time.monotonic(), records, tree.cpu()))

    def in_time(self):
        if time.monotonic() - self.begin > RUN_S:
            done = self.samples[-1][1] if self.samples else 0
            fail(f"after {RUN_S} s {done:,} records were done, and not all: take fewer with --records, or a quieter machine")

    def done(self, records, tree, first, result):
        if len(self.samples) < 2:
            fail(f"{records:,} records were done in {len(self.samples)} steps, where a rate needs two: take more with "
                 "--records")
        (t0, n0, c0), (t1, n1, c1) = self.samples[0], self.samples[-1]
        return Done(records, (n1 - n0) / (t1 - t0), (c1 - c0) / (n1 - n0) * 1e6, tree.mib, tree.ended_s / records * 1e6,
                    (first or t0) - self.begin, result)


class Peers:
    """Both sides of a job, on one topic."""

    def __init__(self, bench, job, cores):
        self.bench, self.job, self.cores = bench, job, cores
        self.topic, self.records = bench.users(job.records)
        self.table = f"{bench.name}_peers"
        if job.store:
            cassandra.cql(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = "
                          "{'class': 'SimpleStrategy', 'replication_factor': 1}", "SELECT key FROM system.local")
            bench.undo.append((f"table {self.table}", lambda: cassandra.cql(
                f"DROP TABLE IF EXISTS {KEYSPACE}.{self.table}", "SELECT key FROM system.local")))

    @contextlib.contextmanager
    def output(self):
        """An empty table and who looks at it, when the job has one. Gives a function: the time of the first row."""
        if not self.job.store:
            yield lambda: None
            return
        name = f"{KEYSPACE}.{self.table}"
        cassandra.cql(f"DROP TABLE IF EXISTS {name}", f"CREATE TABLE {name} ({TABLE})", "SELECT key FROM system.local")
        watcher = self.bench.start([cassandra.SERVICE, "python", "-c", WATCH, cassandra.HOST, name],
                                   stdout=subprocess.PIPE, text=True)
        with watcher:
            def line():
                return watcher.stdout.readline() or fail("who waits for the first row in Cassandra has ended (see above)")
            try:
                line()
                yield lambda: float(line())
            finally:
                watcher.kill()

    def result(self, rows):
        """What the job came to: rows, and of a table, what is in it."""
        if not rows:
            fail("no row came out of it")
        if not self.job.store:
            return (rows,)
        (found,) = cassandra.cql(f"SELECT count(*) AS n, min(dob) AS a, max(registered_date) AS z FROM "
                                 f"{KEYSPACE}.{self.table}")
        if found["n"] != rows:
            fail(f"{KEYSPACE}.{self.table} has {found['n']} rows, {rows} were written")
        return rows, found["a"], found["z"]

    # ---- leat

    def leat(self):
        sql = f"SELECT {', '.join(CASTS.get(c, c) for c in COLUMNS)} FROM input WHERE {WHERE}"
        sink = f"{{store: serving, table: {self.table}, key: [id]}}" if self.job.store else "discard: {}"
        self.bench.pipeline(PIPELINE, topic=self.topic, batch=self.job.batch, sql=sql, sink=sink)
        with self.output() as first_row:
            meter = Meter()
            with Tree(self.bench.leat("--drain", start_new_session=True)) as tree:
                while not tree.done():
                    meter.in_time()
                    meter.saw(self.bench.delivered("delivered|filtered|rejected"), tree)
                    time.sleep(SAMPLE_S)
            if tree.leader.returncode != 0:
                raise self.bench.failed(tree.leader)
            ledger = ledger_of(tree.leader.log)
            return self.done(meter, tree, first_row, ledger["in"], ledger["delivered"])

    def done(self, meter, tree, first_row, records, rows):
        if records != self.records:
            fail(f"{records:,} records were read, and {self.topic} has {self.records:,}")
        result = self.result(rows)
        return meter.done(records, tree, first_row(), result)

    # ---- Spark

    def spark_job(self, folder):
        """See bench/spark/job.py."""
        job = {"brokers": self.bench.brokers, "topic": self.topic, "fields": FIELDS, "where": WHERE, "cores": self.cores,
               "columns": [SPARK_CASTS.get(c, c) for c in COLUMNS], "trigger": self.job.trigger,
               "checkpoint": str(folder / "checkpoint")}
        if self.job.store:
            host, port = cassandra.HOST.split(":")
            job.update(host=host, port=port, keyspace=KEYSPACE, table=self.table, concurrency=CONCURRENCY)
        return json.dumps(job)

    def spark(self):
        self.bench.pipelines += 1
        folder = self.bench.project.dir / f"spark{self.bench.pipelines}"
        folder.mkdir()
        environment = {**os.environ, "TMPDIR": str(folder), "SPARK_LOCAL_DIRS": str(folder)}
        with self.output() as first_row, open(folder / "log", "w+", encoding="utf-8") as log:
            meter, records, rows = Meter(), 0, 0
            with Tree(self.bench.start([SPARK, "python", SPARK_JOB, self.spark_job(folder)], bufsize=0, env=environment,
                                       stdout=subprocess.PIPE, stderr=log, start_new_session=True)) as tree:
                for told in lines(tree, meter):
                    records, rows = records + told["records"], rows + told["rows"]
                    meter.saw(records, tree)
            tree.leader.stdout.close()
            if tree.leader.returncode != 0:
                fail(f"Spark ended with {tree.leader.returncode}; the end of what it said:\n{tail(log)}")
            return self.done(meter, tree, first_row, records, rows)


def lines(tree, meter):
    """What a program says, a JSON value a line, as it says it; until it and all it has started have ended."""
    out = tree.leader.stdout
    while not tree.done():
        meter.in_time()
        if select.select([out], [], [], 0.05)[0]:
            line = out.readline()
            if line:
                yield json.loads(line)
            else:
                time.sleep(0.05)
    for line in out:
        yield json.loads(line)


def ledger_of(log):
    """The counts of the only lane, from the table that `leat run` ends with."""
    log.seek(0)
    said = log.read()
    rows = [line.split() for line in said.splitlines()]
    for titles, cells in zip(rows, rows[1:]):
        if titles[:2] == ["pipeline", "sink"]:
            return {title: int(cell) for title, cell in zip(titles, cells) if cell.isdigit()}
    fail(f"leat run ended without a table of what it did:\n{said}")


def fail(why):
    raise leat.Failed(why)


def tail(log, most=20):
    log.seek(0)
    return "\n".join(log.read().splitlines()[-most:])


def install():
    """Spark, when it is not there yet; says what it does."""
    done = subprocess.run([SPARK, "install"])
    if done.returncode != 0:
        fail("Spark could not be installed (see above)")
    requirements = (pathlib.Path(SPARK).parent / "requirements.txt").read_text(encoding="utf-8")
    return next(line.split("==")[1].split()[0] for line in requirements.splitlines() if line.startswith("pyspark=="))
