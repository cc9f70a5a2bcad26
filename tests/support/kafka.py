"""The real Kafka of the tests (tests/services/kafka), asked through kcat: another client than leat's."""
import json
import os
import pathlib
import subprocess
import unittest

SERVICE = pathlib.Path(__file__).resolve().parents[1] / "services" / "kafka"


def service(*arguments, timeout=120, env=None):
    done = subprocess.run([SERVICE, *arguments], text=True, capture_output=True, timeout=timeout, env=env)
    if done.returncode != 0:
        raise AssertionError(f"tests/services/kafka {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def need():
    """Starts it; where it cannot be, the test is skipped, which CI counts as a failure. Its brokers."""
    try:
        service("up")
        return service("brokers")
    except AssertionError as error:
        if os.environ.get("CI"):
            raise
        raise unittest.SkipTest(str(error)) from error


def kcat(*arguments, stdin=None, timeout=120, brokers=None):
    done = subprocess.run(["kcat", "-b", brokers or service("brokers"), *arguments], text=True, input=stdin,
                          capture_output=True, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"kcat {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def produce(topic, records, *options, brokers=None):
    """Pairs of key and value, each a text without tab and line end."""
    kcat("-P", "-t", topic, "-K", "\t", "-X", "acks=all", "-X", "topic.partitioner=murmur2_random", *options,
         stdin="".join(f"{key}\t{value}\n" for key, value in records), brokers=brokers)


def consume(topic, brokers=None):
    """All committed records: dictionaries of partition, offset, key, payload and headers."""
    lines = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", "-X", "isolation.level=read_committed",
                 brokers=brokers)
    return [json.loads(line) for line in lines.splitlines()]


def topics(brokers=None):
    """Names, without leat's and the brokers' own."""
    found = json.loads(kcat("-L", "-J", brokers=brokers))["topics"]
    return [topic["topic"] for topic in found if not topic["topic"].startswith("_")]
