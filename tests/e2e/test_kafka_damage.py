"""What a foreign topic does not take, and what a broker's disk has lost: on a Kafka of the tests' own."""
import json
import pathlib
import random
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402
from support.kafka_broker import Broker  # noqa: E402

PROFILE = """\
project: {name}
profiles:
  local:
    log: {{kafka: {{brokers: "{brokers}", transaction_timeout: 6s, session_timeout: 6s, stalled_after: 1s}}}}
"""
COPY = """\
pipeline: copy
source: {{topic: {name}_in, schema: schemas/event.json}}
batch: {{records: 100}}
sinks:
  - {{topic: {name}_out, key: id}}
"""
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "text": {"type": "string"}}, "required": ["id"]}
# Places in a stored batch: the number of its format, the last offset less the first, where its records begin. All behind
# the first is covered by the checksum.
MAGIC_AT, LAST_AT, BATCH_HEAD = 16, 23, 61


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(Broker())

    def project(self, name):
        project = self.enterContext(leat.Project(template=None))
        project.write("leat.yaml", PROFILE.format(name=name, brokers=self.broker.at()))
        project.write("pipelines/copy.yaml", COPY.format(name=name))
        project.write("schemas/event.json", json.dumps(SCHEMA))
        return project

    def ids(self, topic):
        return sorted(value["id"] for value in self.broker.values(topic))

    def test_a_record_larger_than_a_topic_takes_is_set_aside(self):
        self.broker.create_topic("large_in")
        self.broker.create_topic("large_out", {"max.message.bytes": "20000"})
        noise = random.Random(5)
        records = [{"id": n, "text": noise.randbytes(12_000 if n % 25 == 7 else 500).hex()} for n in range(100)]
        self.broker.produce("large_in", [(r["id"], json.dumps(r)) for r in records])
        project = self.project("large")
        project.leat("run", "--drain")
        self.assertEqual(self.ids("large_out"), [n for n in range(100) if n % 25 != 7])
        (group,) = project.json("dlq", "ls")
        self.assertEqual((group["reason"], group["count"]), ("too_large", 4))
        self.assertIn("for topic large_out, more than 19744", json.dumps(project.json("dlq", "show", "copy"), default=str))

    def test_damaged_batches_stop_the_pipeline_at_their_offsets(self):
        for topic in ("torn_in", "stuck_in"):
            self.broker.create_topic(topic)
            for start in (0, 10, 20):
                self.broker.produce(topic, [(n, json.dumps({"id": n})) for n in range(start, start + 10)])
        self.broker.service("stop", "1")
        first, last = self.damage("torn_in", 15, BATCH_HEAD + 5)  # in a record
        stuck_at, _ = self.damage("stuck_in", 15, MAGIC_AT)        # the broker itself cannot read it
        self.broker.service("start", "1")
        self.assertLess((first, last), (16, 30))

        torn = self.project("torn")
        done = torn.call("run", "--drain")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(f"records torn_in[0] from offset {first} to {last} cannot be read", done.stderr)
        self.assertIn(f"`leat reset PIPELINE --to 0:{last + 1}` goes on behind them", done.stderr)
        self.assertEqual(self.ids("torn_out"), list(range(first)))
        torn.leat("reset", "copy", "--to", f"0:{last + 1}", "--yes")
        torn.leat("run", "--drain")
        self.assertEqual(self.ids("torn_out"), [n for n in range(30) if not first <= n <= last])

        stuck = self.project("stuck")
        said = f"stuck_in[0] has stood at offset {stuck_at} for more than 1s: records {stuck_at} to 29 are there, and do not come"
        with stuck.background("run", "--log-level", "warn") as process:
            leat.wait_until(lambda: said in process.read_errors(), "the alarm", 20)
            (lane,) = stuck.json("status")["pipelines"][0]["lanes"]
            self.assertIn(said, lane["error"])
        self.assertEqual(self.ids("stuck_out"), list(range(stuck_at)))

    def damage(self, topic, offset, at):
        """Flips a bit of the batch that holds the offset, at that byte of it; its first and last offset."""
        path = self.broker.data / f"{topic}-0" / "00000000000000000000.log"
        data = bytearray(path.read_bytes())
        start = 0
        while True:
            first, length = struct.unpack_from(">qi", data, start)
            last = first + struct.unpack_from(">i", data, start + LAST_AT)[0]
            if last >= offset:
                break
            start += 12 + length
        data[start + at] ^= 1
        path.write_bytes(data)
        return first, last


if __name__ == "__main__":
    unittest.main()
