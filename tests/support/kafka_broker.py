"""A Kafka of a test's own: other listeners than the shared one's, users, rights, files that a test may damage.

Its administration speaks Kafka's protocol itself: each of Kafka's own tools would take seconds.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile

from . import kafka

SHARED = pathlib.Path(os.environ.get("LEAT_SERVICES", f"/var/tmp/leat-services-{os.getuid()}"))
# Numbers of the protocol.
CREATE_TOPICS, ALTER_SCRAM, SHA_512 = 19, 51, 2
CREATE_ACLS, ANY_HOST, ALLOW, PREFIXED = 30, "*", 3, 4
RESOURCES = {"topic": 2, "group": 3, "transactional id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}


def free_ports(count=1):
    """The first of so many free ports: a broker's, the controller's, and those of further brokers. They lie below those
    that the system gives to whoever connects: nobody takes one while the broker starts, or starts again."""
    while True:
        first = random.randrange(20000, 32000)
        try:
            with contextlib.ExitStack() as probes:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


class Broker:
    """`listeners`: names and their protocols beside PLAINTEXT; `extra`: server properties; `scram`: users as NAME:PASSWORD;
    `advertised`: gives the port that clients of a listener are told, such as a proxy's, for the one it listens on.
    `count` of 2: two of them, with what tests/services/kafka then says of copies, and no further listeners."""

    def __init__(self, listeners=None, extra="", scram=(), advertised=None, count=1):
        kafka.need()  # its packages are used
        self.count = count
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="leat-kafka-"))
        (self.root / "kafka").mkdir()
        (self.root / "kafka" / "libs").symlink_to(SHARED / "kafka" / "libs")
        first = free_ports(2 * count + len(listeners or {}))
        self.ports = {"PLAINTEXT": first, **{name: first + 2 * count + n for n, name in enumerate(listeners or {})}}
        (self.root / "extra").write_text((self.listening(listeners, advertised) if listeners else "") + f"{extra}\n")
        users = [f"{mechanism}=[name={name},password={password}]" for name, password in (user.split(":") for user in scram)
                 for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
        self.env = {**os.environ, "LEAT_SERVICES": str(self.root), "KAFKA_PORT": str(first), "KAFKA_HEAP": "256m",
                    "KAFKA_EXTRA": str(self.root / "extra"), "KAFKA_SCRAM": " ".join(users)}
        try:
            self.service("up", str(count))
        except AssertionError:
            self.__exit__()
            raise

    def listening(self, listeners, advertised):
        """The server properties for listeners of a test's own."""
        places = ",".join(f"{name}://127.0.0.1:{port}" for name, port in self.ports.items())
        told = ",".join(f"{name}://127.0.0.1:{(advertised or {}).get(name, lambda port: port)(port)}"
                        for name, port in self.ports.items())
        protocols = ",".join(f"{name}:{protocol}" for name, protocol in listeners.items())
        return (f"listeners={places},CONTROLLER://127.0.0.1:{self.ports['PLAINTEXT'] + 1}\nadvertised.listeners={told}\n"
                f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for number in range(self.count, 0, -1):
            subprocess.run([kafka.SERVICE, "kill", str(number)], env=self.env, capture_output=True, timeout=60)
        if not os.environ.get("LEAT_KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)

    def service(self, *arguments):
        return kafka.service(*arguments, env=self.env)

    def at(self, listener="PLAINTEXT"):
        first = self.ports[listener]
        return ",".join(f"127.0.0.1:{first + 2 * number}" for number in range(self.count))

    @property
    def data(self):
        return self.root / "kafka" / "node-1" / "data"

    def kcat(self, *arguments, stdin=None):
        return kafka.kcat(*arguments, stdin=stdin, brokers=self.at())

    def produce(self, topic, records, *options):
        kafka.produce(topic, records, *options, brokers=self.at())

    def consume(self, topic):
        return kafka.consume(topic, brokers=self.at())

    def topics(self):
        return kafka.topics(brokers=self.at())

    def values(self, topic):
        return [json.loads(record["payload"]) for record in self.consume(topic)]

    def allow(self, user, operation, resource, prefix):
        """A right of a user on all resources whose name begins with `prefix`."""
        body = struct.pack(">ib", 1, RESOURCES[resource]) + text(prefix)
        body += struct.pack(">b", PREFIXED) + text(f"User:{user}") + text(ANY_HOST)
        body += struct.pack(">bb", OPERATIONS[operation], ALLOW)
        count, error = struct.unpack(">ih", self.ask(CREATE_ACLS, 1, body)[4:10])
        if (count, error) != (1, 0):
            raise AssertionError(f"{user} {operation} {resource} {prefix}: the broker answered error {error}")

    def create_topic(self, name, settings=None):
        """With one partition."""
        settings = settings or {}
        body = struct.pack(">i", 1) + text(name) + struct.pack(">ihii", 1, 1, 0, len(settings))
        body += b"".join(text(key) + text(value) for key, value in settings.items()) + struct.pack(">i?", 10_000, False)
        answer = self.ask(CREATE_TOPICS, 2, body)
        (error,) = struct.unpack(">h", answer[8 + len(text(name)):][:2])
        if error:
            raise AssertionError(f"create topic {name}: the broker answered error {error}")

    def change_password(self, user, password):
        """Of SCRAM-SHA-512."""
        salt, rounds = os.urandom(16), 4096
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
        body = b"\0\1\2" + short(user.encode()) + struct.pack(">bi", SHA_512, rounds) + short(salt) + short(salted) + b"\0\0"
        error = struct.unpack(">h", self.ask(ALTER_SCRAM, 0, body)[6 + len(short(user.encode())):][:2])
        if error != (0,):
            raise AssertionError(f"change the password of {user}: the broker answered error {error[0]}")

    def ask(self, number, version, body):
        """One request of the protocol's number; the answer's body."""
        with socket.create_connection(("127.0.0.1", self.ports["PLAINTEXT"]), 10) as connection:
            request = struct.pack(">hhi", number, version, 0) + text("test") + body
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                (size,) = struct.unpack(">i", answer.read(4))
                return answer.read(size)[4:]


def short(data):
    """Bytes as the newer requests have them; at most 126."""
    return bytes([len(data) + 1]) + data


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data
