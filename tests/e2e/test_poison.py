"""1,000 poisoned records of 20 kinds among 10,000 good ones: each kept with its reason, none of the good lost."""
import collections
import json
import pathlib
import random
import sys
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

GOOD, BAD = 10_000, 1_000

CAPTURE = """\
pipeline: capture
source:
  schema: schemas/order.json
  file: {path: "data/*.ndjson"}
transform:
  - sql: |
      SELECT id, uid::UUID AS uid, made::TIMESTAMPTZ AS made, amount, n, place.city AS city, nullif(k, '') AS k
      FROM input
quality:
  - {rule: not_negative, expect: "amount >= MINIMUM", on_fail: quarantine}
sinks:
  - {topic: orders, key: k}
"""

STORE = """\
pipeline: store
source: {topic: orders}
sinks:
  - {store: serving, table: orders, key: [id]}
"""

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"}, "uid": {"type": "string"}, "made": {"type": "string"},
        "amount": {"type": "number"}, "n": {"type": "integer"}, "k": {"type": "string"},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
    "required": ["id", "uid", "made", "amount", "n", "k", "place"],
}


def order(i):
    return {"id": i, "uid": str(uuid.UUID(int=i)), "made": f"2026-01-{i % 28 + 1:02}T08:00:00Z", "amount": i / 4, "n": i,
            "k": f"k{i}", "place": {"city": f"Ulm {i}"}, "unread": {"more": [1, 2, {"x": None}]}}


def line(i, **changes):
    return json.dumps({**order(i), **changes}).encode()


def swapped(i, old, new):
    """The record with some of its bytes replaced."""
    text = line(i)
    assert old in text, old
    return text.replace(old, new, 1)


def without(i, name):
    record = order(i)
    del record[name]
    return json.dumps(record).encode()


# kind: (reason, the bytes of record i)
KINDS = {
    "truncated": ("malformed", lambda i: line(i)[:-31]),
    "trailing": ("malformed", lambda i: line(i) + b" x"),
    "not_json": ("malformed", lambda i: b"<html>%d</html>" % i),
    "nan": ("malformed", lambda i: line(i, amount=float("nan"))),
    "control_character": ("malformed", lambda i: swapped(i, b'"Ulm ', b'"Ulm\x01')),
    "invalid_utf8": ("invalid_utf8", lambda i: swapped(i, b'"Ulm ', b'"Ulm\xff')),
    "array": ("not_object", lambda i: b"[%d]" % i),
    "text": ("not_object", lambda i: b'"%d"' % i),
    "missing": ("missing_field", lambda i: without(i, "n")),
    "missing_inside": ("missing_field", lambda i: line(i, place={})),
    "wrong_type": ("wrong_type", lambda i: line(i, n="abc")),
    "object_for_number": ("wrong_type", lambda i: line(i, n={"v": 1})),
    "too_many_digits": ("out_of_range", lambda i: line(i, n=10**25)),
    "too_large_number": ("out_of_range", lambda i: swapped(i, b'"amount": ', b'"amount": 1e400, "was": ')),
    "duplicate_key": ("duplicate_key", lambda i: swapped(i, b'"n": ', b'"n": 1, "n": ')),
    "too_deep": ("too_deep", lambda i: swapped(i, b'"Ulm ', b"[" * 70 + b"1" + b"]" * 70 + b', "was": "Ulm ')),
    "uuid": ("expression_failed", lambda i: line(i, uid="not-a-uuid")),
    "timestamp": ("expression_failed", lambda i: line(i, made="2026-13-45")),
    "rule": ("rule_failed", lambda i: line(i, amount=-5.0)),
    "null_key": ("null_key", lambda i: line(i, k="")),
}
LARGE = 17 * 1024 * 1024


def produce():
    """Lines in the order of the file: (kind or None, number, bytes)."""
    kinds = list(KINDS)
    lines = [(None, i, line(i)) for i in range(GOOD)]
    # The last one is one record larger than a record may be.
    for j in range(BAD - 1):
        kind = kinds[j % len(kinds)]
        lines.append((kind, GOOD + j, KINDS[kind][1](GOOD + j)))
    random.Random(7).shuffle(lines)
    lines.insert(len(lines) // 2, ("too_large", GOOD + BAD, line(GOOD + BAD, unread="x" * LARGE)))
    return lines


def reason_of(kind):
    return "too_large" if kind == "too_large" else KINDS[kind][0]


class Poison(unittest.TestCase):
    def minimum(self, project, value):
        project.write("pipelines/capture.yaml", CAPTURE.replace("MINIMUM", str(value)))

    def groups(self, project):
        return {(g["pipeline"], g["sink"], g["reason"], g["rule"]): g["count"] for g in project.json("dlq", "ls")}

    def stored(self, project):
        return {r["id"]: r for r in project.sql("SELECT * FROM serving.orders")}

    def test_poisoned_records(self):
        lines = produce()
        with leat.Project(None) as project:
            project.write("leat.yaml", "project: poison\ntopics:\n  orders: {partitions: 3}\nprofiles:\n  local: {}\n")
            project.write("schemas/order.json", json.dumps(SCHEMA))
            project.write("pipelines/store.yaml", STORE)
            self.minimum(project, 0)
            (project.dir / "data").mkdir()
            (project.dir / "data/orders.ndjson").write_bytes(b"".join(text + b"\n" for _, _, text in lines))
            project.leat("run", "--drain")

            # The good ones are there, whole; nothing else is.
            self.assertEqual(len(project.tap("orders")), GOOD)
            rows = self.stored(project)
            self.assertEqual(set(rows), set(range(GOOD)))
            for i, row in rows.items():
                expected = order(i)
                self.assertEqual((row["uid"], float(row["amount"]), row["n"], row["city"], row["k"]),
                                 (expected["uid"], expected["amount"], i, f"Ulm {i}", f"k{i}"))
                self.assertEqual(leat.instant(row["made"]), leat.instant(expected["made"]))

            # Each bad one is kept under its identity, with its reason and its bytes.
            letters = project.json("dlq", "show", "capture", "--limit", "5000")
            by_offset = {letter["offset"]: letter for letter in letters}
            self.assertEqual(len(by_offset), len(letters))
            expected = {at: kind for at, (kind, _, _) in enumerate(lines) if kind}
            wrong = [(kind, by_offset.get(at, {}).get("reason"), by_offset.get(at, {}).get("message"))
                     for at, kind in expected.items() if by_offset.get(at, {}).get("reason") != reason_of(kind)]
            self.assertEqual(wrong[:10], [], f"{len(wrong)} wrong")
            self.assertEqual(set(by_offset), set(expected))
            for at, letter in by_offset.items():
                self.assertEqual((letter["sink"], letter["topic"], letter["length"], letter["whole"]),
                                 ("*", "file:capture", len(lines[at][2]), expected[at] != "too_large"), expected[at])
                self.assertTrue(letter["message"], expected[at])

            # dlq ls counts them by reason.
            counts = collections.Counter(reason_of(kind) for kind in expected.values())
            groups = self.groups(project)
            self.assertEqual({key[2]: count for key, count in groups.items()}, counts)
            rule = ("capture", "*", "rule_failed", "not_negative")
            self.assertIn(rule, groups)
            text = project.leat("dlq", "ls")
            for reason in counts:
                self.assertIn(reason, text)
            ledger = project.ledger()[("capture", "*")]
            self.assertTrue(leat.balanced(ledger), ledger)
            self.assertEqual((ledger["in"], ledger["delivered"], ledger["rejected"]), (GOOD + BAD, GOOD, BAD))

            # The rule is mended: redrive brings exactly its records. A dry run moves nothing.
            where = ("--where", "rule = 'not_negative'")
            project.leat("dlq", "redrive", "capture", *where, "--dry-run")
            self.assertEqual(self.groups(project), groups)
            self.minimum(project, -10)
            project.leat("dlq", "redrive", "capture", *where)
            project.leat("run", "--drain")
            mended = {i for kind, i, _ in lines if kind == "rule"}
            self.assertEqual(len(mended), groups[rule])
            counts = project.sql(f"SELECT count(*) AS n FROM serving.orders WHERE id < {GOOD}")
            self.assertEqual(counts, [{"n": GOOD}])
            later = project.sql(f"SELECT id FROM serving.orders WHERE id >= {GOOD}")
            self.assertEqual({row["id"] for row in later}, mended)
            left = {key: count for key, count in groups.items() if key != rule}
            self.assertEqual(self.groups(project), left)
            # Once more changes nothing.
            project.leat("dlq", "redrive", "capture", *where)
            project.leat("run", "--drain")
            self.assertEqual(len(project.tap("orders")), GOOD + len(mended))

            # What fails again stays.
            project.leat("dlq", "redrive", "capture", "--where", "reason = 'null_key'")
            project.leat("run", "--drain")
            self.assertEqual(self.groups(project), left)
            for (pipeline, sink), ledger in project.ledger().items():
                self.assertTrue(leat.balanced(ledger), (pipeline, sink, ledger))

            # Purge erases what is named, then the rest.
            project.leat("dlq", "purge", "capture", "--where", "reason = 'malformed'", "--yes")
            self.assertEqual({key[2] for key in self.groups(project)}, {key[2] for key in left} - {"malformed"})
            project.leat("dlq", "purge", "capture", "--yes")
            self.assertEqual(self.groups(project), {})


if __name__ == "__main__":
    unittest.main()
