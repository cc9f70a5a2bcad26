"""What cluster.py stands on: the shared servers of tests/services, and those that a fault needs of its own.

A disk can only be filled up, a listener can only ask for a login, and a broker can only be the second one where nobody
else is disturbed: `disk_full`, `password` and `brokers` bring a PostgreSQL or a Kafka with them.
"""
import contextlib
import errno
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import cassandra, kafka, kafka_broker, postgres  # noqa: E402

DISK_MIB = 128  # PostgreSQL begins with some 45
# A session ends after 4 s unless its client logs in anew.
LOGIN = """\
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.connections.max.reauth.ms=4000
"""
FIRST_PASSWORD = "the-first-one"


class SharedKafka:
    """The methods of kafka_broker.Broker that are used here."""

    service, produce, consume, topics = (staticmethod(f) for f in (
        kafka.service, kafka.produce, kafka.consume, kafka.topics))

    def __init__(self):
        self.brokers = kafka.need()

    def at(self, _listener):
        return self.brokers


class Disk:
    """A file system of its own, in memory: a write beyond its size fails as on any full disk, with ENOSPC."""

    def __init__(self, mib):
        # Not in $TMPDIR: the user that PostgreSQL runs as has to get there.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="disk-", dir=kafka_broker.SHARED))
        self.mib = mib

    def __enter__(self):
        try:
            self.mount("mount", "-t", "tmpfs", "-o", f"size={self.mib}m,mode=755,uid={os.getuid()}", "leat", self.root)
        except OSError:
            self.root.rmdir()
            raise
        return self

    def __exit__(self, *_):
        self.mount("umount", "--lazy", self.root)
        self.root.rmdir()

    def mount(self, *command):
        done = subprocess.run([*([] if os.geteuid() == 0 else ["sudo", "-n"]), *command], text=True, capture_output=True)
        if done.returncode != 0:
            raise PermissionError(done.stderr.partition("\n")[0])

    def fill(self):
        page = bytes(os.sysconf("SC_PAGE_SIZE"))
        with open(self.root / "ballast", "wb", buffering=0) as ballast:
            try:
                while ballast.write(page):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self):
        (self.root / "ballast").unlink()


def no_disk():
    """Why there can be none here (a container without the right to mount), or nothing."""
    try:
        with Disk(1):
            return None
    except OSError as error:
        return str(error)


class Servers:
    """For a run of these faults; `own_login`: Kafka asks for a password, too."""

    def __init__(self, faults, own_login=True):
        with contextlib.ExitStack() as stack:
            cassandra.need()
            postgres.need()
            self.disk, self.postgres = None, postgres.SHARED
            if "disk_full" in faults:
                self.disk = stack.enter_context(Disk(DISK_MIB))
                self.postgres = postgres.Server({"LEAT_SERVICES": str(self.disk.root),
                                                 "POSTGRES_PORT": str(kafka_broker.free_ports())})
                stack.callback(self.postgres.service, "down")
                self.postgres.service("up")
            self.login = "PLAINTEXT"
            if "brokers" in faults:
                self.kafka = stack.enter_context(kafka_broker.Broker(count=2))
            elif "password" in faults and own_login:
                self.login = "LOGIN"
                self.kafka = stack.enter_context(kafka_broker.Broker(
                    {"LOGIN": "SASL_PLAINTEXT"}, LOGIN, [f"leat:{FIRST_PASSWORD}"]))
            else:
                self.kafka = SharedKafka()
            self.stack = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    @property
    def brokers(self):
        """As leat is told them."""
        return self.kafka.at(self.login)
