"""Commits whose answer is lost, slow or late: a proxy between leat and the server holds them up."""
import collections
import json
import os
import pathlib
import struct
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import kafka, leat, postgres  # noqa: E402
from support.kafka_broker import Broker  # noqa: E402
from support.proxy import Picks, Proxy  # noqa: E402

END_TXN = 26  # of Kafka's protocol
RECORDS = 3000
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
PROFILE = """\
project: {name}
topics:
  {name}_in: {{partitions: {partitions}}}
  {name}_out: {{partitions: {partitions}}}
profiles:
  cluster:
    log: {{kafka: {{brokers: "{brokers}", session_timeout: 6s, transaction_timeout: 6s}}}}
    stores:
      warehouse: {{postgres: {{dsn: "{dsn}", schema: {name}}}}}
"""
COPY = """\
pipeline: copy
source: {{topic: {name}_in, schema: schemas/event.json}}
batch: {{records: 100}}
sinks:
  - {{topic: {name}_out, key: id}}
  - {{store: warehouse, table: history}}
"""


class Commits(unittest.TestCase):
    def setUp(self):
        kafka.need()
        postgres.need()
        self.name = f"commits_{os.getpid()}_{time.time_ns() % 1_000_000}"
        self.project = self.enterContext(leat.Project(template=None))
        self.project.write("pipelines/copy.yaml", COPY.format(name=self.name))
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        self.addCleanup(postgres.psql, f"DROP SCHEMA IF EXISTS {self.name} CASCADE")

    def run_through(self, brokers, dsn, partitions):
        self.project.write("leat.yaml", PROFILE.format(name=self.name, brokers=brokers, dsn=dsn, partitions=partitions))
        self.project.leat("run", "--profile", "cluster", "--drain", "--timeout", "100s")

    def stored(self):
        return collections.Counter(row["id"] for row in postgres.rows(f"SELECT id FROM {self.name}.history"))

    def test_of_postgresql(self):
        """The rows of a commit whose answer is lost are there once."""
        self.addCleanup(kafka.service, "topics", "--delete", "--topic", f"{self.name}.*")
        kafka.service("topics", "--create", "--topic", f"{self.name}_in", "--partitions", "2")
        kafka.produce(f"{self.name}_in", [(f"k{n}", json.dumps({"id": n})) for n in range(RECORDS)])
        host, port = postgres.DSN.rpartition("@")[2].partition("/")[0].split(":")
        picks = Picks(lambda request: b"COMMIT\0" in request, ["lose", "late", "lose", "slow", "lose"])
        with Proxy((host, int(port)), picks, framed=False) as proxy:
            self.run_through(kafka.service("brokers"), postgres.DSN.replace(f":{port}/", f":{proxy.port}/"), 2)
        self.assertEqual(picks.fates, [])
        self.assertEqual(self.stored(), collections.Counter(range(RECORDS)))

    def test_of_kafka(self):
        """The records of an EndTxn whose answer is lost, or that comes late, are there once for who reads committed."""
        picks = Picks(lambda request: struct.unpack(">h", request[4:6])[0] == END_TXN,
                      ["lose", "slow", "late", "lose", "late", "slow"])
        proxies = []

        def proxied(port):
            proxies.append(self.enterContext(Proxy(("127.0.0.1", port), picks, framed=True)))
            return proxies[0].port
        with Broker({"PROXIED": "PLAINTEXT"}, advertised={"PROXIED": proxied}) as broker:
            for topic in ("in", "out"):
                broker.create_topic(f"{self.name}_{topic}", {"message.timestamp.type": "LogAppendTime"})
            broker.produce(f"{self.name}_in", [(f"k{n}", json.dumps({"id": n})) for n in range(RECORDS)])
            self.run_through(f"127.0.0.1:{proxies[0].port}", postgres.DSN, 1)
            self.assertEqual(picks.fates, [])
            self.assertEqual(collections.Counter(value["id"] for value in broker.values(f"{self.name}_out")),
                             collections.Counter(range(RECORDS)))
        self.assertEqual(self.stored(), collections.Counter(range(RECORDS)))


if __name__ == "__main__":
    unittest.main()
