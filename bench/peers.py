"""leat beside Apache Spark: the same jobs on the same topic in turn, in one run.

    bench/peers.py [--jobs NAME...] [--rounds N] [--records SHARE]

noop       users of 452 bytes as JSON in Kafka, one in six filtered out, 11 columns of which two become times, to nowhere
cassandra  the same into a table of Cassandra

Spark is installed below the folder of the tests' servers (LEAT_SERVICES), once: 330 MB from PyPI and Maven's registry.
It runs as Structured Streaming, availableNow, a core a partition, with 1 GB of heap; its JVM is new in each round, as
leat's process is. A round is one run of each, in turns, so that a busy machine slows both. Medians, with least and most;
a ratio is the median of the rounds' own. Both programs are measured alike, with all they start:

records/s      from the first output to the last: neither start counts
CPU s/M        processor seconds for a million records: in that time, and from start to end of the process
MiB            highest resident memory
first output   seconds from the start of the process: a batch is done, or there is a row in the table

A job whose results are not the same on both sides has failed. Servers are those of tests/services; they are started when
they do not run, and never stopped. What the run makes there is named `bench_…` and removed, also after Ctrl-C.

    bench/peers.py                                all, 5 rounds: some minutes on two quiet cores
    bench/peers.py --jobs noop --rounds 1         one look at one job
    bench/peers.py --jobs noop --records 5        3,000,000 records: a warmer JVM

Called by `make bench-peers`.
"""
import argparse
import os
import signal
import statistics
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
import peers_run  # noqa: E402
import process_tree  # noqa: E402
from cluster_run import Bench, leat, spread  # noqa: E402

# Of a run: title, value, how it is written.
COLUMNS = (
    ("records/s: median (min-max)", lambda run: run.rate, "{:,.0f}"),
    ("CPU s/M", lambda run: run.cpu_per_million, "{:.2f}"),
    ("from start to end", lambda run: run.whole, "{:.2f}"),
    ("MiB", lambda run: run.mib, "{:.0f}"),
    ("first output, s", lambda run: run.first, "{:.2f}"),
)


def load():
    return " ".join(f"{one:.2f}" for one in os.getloadavg())


def rows_of(what, runs):
    """Three lines of the table: each peer, and leat's figures over the other's of the same round."""
    (ours_name, ours), (theirs_name, theirs) = runs.items()
    if len({run.result for run in ours + theirs}) != 1:
        raise leat.Failed("the results differ: " + "; ".join(
            f"{name} {', '.join(sorted({str(run.result) for run in done}))}" for name, done in runs.items()))
    lines = [[what if name == ours_name else "", name, *(spread([value(run) for run in done], form)
                                                         for _, value, form in COLUMNS), f"{done[0].result[0]:,}"]
             for name, done in runs.items()]
    ratios = [statistics.median(value(a) / value(b) for a, b in zip(ours, theirs)) for _, value, _ in COLUMNS]
    return [*lines, ["", f"{ours_name} / {theirs_name}", *(f"{ratio:.2f} x" for ratio in ratios), "the same"]]


def table(rows):
    cells = [["job", "peer", *(title for title, _, _ in COLUMNS), "rows"], *rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)


def measure(bench, name, spark):
    job = peers_run.JOBS[name]
    print(f"\n== {name}, load {load()}", flush=True)
    peers = peers_run.Peers(bench, job, os.cpu_count())
    return rows_of(f"{name}: {peers.records:,}", bench.paired(**{"leat": peers.leat, f"Spark {spark}": peers.spark}))


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="bench/peers.py [--jobs NAME...] [--rounds N] [--records SHARE]")
    parser.add_argument("--jobs", nargs="+", choices=peers_run.JOBS, default=list(peers_run.JOBS), metavar="NAME",
                        help=f"what to do: {', '.join(peers_run.JOBS)} (default all)")
    parser.add_argument("--rounds", type=int, default=5, help="of each (default 5)")
    parser.add_argument("--records", type=float, default=1.0, metavar="SHARE",
                        help="of the usual number of records (default 1)")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not 0.2 <= options.records <= 100:
        parser.error("--rounds from 1, --records from 0.2 to 100")
    return options


def interrupted(*_):
    raise KeyboardInterrupt


def run(options):
    """How many of the jobs failed."""
    spark, rows, failures = peers_run.install(), [], 0
    process_tree.adopt_orphans()
    with Bench(options.rounds, options.records) as bench:
        try:
            if any(peers_run.JOBS[name].store for name in options.jobs):
                peers_run.cassandra.need()
            for name in options.jobs:
                try:
                    rows += measure(bench, name, spark)
                except (leat.Failed, AssertionError, OSError, subprocess.SubprocessError) as error:
                    print(f"bench: {name} could not be measured: {error}", file=sys.stderr, flush=True)
                    failures += 1
        finally:
            print(f"\nload after: {load()}\n")
            if rows:
                print(table(rows))
    return failures


def main():
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    print(f"load before: {load()}; {os.cpu_count()} cores; {options.rounds} rounds", flush=True)
    try:
        failures = run(options)
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
    except (leat.Failed, unittest.SkipTest) as error:
        sys.exit(f"bench: {error}")
    if failures:
        sys.exit(f"bench: {failures} of the jobs failed")


if __name__ == "__main__":
    main()
