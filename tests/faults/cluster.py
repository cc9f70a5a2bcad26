"""Processes that share the partitions of a Kafka cluster, and what may befall them.

    tests/faults/cluster.py [--rounds N] [--seed N] [--processes N]

A pipeline copies one topic into another, a second one that topic into an append table of PostgreSQL and two tables of
Cassandra. While records come, processes are killed, stopped beyond their session and woken, ended, started; servers
are killed and started. Then everything is counted: each record once in topic and tables, in order for each key, of
each key the newest in Cassandra, nothing in the dead letters. Prints a table: fault, rounds, lost, doubled, seconds
until the processes had caught up.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import cassandra, kafka, leat, postgres  # noqa: E402

PROJECT = """\
project: {name}
topics:
  {name}_in: {{partitions: 4}}
  {name}_out: {{partitions: 4}}
profiles:
  cluster:
    log: {{kafka: {{brokers: "{brokers}", session_timeout: 6s, transaction_timeout: 6s}}}}
    stores:
      warehouse: {{postgres: {{dsn: "{dsn}", schema: {name}}}}}
      serving:
        cassandra: {{contact_points: ["{host}"], keyspace: leat_faults, username: cassandra, password: cassandra}}
"""
COPY = """\
pipeline: copy
source: {{topic: {name}_in, schema: schemas/event.json}}
batch: {{records: 50}}
transform:
  - sql: SELECT id, k, n FROM input
quality:
  - {{rule: positive, expect: "n >= 0"}}
sinks:
  - {{topic: {name}_out, key: k}}
"""
LOAD = """\
pipeline: load
source: {{topic: {name}_out}}
batch: {{records: 50}}
sinks:
  - {{store: warehouse, table: history}}
  - {{store: serving, table: {name}_latest, key: [k]}}
  - {{store: serving, table: {name}_history, key: {{partition: [k], clustering: [id]}}}}
"""
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "k": {"type": "string"},
                                           "n": {"type": "integer"}}, "required": ["id", "k", "n"]}
ASLEEP_S = 8  # beyond the session
FAULTS = ("kill", "zombie", "terminate", "join", "broker", "database", "cassandra", "away")
AWAY_S = 60  # of the database


class Cluster:
    """A project with its topics and schema of its own, and the processes that run it."""

    def __init__(self, processes=3, seed=7):
        self.random = random.Random(seed)
        self.name = f"cluster_{os.getpid()}_{seed}"
        self.project = leat.Project(template=None)
        values = {"name": self.name, "brokers": kafka.service("brokers"), "dsn": postgres.DSN, "host": cassandra.HOST}
        self.project.write("leat.yaml", PROJECT.format(**values))
        self.project.write("pipelines/copy.yaml", COPY.format(**values))
        self.project.write("pipelines/load.yaml", LOAD.format(**values))
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        self.tables = [f"leat_faults.{self.name}_latest", f"leat_faults.{self.name}_history"]
        self.produced = 0
        self.numbers = iter(range(1_000_000))
        self.running, self.logs = {}, {}
        self.resident = 0  # MiB, the most that was seen
        for topic in ("in", "out"):
            kafka.service("topics", "--create", "--topic", f"{self.name}_{topic}", "--partitions", "4",
                          "--config", "message.timestamp.type=LogAppendTime")
        for _ in range(processes):
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        for log in self.logs.values():
            log.close()
        postgres.psql(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")
        cassandra.cql(*(f"DROP TABLE IF EXISTS {table}" for table in self.tables), "SELECT key FROM system.local")
        kafka.service("topics", "--delete", "--topic", f"{self.name}.*")
        self.project.__exit__()

    def start(self, number=None):
        """A process with a data directory of its own; a number that was used before finds its directory again."""
        number = next(self.numbers) if number is None else number
        if number not in self.logs:
            self.logs[number] = open(self.project.dir / f"process-{number}.log", "w+")
        self.running[number] = subprocess.Popen(
            self.project.command("run", "--profile", "cluster", "--data", f"data-{number}", "--log-level", "info"),
            cwd=self.project.dir, env=self.project.environment(), stdout=self.logs[number], stderr=self.logs[number])
        return number

    def end(self, number, with_signal):
        process = self.running.pop(number)
        process.send_signal(with_signal)
        process.wait(40)
        return process.returncode

    def produce(self, count):
        records = []
        for n in range(self.produced, self.produced + count):
            key = f"k{self.random.randrange(40)}"
            records.append((key, json.dumps({"id": n, "k": key, "n": n})))
        kafka.produce(f"{self.name}_in", records)
        self.produced += count

    def stored(self):
        try:
            return int(postgres.psql(f"SELECT count(*) FROM {self.name}.history"))
        except AssertionError:
            return 0  # not made yet

    def served(self):
        """Of the records in Cassandra's history: (how many, their identities); of each key, its newest."""
        latest, history = self.tables
        rows = cassandra.cql(f"SELECT id FROM {history}")
        newest = {row["k"]: row["n"] for row in cassandra.cql(f"SELECT k, n FROM {latest}")}
        return len(rows), {row["id"] for row in rows}, newest

    def catch_up(self, seconds=120):
        start = time.monotonic()
        try:
            leat.wait_until(lambda: self.stored() >= self.produced, f"{self.produced} rows", seconds)
            leat.wait_until(lambda: self.served()[0] >= self.produced, f"{self.produced} rows in Cassandra", seconds)
        except leat.Failed as error:
            raise leat.Failed(f"{error}; there are {self.stored()}\n{self.tails()}") from error
        return time.monotonic() - start

    def lost_and_doubled(self):
        """In PostgreSQL, so far."""
        rows, records = map(int, postgres.psql(
            f"SELECT count(*), count(DISTINCT id) FROM {self.name}.history").strip().split("|"))
        return self.produced - records, rows - records

    def tails(self):
        out = []
        for number, log in self.logs.items():
            log.seek(0)
            out.append(f"--- process {number}{'' if number in self.running else ' (gone)'}\n"
                       + "".join(log.readlines()[-12:]))
        return "\n".join(out)

    def strike(self, fault):
        """One fault, while records come; seconds from the moment when all is as before until nothing waits."""
        victim = self.random.choice(sorted(self.running))
        self.produce(200)
        time.sleep(self.random.uniform(0, 1))
        if fault == "kill":
            self.end(victim, signal.SIGKILL)
            self.produce(200)
            self.start(victim)
        elif fault == "zombie":
            self.running[victim].send_signal(signal.SIGSTOP)
            self.produce(200)
            time.sleep(ASLEEP_S)
            self.running[victim].send_signal(signal.SIGCONT)
        elif fault == "terminate":
            code = self.end(victim, signal.SIGTERM)
            if code != 0:
                raise leat.Failed(f"ended with {code} at SIGTERM\n{self.tails()}")
            self.produce(200)
            self.start(victim)
        elif fault == "join":
            extra = self.start()
            time.sleep(2)
            self.produce(200)
            self.end(extra, signal.SIGTERM)
        elif fault == "broker":
            kafka.service("kill", "1")
            time.sleep(self.random.uniform(0, 3))
            kafka.service("start", "1")
            self.produce(200)
        elif fault == "cassandra":
            cassandra.service("kill")
            self.produce(200)
            cassandra.service("up")
        else:
            postgres.service("kill")
            time.sleep(AWAY_S if fault == "away" else 1)
            if fault == "away":
                self.away_check()
            postgres.service("up")
            self.produce(200)
        return self.catch_up()

    def away_check(self):
        """While the database is away the copy goes on, nothing grows without bound, and no process has ended."""
        self.produce(200)
        leat.wait_until(lambda: len(kafka.consume(f"{self.name}_out")) >= self.produced, "the copy of all records", 30)
        for number, process in self.running.items():
            if process.poll() is not None:
                raise leat.Failed(f"process {number} ended with {process.returncode}\n{self.tails()}")
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
            self.resident = max(self.resident, resident // 1024)

    def check(self):
        """(lost, doubled) over topic and tables; the rest of what must hold is asserted."""
        lost = doubled = 0
        seen = collections.Counter()
        last = {}
        _, served, newest = self.served()
        for record in kafka.consume(f"{self.name}_out"):
            value = json.loads(record["payload"])
            seen[value["id"]] += 1
            # A key has one partition: what was written later stands later.
            if value["n"] <= last.get(value["k"], -1):
                raise leat.Failed(f"key {value['k']}: {value['n']} stands behind {last[value['k']]}")
            last[value["k"]] = value["n"]
        rows = collections.Counter(row["id"] for row in postgres.rows(f"SELECT id FROM {self.name}.history"))
        if newest != last:
            raise leat.Failed(f"Cassandra's newest of each key: {newest}, expected {last}")
        for counts in (seen, rows):
            lost += sum(1 for n in range(self.produced) if n not in counts)
            doubled += sum(count - 1 for count in counts.values())
        lost += sum(1 for n in range(self.produced) if n not in served)  # a key has one row: none is there twice
        for pipeline in ("copy", "load"):
            letters = f"{self.name}.{pipeline}.dlq"
            if letters in kafka.topics() and kafka.consume(letters):
                raise leat.Failed(f"there are dead letters of {pipeline}")
        return lost, doubled


def run(rounds, seed, processes=3, faults=FAULTS, say=print):
    """`rounds` of each fault, mixed; (lost, doubled)."""
    with Cluster(processes, seed) as cluster:
        cluster.produce(400)
        first = cluster.catch_up()
        say(f"{processes} processes, first 400 records stored after {first:.1f} s")
        plan = [fault for fault in faults for _ in range(rounds)]
        cluster.random.shuffle(plan)
        took, lost, doubled = collections.defaultdict(list), collections.Counter(), collections.Counter()
        before = (0, 0)
        for fault in plan:
            took[fault].append(cluster.strike(fault))
            now = cluster.lost_and_doubled()
            lost[fault] += now[0] - before[0]
            doubled[fault] += now[1] - before[1]
            before = now
        say("fault      rounds  lost  doubled  seconds to catch up: median, most")
        for fault in faults:
            times = sorted(took[fault])
            say(f"{fault:10} {len(times):6} {lost[fault]:5} {doubled[fault]:8}  "
                f"{times[len(times) // 2]:8.1f} {times[-1]:8.1f}")
        lost, doubled = cluster.check()
        if cluster.resident:
            say(f"resident while the database was away: at most {cluster.resident} MiB")
        say(f"{cluster.produced} records: lost {lost}, doubled {doubled}")
        return lost, doubled


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="of each fault (default 25)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    options = parser.parse_args()
    kafka.need()
    postgres.need()
    cassandra.need()
    if run(options.rounds, options.seed, options.processes, options.faults) != (0, 0):
        sys.exit(1)


if __name__ == "__main__":
    main()
