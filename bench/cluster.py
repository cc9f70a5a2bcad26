"""leat's rates on a real Kafka, PostgreSQL and Cassandra, each beside its ceiling of the same run, in turn, and a table of goals.

    bench/cluster.py [NAME...] [--rounds N] [--records SHARE]

A ceiling is what the servers and their client libraries do by themselves: librdkafka's consumer and producer, COPY,
Cassandra's driver, libcurl. Figures are medians over the rounds, with least and most; a ratio is the median of the rounds' own ratios. CPU
is processor time of leat's process alone for a million records, from its first batch to its last; MiB its highest
resident memory. A goal that is not met is shown and fails nothing: machines differ.

* Figures of Flink SQL 2.3, Spark 3.5 and Kafka Connect 4.3 are constants: peers, measured on such a machine (2 cores), with
the same records. They are not measured here; those of Spark are by bench/peers.py.

Topics and schemas are made with `bench_` in front and removed at the end, also after an interrupt. Servers are those
of tests/services; they are started when they do not run, and never stopped. Called by `make bench-cluster`.
"""
import argparse
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import cluster_cassandra  # noqa: E402
import cluster_kafka  # noqa: E402
import cluster_postgres  # noqa: E402
from cluster_run import Bench, leat  # noqa: E402

# A measure is a function that takes the Bench, runs its rounds and adds rows. Those of another store are a file
# cluster_STORE.py, its lines here, and a line of cluster_run.STORES.
PARTS = {
    "read": cluster_kafka.read,
    "sql": cluster_kafka.sql,
    "append": cluster_postgres.append,
    "upsert": cluster_postgres.upsert,
    "cassandra": cluster_cassandra.serve,
    "http": cluster_kafka.http,
    "latency": cluster_postgres.latency,
    "first": cluster_postgres.first,
    "memory": cluster_postgres.memory,  # of all before it
}
HEADER = ("what", "leat: median (min-max)", "beside", "ratio", "CPU s/M", "MiB", "goal", "")


def load():
    return " ".join(f"{one:.2f}" for one in os.getloadavg())


def table(rows):
    cells = [HEADER, *((r.what, r.leat, r.beside, r.ratio, r.cpu, r.mib, r.goal, r.outcome) for r in rows)]
    widths = [max(len(row[c]) for row in cells) for c in range(len(HEADER))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="NAME",
                        help=f"what to measure: {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=5, help="of each (default 5)")
    parser.add_argument("--records", type=float, default=1.0, metavar="SHARE",
                        help="of the usual number of records: 0.1 for a quick look (default 1)")
    options = parser.parse_args()
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"no measure {name}; there are {', '.join(PARTS)}")
    if options.rounds < 1 or not 0.01 <= options.records <= 100:
        parser.error("--rounds from 1, --records from 0.01 to 100")
    return options


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    print(f"load before: {load()}; {os.cpu_count()} cores; {options.rounds} rounds", flush=True)
    failures = 0
    try:
        with Bench(options.rounds, options.records) as bench:
            try:
                for name in options.parts or PARTS:
                    print(f"\n== {name}, load {load()}", flush=True)
                    try:
                        PARTS[name](bench)
                    except (leat.Failed, AssertionError, OSError, subprocess.SubprocessError) as error:
                        print(f"bench: {name} could not be measured: {error}", file=sys.stderr, flush=True)
                        failures += 1
            finally:
                print(f"\nload after: {load()}\n")
                if bench.rows:
                    table(bench.rows)
                    print("\n* peers, measured on such a machine; not in this run")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
    if failures:
        sys.exit(f"bench: {failures} of the measures failed")


if __name__ == "__main__":
    main()
