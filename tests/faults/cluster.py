"""Processes that share the partitions of a Kafka cluster, and what may befall them.

    tests/faults/cluster.py [--rounds N | FAULT=N,...] [--seed N] [--processes N]

A pipeline copies one topic into another, a second one that topic into an append table of PostgreSQL and two tables of
Cassandra. While records come, one of these strikes:

    kill        SIGKILL to a process, which is started again
    zombie      a process is stopped beyond its session, and wakes up
    terminate   SIGTERM to a process, which is started again
    join        a process comes and goes
    broker      SIGKILL to the only broker of Kafka, started again within 3 s
    brokers     of two brokers (replication 2, min.insync.replicas 1) SIGKILL to the one that is not the controller
    database    SIGKILL to PostgreSQL, started again after a second
    away        the same, after a minute: all else flows meanwhile, and memory does not grow
    cassandra   SIGKILL to Cassandra, started again
    disk_full   the file system of PostgreSQL's data is filled up until writes end with ENOSPC; later there is room again
    password    new passwords in PostgreSQL, Cassandra and Kafka (SCRAM), all sessions ended, and the files that leat
                reads them from written anew, in one order or the other

Then everything is counted: each record once in topic and tables, in order for each key, of each key the newest in
Cassandra, nothing in the dead letters. Prints a table: fault, rounds, lost, doubled, seconds to recover (from the
moment when all is as before until nothing waits; of `brokers` from the kill, with the one that is left).
"""
import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from servers import FIRST_PASSWORD, Servers, no_disk  # noqa: E402
from support import cassandra, leat  # noqa: E402

PROJECT = """\
project: {name}
topics:
  {name}_in: {{partitions: 4}}
  {name}_out: {{partitions: 4}}
profiles:
  cluster:
    log: {{kafka: {{brokers: "{brokers}", session_timeout: 6s, transaction_timeout: 6s{login}}}}}
    stores:
      warehouse: {{postgres: {{dsn: "file:postgres.dsn", schema: {name}}}}}
      serving:
        cassandra: {{contact_points: ["{host}"], keyspace: leat_faults, username: {name}, password: "file:cassandra"}}
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
LOGIN = ', sasl: {username: leat, password: "file:kafka"}'
AWAY_S = 60  # of the database
# The long run: a hundred rounds.
ROUNDS = {"kill": 20, "zombie": 15, "terminate": 20, "join": 15, "broker": 6, "database": 6, "cassandra": 6, "away": 2,
          "disk_full": 4, "password": 4, "brokers": 2}
# Those that need servers of their own; the others share a run.
APART = (("disk_full", "password"), ("brokers",))


class Cluster:
    """A project with its topics, schema and logins of its own, and the processes that run it."""

    made = itertools.count()

    def __init__(self, servers, processes=3, seed=7):
        self.servers, self.kafka, self.psql = servers, servers.kafka, servers.postgres.psql
        self.random = random.Random(seed)
        self.name = f"cluster_{os.getpid()}_{seed}_{next(self.made)}"
        self.project = leat.Project(template=None)
        values = {"name": self.name, "brokers": servers.brokers, "host": cassandra.HOST,
                  "login": LOGIN if servers.login == "LOGIN" else ""}
        self.project.write("leat.yaml", PROJECT.format(**values))
        self.project.write("pipelines/copy.yaml", COPY.format(**values))
        self.project.write("pipelines/load.yaml", LOAD.format(**values))
        self.project.write("schemas/event.json", json.dumps(SCHEMA))
        self.tables = [f"leat_faults.{self.name}_latest", f"leat_faults.{self.name}_history"]
        self.produced = 0
        self.numbers = iter(range(1_000_000))
        self.running, self.logs = {}, {}
        self.resident = 0  # MiB, the most that was seen
        self.passwords = [FIRST_PASSWORD]
        self.make_roles()
        for topic in ("in", "out"):
            self.kafka.service("topics", "--create", "--topic", f"{self.name}_{topic}", "--partitions", "4",
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
        self.psql(f"DROP SCHEMA IF EXISTS {self.name} CASCADE; DROP OWNED BY {self.name} CASCADE; DROP ROLE {self.name}")
        cassandra.cql(*(f"DROP TABLE IF EXISTS {table}" for table in self.tables), f"DROP ROLE {self.name}",
                      f"DELETE FROM leat_faults.leat_progress WHERE project = '{self.name}'", "SELECT key FROM system.local")
        self.kafka.service("topics", "--delete", "--topic", f"{self.name}.*")
        self.project.__exit__()

    # ---- logins

    def make_roles(self):
        self.psql(f"CREATE ROLE {self.name} LOGIN PASSWORD '{FIRST_PASSWORD}'; GRANT {self.name} TO leat; "
                  f"GRANT CREATE ON DATABASE leat TO {self.name}")
        cassandra.cql("CREATE KEYSPACE IF NOT EXISTS leat_faults WITH replication = "
                      "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
                      f"CREATE ROLE {self.name} WITH PASSWORD = '{FIRST_PASSWORD}' AND LOGIN = true",
                      f"GRANT ALL ON KEYSPACE leat_faults TO {self.name}", "SELECT key FROM system.local")
        self.write_password(FIRST_PASSWORD)

    def write_password(self, password):
        """Into the files that leat.yaml names, as their owner would: each is the old one or the new one, never half."""
        server = self.servers.postgres.dsn.split("@")[1]
        for name, text in (("postgres.dsn", f"postgresql://{self.name}:{password}@{server}\n"),
                           ("cassandra", password), ("kafka", password)):
            self.project.write(f"{name}.new", text)
            (self.project.dir / f"{name}.new").rename(self.project.dir / name)

    def set_password(self, password):
        """On the servers. Sessions know the old one: Cassandra's end here, Kafka ends its own by itself."""
        self.psql(f"ALTER ROLE {self.name} PASSWORD '{password}'")
        cassandra.cql(f"ALTER ROLE {self.name} WITH PASSWORD = '{password}'", "SELECT key FROM system.local")
        if self.servers.login == "LOGIN":
            self.kafka.change_password("leat", password)
        cassandra.service("logout")

    # ---- processes and records

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
        # Whose answer is lost is sent again, and shall be there once.
        self.kafka.produce(f"{self.name}_in", records, "-X", "enable.idempotence=true")
        self.produced += count

    def stored(self):
        try:
            return int(self.psql(f"SELECT count(*) FROM {self.name}.history"))
        except AssertionError:
            return 0  # not made yet

    def served(self):
        """Of the records in Cassandra's history: (how many, their identities); of each key, its newest."""
        latest, history = self.tables
        rows = cassandra.cql(f"SELECT id FROM {history}")
        newest = {row["k"]: row["n"] for row in cassandra.cql(f"SELECT k, n FROM {latest}")}
        return len(rows), {row["id"] for row in rows}, newest

    def all_served(self):
        try:
            return self.served()[0] >= self.produced
        except AssertionError:
            return False  # a server that has just been started may be too busy to answer

    def wait_until(self, condition, what, seconds=120):
        try:
            leat.wait_until(condition, what, seconds)
        except leat.Failed as error:
            raise leat.Failed(f"{error}; of {self.produced} there are {self.stored()}\n{self.tails()}") from error

    def catch_up(self):
        start = time.monotonic()
        self.wait_until(lambda: self.stored() >= self.produced, "all rows in PostgreSQL")
        self.wait_until(self.all_served, "all rows in Cassandra")
        return time.monotonic() - start

    def said(self):
        """By all processes, so far."""
        return "".join((self.project.dir / f"process-{number}.log").read_text() for number in self.logs)

    def tails(self):
        out = []
        for number, log in self.logs.items():
            log.seek(0)
            out.append(f"--- process {number}{'' if number in self.running else ' (gone)'}\n"
                       + "".join(log.readlines()[-12:]))
        return "\n".join(out)

    # ---- what befalls them

    def strike(self, fault):
        """One fault, while records come; the seconds to recover."""
        self.produce(200)
        time.sleep(self.random.uniform(0, 1))
        return getattr(self, f"strike_{fault}")() or self.catch_up()

    def victim(self):
        return self.random.choice(sorted(self.running))

    def strike_kill(self):
        victim = self.victim()
        self.end(victim, signal.SIGKILL)
        self.produce(200)
        self.start(victim)

    def strike_zombie(self):
        process = self.running[self.victim()]
        process.send_signal(signal.SIGSTOP)
        self.produce(200)
        time.sleep(ASLEEP_S)
        process.send_signal(signal.SIGCONT)

    def strike_terminate(self):
        victim = self.victim()
        code = self.end(victim, signal.SIGTERM)
        if code != 0:
            raise leat.Failed(f"ended with {code} at SIGTERM\n{self.tails()}")
        self.produce(200)
        self.start(victim)

    def strike_join(self):
        extra = self.start()
        time.sleep(2)
        self.produce(200)
        self.end(extra, signal.SIGTERM)

    def strike_broker(self):
        self.kafka.service("kill", "1")
        time.sleep(self.random.uniform(0, 3))
        self.kafka.service("start", "1")
        self.produce(200)

    def strike_brokers(self):
        """Broker 1 is the controller. The second one leads half of the partitions, also in the next round."""
        self.kafka.service("kill", "2")
        self.produce(200)
        seconds = self.catch_up()
        self.kafka.service("start", "2")
        self.produce(200)
        lacking = ("topics", "--describe", "--under-replicated-partitions")
        self.wait_until(lambda: not self.kafka.service(*lacking), "each partition on both brokers")
        self.kafka.service("run", "org.apache.kafka.tools.LeaderElectionCommand", "--bootstrap-server", self.kafka.at(),
                           "--election-type", "preferred", "--all-topic-partitions")
        self.produce(200)
        return max(seconds, self.catch_up())

    def strike_database(self):
        self.servers.postgres.service("kill")
        time.sleep(1)
        self.servers.postgres.service("up")
        self.produce(200)

    def strike_away(self):
        """While the database is away the copy goes on, nothing grows without bound, and no process has ended."""
        self.servers.postgres.service("kill")
        time.sleep(AWAY_S)
        self.produce(200)
        self.wait_until(lambda: len(self.kafka.consume(f"{self.name}_out")) >= self.produced, "the copy of all records", 30)
        self.all_run()
        self.servers.postgres.service("up")
        self.produce(200)

    def strike_cassandra(self):
        cassandra.service("kill")
        self.produce(200)
        cassandra.service("up")

    def strike_disk_full(self):
        """What fits into pages that are there still goes in. Only the lanes of this store wait."""
        before = self.said().count("No space left on device")
        self.servers.disk.fill()
        self.produce(400)
        self.wait_until(lambda: self.said().count("No space left on device") > before, "the refusal of a write")
        self.wait_until(self.all_served, "all rows in Cassandra, whose disk has room")
        self.all_run()
        if self.stored() >= self.produced:
            raise leat.Failed("the full disk took all rows")
        self.servers.disk.make_room()
        self.produce(200)

    def strike_password(self):
        """The logins in between are refused, and are tried again."""
        before = self.said().count("uthentication failed")
        self.passwords.append(f"the-one-of-{self.produced}")
        halves = [self.set_password, self.write_password]
        self.random.shuffle(halves)
        for half in halves:
            half(self.passwords[-1])
            self.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{self.name}'")
            self.produce(100)
            self.wait_until(lambda: self.said().count("uthentication failed") > before, "the refusal of a login")

    def all_run(self):
        for number, process in self.running.items():
            if process.poll() is not None:
                raise leat.Failed(f"process {number} ended with {process.returncode}\n{self.tails()}")
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
            self.resident = max(self.resident, resident // 1024)

    # ---- what must hold

    def lost_and_doubled(self):
        """In PostgreSQL, so far."""
        rows, records = map(int, self.psql(
            f"SELECT count(*), count(DISTINCT id) FROM {self.name}.history").strip().split("|"))
        return self.produced - records, rows - records

    def check(self):
        """(lost, doubled) over topic and tables; the rest of what must hold is asserted."""
        lost = doubled = 0
        seen = collections.Counter()
        last = {}
        _, served, newest = self.served()
        for record in self.kafka.consume(f"{self.name}_out"):
            value = json.loads(record["payload"])
            seen[value["id"]] += 1
            # A key has one partition: what was written later stands later.
            if value["n"] <= last.get(value["k"], -1):
                raise leat.Failed(f"key {value['k']}: {value['n']} stands behind {last[value['k']]}")
            last[value["k"]] = value["n"]
        rows = collections.Counter(row["id"] for row in self.servers.postgres.rows(f"SELECT id FROM {self.name}.history"))
        if newest != last:
            raise leat.Failed(f"Cassandra's newest of each key: {newest}, expected {last}")
        for counts in (seen, rows):
            lost += sum(1 for n in range(self.produced) if n not in counts)
            doubled += sum(count - 1 for count in counts.values())
        lost += sum(1 for n in range(self.produced) if n not in served)  # a key has one row: none is there twice
        for pipeline in ("copy", "load"):
            letters = f"{self.name}.{pipeline}.dlq"
            if letters in self.kafka.topics() and self.kafka.consume(letters):
                raise leat.Failed(f"there are dead letters of {pipeline}")
        told = self.said()
        for password in self.passwords:
            if password in told:
                raise leat.Failed(f"a process has printed the password {password}")
        return lost, doubled


class Tally:
    """Of each fault."""

    def __init__(self):
        self.took, self.lost, self.doubled = collections.defaultdict(list), collections.Counter(), collections.Counter()

    def table(self):
        yield "fault      rounds  lost  doubled  seconds to recover: median, most"
        for fault in ROUNDS:
            if not (times := sorted(self.took[fault])):
                continue
            yield (f"{fault:10} {len(times):6} {self.lost[fault]:5} {self.doubled[fault]:8}  "
                   f"{times[len(times) // 2]:8.1f} {times[-1]:8.1f}")


def run_on(servers, rounds, seed, processes, say, tally):
    """Rounds of each fault, mixed, on these servers; (lost, doubled)."""
    with Cluster(servers, processes, seed) as cluster:
        cluster.produce(400)
        say(f"{processes} processes, first 400 records stored after {cluster.catch_up():.1f} s")
        plan = [fault for fault, count in rounds.items() for _ in range(count)]
        cluster.random.shuffle(plan)
        before = (0, 0)
        for fault in plan:
            seconds = cluster.strike(fault)
            now = cluster.lost_and_doubled()
            tally.took[fault].append(seconds)
            tally.lost[fault] += now[0] - before[0]
            tally.doubled[fault] += now[1] - before[1]
            before = now
            say(f"{time.strftime('%H:%M:%S')} {fault}: {seconds:.1f} s")
        lost, doubled = cluster.check()
        if cluster.resident:
            say(f"resident while a store was away or full: at most {cluster.resident} MiB")
        say(f"{cluster.produced} records: lost {lost}, doubled {doubled}")
        return lost, doubled


def run(rounds, seed, processes=3, apart=APART, own_login=True, say=print):
    """A run for each group of faults in `apart`, then one for the others; (lost, doubled)."""
    rounds = {fault: count for fault, count in rounds.items() if count}
    if "disk_full" in rounds and (why := no_disk()):
        say(f"disk_full is left out: {why}")
        del rounds["disk_full"]
    others = set(rounds).difference(*apart)
    tally, lost, doubled = Tally(), 0, 0
    try:
        for group in (*apart, others):
            mine = {fault: rounds[fault] for fault in rounds if fault in group}
            if not mine:
                continue
            with Servers(mine, own_login) as servers:
                found = run_on(servers, mine, seed, processes, say, tally)
                lost, doubled = lost + found[0], doubled + found[1]
    finally:  # also of a run that ends early
        for line in tally.table():
            say(line)
    return lost, doubled


def rounds_of(text):
    """`3` or `kill=3,zombie=1`."""
    if text.isdigit():
        return dict.fromkeys(ROUNDS, int(text))
    rounds = {}
    for fault, equals, count in (part.partition("=") for part in text.split(",")):
        if fault not in ROUNDS or not equals or not count.isdigit():
            raise argparse.ArgumentTypeError(f"{fault}{equals}{count}: expected FAULT=N, of {', '.join(ROUNDS)}")
        rounds[fault] = int(count)
    return rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=rounds_of, default=ROUNDS,
                        help="N of each fault, or FAULT=N,... (default: a hundred of all)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=3)
    options = parser.parse_args()
    if run(options.rounds, options.seed, options.processes) != (0, 0):
        sys.exit(1)


if __name__ == "__main__":
    main()
