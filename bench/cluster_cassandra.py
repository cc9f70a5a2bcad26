"""Measures of bench/cluster.py that end in Apache Cassandra."""
import cluster_postgres
from cluster_run import cassandra, leat, told

RECORDS, BATCH, KEYSPACE = 100_000, 5_000, "leat_bench"
CONCURRENCY = (64, 256, 1024)  # of the driver alone, whose best one counts
GROUP_ROWS = 50
SPARK = 8_700  # records/s, into Cassandra


def serve(bench):
    """Kafka into a table by id, and into one whose rows lie together by country, beside the driver alone doing the same
    statements at its best concurrency."""
    cassandra.need()
    topic, records = bench.users(RECORDS)
    for shape, key, rows, what in (("rows", "key: [id]", 1, "single rows"),
                                   ("groups", "key: {partition: [country], clustering: [id]}", GROUP_ROWS,
                                    "rows of one partition together")):
        ours, theirs = f"{bench.name}_{shape}", f"{bench.name}_{shape}_raw"
        bench.undo.append((f"tables {ours}", lambda names=(ours, theirs): cassandra.cql(
            *(f"DROP TABLE IF EXISTS {KEYSPACE}.{name}" for name in names), "SELECT key FROM system.local")))

        def pipeline():
            cassandra.cql(f"DROP TABLE IF EXISTS {KEYSPACE}.{ours}", "SELECT key FROM system.local")
            cluster_postgres.store(bench, topic, ours, key, store="serving", batch=BATCH)
            run = bench.drain(records, BATCH)
            found = cassandra.cql(f"SELECT count(*) AS n FROM {KEYSPACE}.{ours}")[0]["n"]
            if found != records:
                raise leat.Failed(f"{ours} has {found} rows of {records}")
            return run

        def driver(concurrency):
            return bench.raw("cassandra", cassandra.HOST, KEYSPACE, theirs, records, concurrency, rows)
        tries = {n: driver(n) for n in CONCURRENCY}
        best = max(CONCURRENCY, key=lambda n: tries[n].rate)
        for n in CONCURRENCY:
            print(f"  the driver, {n:>4} in flight: {told(tries[n])}", flush=True)
        runs = bench.paired(leat=pipeline, driver=lambda: driver(best))
        bench.compare(f"Kafka to Cassandra, {what}", runs["leat"], runs["driver"], f"driver, {best}", 0.85)
        if rows == 1:
            bench.against("  beside Spark", runs["leat"], "Spark", SPARK, 1)
