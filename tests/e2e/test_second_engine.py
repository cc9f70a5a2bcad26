"""The same records and the same SQL through leat and through SQLite, read by Python's json: equal row by row.

The expressions are made from a seed, of what means the same in both dialects. Numbers stay small, so that nothing fails
or overflows: what happens then is leat's own matter (tests/golden).
"""
import json
import pathlib
import random
import sqlite3
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

RECORDS, COLUMNS, SEEDS = 400, 24, (1, 2, 3)
INPUT = {"a": "integer", "b": "integer", "x": "number", "s": "string", "t": "string"}
WORDS = ["", "a", "Ab", "ab", "é", "ABBA", "b%_", "it's", "tab\there", "日本", 'q"\\', "long enough to leave the row's own bytes"]


class Expressions:
    """Random expressions that fit a type: integer, number, text or truth."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def make(self, kind, depth=3):
        if depth == 0 or self.random.random() < 0.15:
            return self.leaf(kind)
        return getattr(self, kind)(lambda k: self.make(k, depth - 1))

    def leaf(self, kind):
        pick = self.random.choice
        if kind == "integer":
            return pick(["a", "b", str(self.random.randint(-9, 9))])
        if kind == "number":
            return pick(["x", "0.5", "x"])
        if kind == "text":
            return pick(["s", "t", "'" + pick(WORDS).replace("'", "''") + "'"])
        return pick(["a > b", "s = t", "x IS NULL", "t < 'b'"])

    def any_of(self, kind, sub):
        """What every type has."""
        return self.random.choice([
            lambda: f"CASE WHEN {sub('truth')} THEN {sub(kind)} ELSE {sub(kind)} END",
            lambda: f"coalesce({sub(kind)}, {sub(kind)})",
            lambda: f"nullif({sub(kind)}, {sub(kind)})",
        ])()

    def integer(self, sub):
        return self.random.choice([
            lambda: f"({sub('integer')} {self.random.choice('+-')} {sub('integer')})",
            lambda: f"({self.leaf('integer')} * {self.leaf('integer')})",
            lambda: f"length({sub('text')})",
            lambda: f"abs({sub('integer')})",
            lambda: self.any_of("integer", sub),
        ])()

    def number(self, sub):
        return self.random.choice([
            lambda: f"({sub('number')} {self.random.choice('+-')} {sub('number')})",
            lambda: f"({self.leaf('number')} * {self.leaf('integer')})",
            lambda: self.any_of("number", sub),
        ])()

    def text(self, sub):
        return self.random.choice([
            lambda: f"({sub('text')} || {self.leaf('text')})",
            lambda: f"substr({sub('text')}, {self.random.randint(1, 4)}, {self.random.randint(0, 5)})",
            lambda: f"replace({sub('text')}, 'b', {self.leaf('text')})",
            lambda: f"trim({sub('text')})",
            lambda: f"CAST({sub('integer')} AS VARCHAR)",
            lambda: self.any_of("text", sub),
        ])()

    def truth(self, sub):
        kind = self.random.choice(["integer", "number", "text"])
        return self.random.choice([
            lambda: f"({sub(kind)} {self.random.choice(['<', '<=', '=', '<>', '>=', '>'])} {sub(kind)})",
            lambda: f"({sub('truth')} {self.random.choice(['AND', 'OR'])} {sub('truth')})",
            lambda: f"(NOT {sub('truth')})",
            lambda: f"({sub(kind)} IS {self.random.choice(['', 'NOT '])}NULL)",
            lambda: f"({sub(kind)} BETWEEN {sub(kind)} AND {sub(kind)})",
            lambda: f"({sub(kind)} IN ({sub(kind)}, {sub(kind)}))",
            lambda: f"({sub('text')} LIKE '{self.random.choice(['a%', '%b_', '%', '_b%'])}')",
        ])()


def records(seed):
    chance = random.Random(seed)

    def value(kind):
        if kind == "integer":
            return chance.randint(-20, 20)
        return chance.randint(-80, 80) / 8 if kind == "number" else chance.choice(WORDS)

    for i in range(RECORDS):
        record = {"id": i}
        for name, kind in INPUT.items():
            fate = chance.random()
            if fate > 0.2:
                record[name] = value(kind)
            elif fate > 0.1:
                record[name] = None
        fields = list(record.items())
        chance.shuffle(fields)
        yield json.dumps(dict(fields), ensure_ascii=chance.random() < 0.5)


def in_sqlite(lines, columns, where):
    """The rows as SQLite computes them."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA case_sensitive_like = ON")
    types = {"integer": "INTEGER", "number": "REAL", "string": "TEXT"}
    database.execute(f"CREATE TABLE input (id INTEGER, {', '.join(f'{n} {types[k]}' for n, k in INPUT.items())})")
    for line in lines:
        record = json.loads(line)
        database.execute("INSERT INTO input VALUES (?, ?, ?, ?, ?, ?)",
                         [record["id"], *(record.get(name) for name in INPUT)])
    listed = ", ".join(f"{text} AS {name}" for name, text in columns.items())
    result = database.execute(f"SELECT id, {listed} FROM input WHERE {where} ORDER BY id")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result]


class SecondEngine(unittest.TestCase):
    def compare(self, seed):
        make = Expressions(seed)
        kinds = {f"c{i}": make.random.choice(["integer", "number", "text", "truth"]) for i in range(COLUMNS)}
        columns = {name: make.make(kind) for name, kind in kinds.items()}
        where = " OR ".join(make.make("truth") for _ in range(3))
        lines = list(records(seed))
        listed = ",\n             ".join(f"{text} AS {name}" for name, text in columns.items())
        with leat.Project(None) as project:
            project.write("leat.yaml", "project: second\n")
            project.write("schemas/in.json", json.dumps(
                {"type": "object", "properties": {"id": {"type": "integer"}, **{n: {"type": k} for n, k in INPUT.items()}},
                 "required": ["id"]}))
            project.write("data/in.ndjson", "\n".join(lines) + "\n")
            project.write("pipelines/p.yaml", f"""\
pipeline: p
source:
  schema: schemas/in.json
  file: {{path: data/in.ndjson}}
transform:
  - sql: |
      SELECT id, {listed}
      FROM input WHERE {where}
sinks:
  - {{topic: out, key: id}}
""")
            project.leat("run", "--drain")
            found = sorted((record["value"] for record in project.tap("out")), key=lambda row: row["id"])
        expected = in_sqlite(lines, columns, where)
        self.assertGreater(len(expected), RECORDS // 10, where)
        self.assertEqual([row["id"] for row in found], [row["id"] for row in expected], where)
        for mine, theirs in zip(found, expected):
            for name, kind in kinds.items():
                value = theirs[name] if kind != "truth" or theirs[name] is None else bool(theirs[name])
                self.assertEqual(mine[name], value, f"seed {seed}, record {mine['id']}, {name}: {columns[name]}")

    def test_equals_sqlite(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.compare(seed)


if __name__ == "__main__":
    unittest.main()
