"""Measures of bench/cluster.py that end in Kafka, or nowhere."""
import statistics
import subprocess

from cluster_run import PROGRAMS, SQL, spread, verdict

RECORDS = 600_000
SMALL, LARGE = 5_000, 20_000  # records of a batch, and so of a transaction
HTTP_RECORDS, PAGE = 200_000, 1_000
FLINK, SPARK = 450_000, 72_000  # records/s of SQL on a topic; see cluster.py

DISCARD = """\
source: {{topic: {topic}, schema: schemas/user.json}}
batch: {{records: {batch}}}
transform:
  - sql: {sql}
sinks:
  - discard: {{}}
"""
CAPTURE = """\
source:
  schema: schemas/user.json
  http:
    url: http://127.0.0.1:{port}/
    records: /results
    pagination: {{page: {{param: page, from: 1, to: {pages}}}}}
sinks:
  - {{topic: {topic}, key: id}}
"""


def read(bench):
    """Reading a topic through leat's port, nothing decoded, beside librdkafka's consumer alone."""
    topic, records = bench.users(RECORDS)
    runs = bench.paired(leat=lambda: bench.raw("kafka", "read-leat", bench.brokers, topic, records),
                        consumer=lambda: bench.raw("kafka", "read", bench.brokers, topic, records))
    bench.compare("read Kafka, no decode", runs["leat"], runs["consumer"], "librdkafka", 0.8)


def sql(bench):
    """Kafka, SQL with three casts, nowhere; beside librdkafka's consumer alone."""
    topic, records = bench.users(RECORDS)

    def leat(batch):
        bench.pipeline(DISCARD, topic=topic, sql=SQL, batch=batch)
        return bench.drain(records, batch)
    runs = bench.paired(small=lambda: leat(SMALL), large=lambda: leat(LARGE),
                        consumer=lambda: bench.raw("kafka", "read", bench.brokers, topic, records))
    bench.compare(f"Kafka, SQL, nowhere, batches of {SMALL:,}", runs["small"], runs["consumer"], "librdkafka, no SQL")
    ours = runs["large"]
    bench.compare(f"  of {LARGE:,}", ours, runs["consumer"], "librdkafka, no SQL")
    bench.against("    beside Flink SQL, warm", ours, "Flink SQL", FLINK, 2.5)
    bench.against("    beside Spark", ours, "Spark", SPARK, 10)
    cost, whole = [run.cpu_per_million for run in ours], [run.whole for run in ours]
    bench.row("    its processor time", f"{spread(cost, '{:.2f}')} s/M", f"{spread(whole, '{:.2f}')} with start and end",
              goal="<= 1.5 s/M", outcome=verdict(statistics.median(cost) <= 1.5))


def http(bench):
    """Pages of an API into a topic, beside producing the same records with librdkafka, and getting them with libcurl."""
    records = int(HTTP_RECORDS * bench.scale)
    server = bench.start([PROGRAMS / "bench_http_bench", "serve", records, PAGE], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().strip()
    into, beside = bench.topic("http"), bench.topic("produced")

    def leat():
        bench.pipeline(CAPTURE, port=port, pages=-(-records // PAGE), topic=into)
        return bench.drain(records, PAGE)
    runs = bench.paired(leat=leat, producer=lambda: bench.raw("kafka", "produce", bench.brokers, beside, records),
                        get=lambda: bench.raw("http", "get", port, records, PAGE))
    server.stdin.close()
    bench.compare("HTTP to Kafka", runs["leat"], runs["producer"], "librdkafka produces them")
    bench.compare("  the same", runs["leat"], runs["get"], "libcurl gets them")
