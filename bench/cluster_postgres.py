"""Measures of bench/cluster.py that end in PostgreSQL."""
import json
import pathlib
import statistics
import subprocess
import time

from cluster_run import COLUMNS, PROGRAMS, SQL, leat, postgres, reap, seconds_of, spread, told, verdict

APPEND_RECORDS, UPSERT_RECORDS = 600_000, 200_000
BATCH, LARGE = 5_000, 20_000  # records of a batch, and so of a transaction
FIRST_RECORDS = 1_000
CONNECT_LOW, CONNECT = 48_000, 70_000  # records/s of its JDBC sink, by batch size; the higher one counts
RATES, LATENCY_S, SPARK_P99_MS = (1_000, 20_000), 6, 771
FIRST_S = {"Spark": 8.4, "Flink": 14.7, "Connect": 4.7}
JVM_IDLE_MIB, JVM_LOADED_MIB = 270, 620  # Spark's driver

STORE = """\
source: {{topic: {topic}, schema: schemas/{schema}.json}}
{batch}transform:
  - sql: {sql}
sinks:
  - {{store: {store}, table: {table}, {mode}}}
"""


def store(bench, topic, table, mode, *, sql=SQL, schema="user", batch=BATCH, store="warehouse"):
    batch = f"batch: {{records: {batch}}}\n" if batch else ""
    bench.pipeline(STORE, topic=topic, table=table, mode=mode, sql=sql, schema=schema, batch=batch,
                   store=store)


def check(table, rows):
    found = int(postgres.psql(f"SELECT count(*) FROM {table}"))
    if found != rows:
        raise leat.Failed(f"{table} has {found} rows of {rows}")


def append(bench):
    """Kafka into a table with a uuid primary key, each row once, beside one COPY of the same rows by itself."""
    topic, records = bench.users(APPEND_RECORDS)

    def ours():
        table = bench.table("appended")
        store(bench, topic, "appended", "mode: append", batch=LARGE)
        run = bench.drain(records, LARGE)
        check(table, records)
        return run

    def copy():
        return bench.raw("postgres", "copy", postgres.DSN, bench.table("copied"), records)
    runs = bench.paired(leat=ours, copy=copy)
    bench.compare("Kafka to PostgreSQL, append", runs["leat"], runs["copy"], "COPY", 0.7)
    bench.against(f"  beside Connect ({CONNECT_LOW:,}-{CONNECT:,})", runs["leat"], "Connect JDBC", CONNECT, 3)


def upsert(bench):
    """Kafka into a keyed table, empty and then with every row there, beside COPY into a temporary table and INSERT ON
    CONFLICT, batches alike."""
    topic, records = bench.users(UPSERT_RECORDS)
    tables = {}

    def ours(fresh):
        if fresh:
            tables["leat"] = bench.table("kept")
        store(bench, topic, "kept", "key: [id]")
        run = bench.drain(records, BATCH)
        check(tables["leat"], records)
        return run

    def raw(fresh):
        if fresh:
            tables["raw"] = bench.table("merged")
        return bench.raw("postgres", "upsert", postgres.DSN, tables["raw"], records, BATCH)
    empty = {"leat": [], "raw": []}

    def both(name, run):  # an empty target, then the same rows once more
        first = run(True)
        print(f"  into an empty table: {name} {told(first)}", flush=True)
        empty[name].append(first)
        return run(False)
    there = bench.paired(leat=lambda: both("leat", ours), raw=lambda: both("raw", raw))
    bench.compare("Kafka to PostgreSQL, upsert, empty", empty["leat"], empty["raw"], "COPY + ON CONFLICT", 0.7)
    bench.compare("  every row already there", there["leat"], there["raw"], "COPY + ON CONFLICT", 0.7)


def latency(bench):
    """From append to visible, at a low and at a high rate."""
    columns = COLUMNS + ", n bigint, part integer"
    sql = SQL.replace(" FROM input", ", n::BIGINT AS n, _partition::INTEGER AS part FROM input")
    for rate in RATES:
        found, costs, peaks = [], [], []
        for number in range(bench.rounds):
            topic = bench.topic(f"stamped_{rate}_{number}")
            table = bench.table("seen", columns, "CREATE INDEX ON {table} (part, n)")
            store(bench, topic, "seen", "key: [id]", sql=sql, schema="numbered", batch=BATCH)
            with bench.running() as process:
                found.append(bench.program("latency", bench.brokers, topic, postgres.DSN, table, rate, LATENCY_S))
            if process.returncode != 0:
                raise bench.failed(process)
            costs.append(seconds_of(process.used) / int(postgres.psql(f"SELECT count(*) FROM {table}")) * 1e6)
            peaks.append(process.used.ru_maxrss / 1024)
            print(f"  {rate}/s, round {number + 1}: {told(found[-1])}", flush=True)
        bench.peaks += [(BATCH, mib) for mib in peaks]
        p99 = [one["p99"] for one in found]
        figures = ", ".join(spread([one[p] for one in found], "{:.0f}") for p in ("p50", "p95", "p99"))
        median = statistics.median(p99)
        bench.row(f"append to visible, {rate:,}/s: p50, p95, p99", f"{figures} ms", f"{SPARK_P99_MS} ms p99 Spark*",
                  f"{median / SPARK_P99_MS:.2f} x", spread(costs, "{:.1f}"), f"{max(peaks):.0f}", "p99 <= 77 ms",
                  verdict(median <= 77))


def first(bench):
    """From the start of the process to the first row that can be selected; topic and table are there."""
    topic, _ = bench.users(FIRST_RECORDS / bench.scale)
    took, memory = [], []
    for number in range(bench.rounds):
        table = bench.table("first")
        store(bench, topic, "first", "key: [id]", batch=None)
        watcher = bench.start([PROGRAMS / "bench_postgres_bench", "wait", postgres.DSN, table],
                              stdout=subprocess.PIPE, text=True)
        watcher.stdout.readline()
        begin = time.monotonic()
        with bench.running() as process:
            took.append(json.loads(watcher.stdout.readline())["at"] - begin)
            reap(watcher)
            time.sleep(1.5)  # nothing more comes: at rest
            memory.append(resident_mib(process.pid))
        print(f"  round {number + 1}: {took[-1]:.3f} s, {memory[-1]:.0f} MiB at rest", flush=True)
    peers = ", ".join(f"{name} {seconds}" for name, seconds in FIRST_S.items())
    seconds = statistics.median(took)
    bench.row("start to first row", f"{spread(took, '{:.2f}')} s", f"{peers} s*",
              f"{seconds / min(FIRST_S.values()):.2f} x", goal="<= 1 s", outcome=verdict(seconds <= 1))
    memory_row(bench, "memory at rest", memory, JVM_IDLE_MIB)


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def memory_row(bench, what, values, jvm):
    most = max(values)
    bench.row(what, f"{spread(values)} MiB", f"{jvm} MiB Spark's driver*", f"{most / jvm:.2f} x", mib=f"{most:.0f}",
              goal="<= 0.20 x", outcome=verdict(most <= jvm / 5))


def memory(bench):
    """The highest memory of the runs before this one, by the size of their batches."""
    for batch in sorted({batch for batch, _ in bench.peaks}):
        memory_row(bench, f"highest memory, batches of {batch:,}", [mib for b, mib in bench.peaks if b == batch],
                   JVM_LOADED_MIB)
