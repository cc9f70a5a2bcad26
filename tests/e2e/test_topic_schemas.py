"""Topics whose values have a registered Avro schema: produced, enforced, evolved, read; on the embedded log and, with
Confluent's own serializers at the other end, on the real Kafka."""
import base64
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import kafka, leat, postgres, registry  # noqa: E402

USER = pathlib.Path("schemas/user_created.avsc")


def fields(*more, without=()):
    """The reference project's schema, changed."""
    schema = json.loads((leat.ROOT / "examples/users" / USER).read_text())
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in without] + list(more)
    return schema


class Embedded(unittest.TestCase):
    """The reference project, whose topic users_created has a schema."""

    def setUp(self):
        self.project = self.enterContext(leat.Project())
        self.url = self.enterContext(leat.api())
        self.project.env["USERS_API"] = self.url

    def drain(self, *arguments, **options):
        return self.project.leat("run", "--drain", *arguments, **options)

    def refused(self, *arguments):
        done = self.project.call("run", "--drain", *arguments)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def write_schema(self, schema):
        self.project.write(str(USER), json.dumps(schema))

    def test_users_come_through_as_avro_value_by_value(self):
        self.drain()
        expected = {user["id"]: user for user in map(leat.flatten, leat.users())}
        found = {record["key"]: record["value"] for record in self.project.tap("users_created")}
        self.assertEqual(len(found), 6000)
        for key in list(expected)[::97]:
            for name, value in expected[key].items():
                if name in ("dob", "registered_date"):
                    self.assertEqual(leat.instant(found[key][name]), value, (key, name))
                else:
                    self.assertEqual(found[key][name], value, (key, name))
        self.assertEqual(self.project.sql("SELECT count(*) AS n, count(post_code) AS p FROM serving.created_users"),
                         [{"n": 6000, "p": 6000}])
        [match] = self.project.leat("tap", "users_created", "--where", "email = '%s'" % expected[key]["email"],
                                    "--output", "json").splitlines()
        self.assertEqual(json.loads(match)["value"]["id"], key)
        self.assertIn("avro", self.project.leat("topics", "ls"))

    def test_a_field_that_is_renamed_without_a_default_is_refused_with_the_difference(self):
        self.drain()
        schema = fields()
        for field in schema["fields"]:
            if field["name"] == "post_code":
                field["name"] = "zip"
        self.write_schema(schema)
        capture = self.project.dir / "pipelines/users_capture.yaml"
        capture.write_text(capture.read_text().replace("AS post_code", "AS zip"))
        told = self.refused()
        for part in ("READER_FIELD_MISSING_DEFAULT_VALUE", "zip", "users_created-value", "version 1",
                     "users_capture.yaml:", "users_store"):
            self.assertIn(part, told)
        # With the old name as an alias old records still have the field.
        for field in schema["fields"]:
            if field["name"] == "zip":
                field["aliases"] = ["post_code"]
        self.write_schema(schema)
        self.drain("users_capture")

    def test_a_new_field_with_a_default_is_accepted_and_old_records_still_read(self):
        self.drain()
        self.write_schema(fields({"name": "source", "type": "string", "default": "api"}))
        self.project.leat("reset", "users_capture", "--to", "start", "--yes")
        self.drain()
        records = self.project.tap("users_created")
        self.assertEqual(len(records), 12000)
        self.assertEqual({record["value"].get("source") for record in records}, {None, "api"})
        # Read again from the start with the new schema: the old records have the default.
        self.project.leat("reset", "users_store", "--to", "start", "--yes", "--truncate")
        self.drain()
        self.assertEqual(self.project.sql("SELECT DISTINCT source FROM serving.created_users"), [{"source": "api"}])
        self.assertEqual(self.project.sql("SELECT count(*) AS n FROM serving.created_users"), [{"n": 6000}])

    def test_a_topic_that_carried_json_is_refused_with_the_way_to_migrate(self):
        capture = self.project.dir / "pipelines/users_capture.yaml"
        typed = capture.read_text()
        line = next(line for line in typed.splitlines() if "schema: schemas/user_created.avsc" in line)
        capture.write_text(typed.replace(line + "\n", ""))
        self.drain()
        capture.write_text(typed)
        told = self.refused("--run-id", "two")
        self.assertIn("topic users_created holds records of format json", told)
        self.assertIn("users_created_v2", told)
        # The way that it tells: a new topic, the old records copied, the tables from the new one.
        capture.write_text(typed.replace("topic: users_created", "topic: users_created_v2"))
        self.project.write("pipelines/users_migrate.yaml",
                           "pipeline: users_migrate\n"
                           "source: {topic: users_created, format: json}\n"
                           "transform:\n"
                           "  - sql: SELECT * REPLACE (id::UUID AS id, dob::TIMESTAMPTZ AS dob,\n"
                           "           registered_date::TIMESTAMPTZ AS registered_date) FROM input\n"
                           "sinks:\n"
                           "  - {topic: users_created_v2, key: id, schema: schemas/user_created.avsc}\n")
        store = self.project.dir / "pipelines/users_store.yaml"
        store.write_text(store.read_text().replace("topic: users_created", "topic: users_created_v2"))
        self.drain()
        self.assertEqual(len(self.project.tap("users_created_v2")), 6000)
        self.assertEqual(self.project.sql("SELECT count(*) AS n FROM serving.created_users"), [{"n": 6000}])

    def test_a_value_that_does_not_fit_is_a_dead_letter_with_its_path(self):
        self.write_schema(fields({"name": "short", "type": {"type": "enum", "name": "Short", "symbols": ["CH", "US"]}}))
        capture = self.project.dir / "pipelines/users_capture.yaml"
        capture.write_text(capture.read_text().replace("location.country AS country",
                                                       "location.country AS country, nat AS short"))
        self.drain("--run-id", "enum")
        letters = json.loads(self.project.leat("dlq", "ls", "users_capture", "--output", "json"))
        self.assertTrue(letters)
        ledger = self.project.ledger()["users_capture", "*"]
        self.assertTrue(leat.balanced(ledger))
        self.assertEqual(ledger["rejected"] + len(self.project.tap("users_created")), 6000)
        self.assertEqual({letter["reason"] for letter in letters}, {"encode_failed"})
        [shown, *_] = json.loads(self.project.leat("dlq", "show", "users_capture", "--output", "json"))
        self.assertIn("/short: ", shown["message"])


PROTO = """\
syntax = "proto3";
package org.leat.tests;
import "google/protobuf/timestamp.proto";
message Order {
  int64 id = 1;
  string customer = 2;
  double price = 3;
  google.protobuf.Timestamp made_at = 4;
  repeated Line lines = 5;
  message Line { string article = 1; uint32 count = 2; }
}
"""
ORDERS = """\
pipeline: orders
source: {file: {path: orders.ndjson}}
transform:
  - sql: |
      SELECT n::BIGINT AS id, 'c' || n AS customer, n / 4 AS price, TIMESTAMPTZ '2026-11-28 01:02:03.456789Z' AS made_at,
             [{'article': 'a', 'count': 9007199254740993::BIGINT % 7}] AS lines
      FROM input
sinks:
  - {topic: orders, key: id, schema: order.proto}
"""


class Protobuf(unittest.TestCase):
    def test_records_of_a_proto_file_come_through_and_a_changed_type_is_refused(self):
        project = self.enterContext(leat.Project(template=None))
        project.write("leat.yaml", "project: orders\n")
        project.write("order.proto", PROTO)
        project.write("orders.ndjson", "".join(f'{{"n": {n}}}\n' for n in range(1, 101)))
        project.write("pipelines/orders.yaml", ORDERS)
        project.write("pipelines/store.yaml", "pipeline: store\nsource: {topic: orders}\ntransform:\n"
                      "  - sql: SELECT id, customer, price, made_at, lines[1].count AS count FROM input\n"
                      "sinks:\n  - {store: serving, table: orders, key: [id]}\n")
        project.leat("run", "--drain")
        self.assertEqual(project.sql("SELECT count(*) AS n, sum(count) AS c, max(made_at)::VARCHAR AS made, max(price) AS p FROM serving.orders"),
                         [{"n": 100, "c": 100 * (9007199254740993 % 7), "made": "2026-11-28 01:02:03.456789+00", "p": 25}])
        [first] = [r for r in project.tap("orders") if r["value"]["id"] == 7]
        self.assertEqual(first["value"]["lines"], [{"article": "a", "count": 9007199254740993 % 7}])
        self.assertEqual(first["value"]["customer"], "c7")
        project.write("order.proto", PROTO.replace("int64 id", "sint64 id"))
        told = project.call("run", "--drain").stderr
        self.assertIn("FIELD_SCALAR_KIND_CHANGED", told)


class JsonSchema(unittest.TestCase):
    def test_records_are_validated_when_written_and_bad_ones_are_dead_letters(self):
        project = self.enterContext(leat.Project(template=None))
        project.write("leat.yaml", "project: orders\n")
        project.write("order.json", json.dumps({
            "$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
            "properties": {"id": {"type": "integer", "maximum": 90}, "customer": {"type": "string", "pattern": "^c[0-9]+$"}},
            "required": ["id", "customer"], "additionalProperties": False}))
        project.write("orders.ndjson", "".join(f'{{"n": {n}}}\n' for n in range(1, 101)))
        project.write("pipelines/orders.yaml", "pipeline: orders\nsource: {file: {path: orders.ndjson}}\ntransform:\n"
                      "  - sql: SELECT n::BIGINT AS id, CASE WHEN n = 7 THEN 'x' ELSE 'c' || n END AS customer FROM input\n"
                      "sinks:\n  - {topic: orders, key: id, schema: order.json}\n")
        project.write("pipelines/store.yaml", "pipeline: store\nsource: {topic: orders}\n"
                      "sinks:\n  - {store: serving, table: orders, key: [id]}\n")
        project.leat("run", "--drain")
        self.assertEqual(project.sql("SELECT count(*) AS n, max(id) AS m FROM serving.orders"), [{"n": 89, "m": 90}])
        letters = json.loads(project.leat("dlq", "show", "orders", "--output", "json"))
        self.assertEqual({letter["reason"] for letter in letters}, {"encode_failed"})
        self.assertEqual(len(letters), 11)
        self.assertTrue(any("/customer" in letter["message"] for letter in letters))
        self.assertIn("json_schema", project.leat("topics", "ls"))


class IdsInHeaders(unittest.TestCase):
    """`id_in: header`: the value is the bytes alone."""

    FILES = {"order.avsc": json.dumps({"type": "record", "name": "Order", "fields": [
                 {"name": "id", "type": "long"}, {"name": "customer", "type": "string"}]}),
             "order.proto": 'syntax = "proto3"; message Order { int64 id = 1; string customer = 2; }',
             "order.json": json.dumps({"type": "object", "properties": {"id": {"type": "integer"}, "customer": {"type": "string"}}})}

    def test_each_language_is_written_bare_and_read_back(self):
        project = self.enterContext(leat.Project(template=None))
        project.write("leat.yaml", "project: orders\n")
        project.write("orders.ndjson", "".join(f'{{"n": {n}}}\n' for n in range(1, 11)))
        for file, text in self.FILES.items():
            name = file.replace(".", "_")
            project.write(file, text)
            project.write(f"pipelines/{name}.yaml", f"pipeline: {name}\nsource: {{file: {{path: orders.ndjson}}}}\ntransform:\n"
                          "  - sql: SELECT n::BIGINT AS id, 'c' || n AS customer FROM input\n"
                          f"sinks:\n  - {{topic: {name}, key: id, schema: {{file: {file}, id_in: header}}}}\n")
            project.write(f"pipelines/{name}_store.yaml", f"pipeline: {name}_store\nsource: {{topic: {name}}}\n"
                          f"sinks:\n  - {{store: serving, table: {name}, key: [id]}}\n")
        project.leat("run", "--drain")
        for file in self.FILES:
            name = file.replace(".", "_")
            with self.subTest(file):
                self.assertEqual(project.sql(f"SELECT count(*) AS n, max(customer) AS c FROM serving.{name}"), [{"n": 10, "c": "c9"}])
                [record] = [r for r in project.tap(name) if r["value"]["id"] == 7]
                self.assertEqual(record["value"], {"id": 7, "customer": "c7"})
                header = base64.b64decode(record["headers"]["__value_schema_id"]["base64"])
                self.assertEqual(header[:1], b"\1")
                # Protobuf's message indexes stand there as well: of the first message.
                self.assertEqual(len(header), 18 if file.endswith("proto") else 17)
        # Another schema on the topic, by its id in front, as before: readers take both.
        for file in self.FILES:
            capture = project.dir / f"pipelines/{file.replace('.', '_')}.yaml"
            capture.write_text(capture.read_text().replace("header", "payload").replace("'c' ||", "'d' ||"))
        project.leat("reset", "order_avsc", "--to", "start", "--yes")
        project.leat("run", "--drain")
        self.assertEqual(project.sql("SELECT count(*) AS n, max(customer) AS c FROM serving.order_avsc"), [{"n": 10, "c": "d9"}])
        self.assertEqual(json.loads(project.leat("dlq", "ls", "--output", "json")), [])


PLACE_KEY = {"type": "record", "name": "PlaceKey", "namespace": "org.leat.tests", "fields": [
    {"name": "country", "type": "string"}, {"name": "zip", "type": "int"}]}
PLACE = {"type": "record", "name": "Place", "namespace": "org.leat.tests", "fields": [*PLACE_KEY["fields"], {"name": "name", "type": "string"}]}


def write_places(project, topic, options="key.avsc", more=""):
    """Places by country and zip, into a topic and, keyed by both, from it into tables."""
    project.write("key.avsc", json.dumps(PLACE_KEY))
    project.write("place.avsc", json.dumps(PLACE))
    project.write("places.ndjson", "".join(f'{{"zip": {n}}}\n' for n in range(1, 11)))
    project.write("places.json", '{"type": "object", "properties": {"zip": {"type": "integer"}}}')
    project.write("pipelines/places.yaml", "pipeline: places\nsource: {schema: places.json, file: {path: places.ndjson}}\ntransform:\n"
                  "  - sql: SELECT 'CH' AS country, zip::INTEGER AS zip, 'place number ' || zip AS name FROM input\n"
                  f"sinks:\n  - {{topic: {topic}, key: [country, zip], schema: place.avsc, key_schema: {options}}}\n")
    project.write("pipelines/table.yaml", f"pipeline: table\nsource: {{topic: {topic}}}\ntransform:\n"
                  "  - sql: SELECT country, zip, name, _key AS k FROM input\n"
                  f"sinks:\n  - {{store: warehouse, table: places, key: [country, zip]{more}}}\n")


class KeySchemas(unittest.TestCase):
    """Keys that have a schema are read as the text that they would be without one."""

    def setUp(self):
        self.project = self.enterContext(leat.Project(template=None))
        self.project.write("leat.yaml", "project: places\ntopics: {places: {partitions: 3}}\n")

    def keys(self, where="places"):
        lines = self.project.leat("tap", where, "--output", "json").splitlines()
        return sorted(json.dumps(json.loads(line)["key"]) for line in lines)

    def test_keys_are_written_by_their_schema_and_read_as_text(self):
        for options in ("key.avsc", "{file: key.avsc, id_in: header}"):
            with self.subTest(options), leat.Project(template=None) as self.project:
                self.project.write("leat.yaml", "project: places\ntopics: {places: {partitions: 3}}\n")
                write_places(self.project, "places", options)
                self.project.leat("run", "--drain")
                self.assertEqual(self.project.sql("SELECT count(*) AS n, max(k) AS k FROM warehouse.places"),
                                 [{"n": 10, "k": '["CH",9]'}])
                self.assertEqual(self.keys(), sorted(json.dumps(["CH", n]) for n in range(1, 11)))
                shown = self.project.leat("tap", "places", "--where", "_key = '[\"CH\",7]'", "--output", "json")
                self.assertIn("place number 7", shown)
                if "header" in options:
                    headers = self.project.tap("places")[-1]["headers"]
                    self.assertEqual(base64.b64decode(headers["__key_schema_id"]["base64"])[:1], b"\1")

    def test_another_schema_of_keys_is_refused_though_it_is_compatible(self):
        write_places(self.project, "places")
        self.project.leat("run", "--drain")
        self.project.write("key.avsc", json.dumps({**PLACE_KEY, "fields": [PLACE_KEY["fields"][0], {"name": "zip", "type": "long"}]}))
        done = self.project.call("run", "--drain")
        self.assertEqual(done.returncode, 2, done.stderr)
        for part in ("sinks[0].key_schema", "places-key", "may not change", "leat schema diff places-key key.avsc"):
            self.assertIn(part, done.stderr)
        # The same one, written otherwise, is the same.
        self.project.write("key.avsc", json.dumps(PLACE_KEY, indent=3))
        self.project.leat("run", "--drain")

    def test_a_topic_whose_keys_are_written_otherwise_is_refused(self):
        ways = {"text": None, "payload": "key.avsc", "header": "{file: key.avsc, id_in: header}"}
        told = {"text": "keys as text", "payload": "keys of a schema, its id in front of them",
                "header": "keys of a schema, its id in a header"}
        for before, after in (("payload", "header"), ("header", "payload"), ("text", "payload"), ("payload", "text")):
            with self.subTest(f"{before} {after}"), leat.Project(template=None) as project:
                project.write("leat.yaml", "project: places\n")
                for way in (before, after):
                    write_places(project, "places", ways[way] or "NONE")
                    places = project.dir / "pipelines/places.yaml"
                    places.write_text(places.read_text().replace(", key_schema: NONE", ""))
                    done = project.call("run", "--drain")
                    if way == before:
                        self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.returncode, 2, done.stderr)
                part = f"topic places has {told[before]}, and this sink writes {told[after]}"
                for part in (part, "sinks[0]." + ("key_schema" if ways[after] else "key"), "places_v2"):
                    self.assertIn(part, done.stderr)

    def test_all_who_write_a_topic_give_its_keys_one_schema(self):
        write_places(self.project, "places")
        text = (self.project.dir / "pipelines/places.yaml").read_text().replace("pipeline: places", "pipeline: more")
        self.project.write("same.avsc", json.dumps(PLACE_KEY, indent=2))
        long = {**PLACE_KEY, "fields": [PLACE_KEY["fields"][0], {"name": "zip", "type": "long"}]}
        self.project.write("long.avsc", json.dumps(long))
        for options, part in (("same.avsc", None), ("{file: key.avsc, id_in: payload}", None),
                              ("{file: key.avsc, id_in: header}", "name their schema in another place"),
                              ("long.avsc", "have another schema")):
            self.project.write("pipelines/more.yaml", text.replace("key_schema: key.avsc", f"key_schema: {options}"))
            done = self.project.call("lint")
            self.assertEqual(done.returncode, 2 if part else 0, (options, done.stdout))
            if part:
                self.assertIn(f"keys of topic places {part}", done.stdout)

    def test_a_json_schema_of_keys_is_of_an_object_with_the_keys_columns(self):
        one = {"type": "object", "properties": {"zip": {"type": "integer"}}, "required": ["zip"]}
        write_places(self.project, "places", "key.json")
        places = self.project.dir / "pipelines/places.yaml"
        places.write_text(places.read_text().replace("key: [country, zip]", "key: zip"))
        for schema, part in (({"type": "integer"}, "of one value"), ({}, "of one value"),
                             ({"type": "object", "properties": {"key": {"type": "integer"}}}, "key: [key]")):
            self.project.write("key.json", json.dumps(schema))
            done = self.project.call("lint")
            self.assertEqual(done.returncode, 2, schema)
            self.assertIn("sinks[0].key_schema", done.stdout)
            self.assertIn(part, done.stdout)
        self.project.write("key.json", json.dumps(one))
        self.project.leat("run", "--drain")
        self.assertEqual(self.keys(), sorted(str(n) for n in range(1, 11)))

    def test_a_key_whose_schema_nobody_gives_is_a_dead_letter_with_its_bytes(self):
        write_places(self.project, "places", "NONE")
        places, table = (self.project.dir / f"pipelines/{name}.yaml" for name in ("places", "table"))
        # What looks like a GUID, and a key behind it.
        places.write_text(places.read_text().replace(", key_schema: NONE", "").replace("key: [country, zip]", "key: name").replace(
            "'place number '", "CASE WHEN zip = 7 THEN chr(1) || 'sixteen letters.' ELSE 'place number ' END"))
        table.write_text(table.read_text().replace("topic: places}", "topic: places, format: avro, key_format: registered}"))
        for _ in range(2):
            self.project.leat("run", "--drain")
            [letter] = json.loads(self.project.leat("dlq", "show", "table", "--output", "json"))
            self.assertEqual((letter["stage"], letter["reason"]), ("decode", "unknown_schema"))
            self.assertIn("73697874-6565-6e20-6c65-74746572732e", letter["message"])
            self.assertIn("sixteen letters.7", letter["key_text"])
            self.project.leat("dlq", "redrive", "table")
        self.assertEqual(self.project.sql("SELECT count(*) AS n FROM warehouse.places"), [{"n": 9}])

    def test_lint_says_which_columns_a_key_needs(self):
        write_places(self.project, "places")
        places = self.project.dir / "pipelines/places.yaml"
        text = places.read_text()
        for key, part in (("[zip, country]", "in their order; key: [country, zip]"), ("country", "zip"), ("[country, zip, name]", "name")):
            places.write_text(text.replace("key: [country, zip]", f"key: {key}"))
            done = self.project.call("lint")
            self.assertEqual(done.returncode, 2, key)
            self.assertIn("sinks[0].key_schema", done.stdout + done.stderr)
            self.assertIn(part, done.stdout + done.stderr)
        places.write_text(text.replace(", schema: place.avsc", ""))
        self.assertIn("`key_schema` without `schema` and `key`", self.project.call("lint").stdout)

    def test_a_dead_letter_keeps_the_key_as_text_and_comes_back_with_it(self):
        for options in ("key.avsc", "{file: key.avsc, id_in: header}"):
            with self.subTest(options), leat.Project(template=None) as project:
                project.write("leat.yaml", "project: places\n")
                write_places(project, "places", options)
                table = project.dir / "pipelines/table.yaml"
                text = table.read_text()
                table.write_text(text + "quality:\n  - {rule: small, expect: zip < 8, on_fail: quarantine}\n")
                project.leat("run", "--drain")
                letters = json.loads(project.leat("dlq", "show", "table", "--output", "json"))
                self.assertEqual(sorted(letter["key"][1] for letter in letters), [8, 9, 10])
                table.write_text(text)
                project.leat("dlq", "redrive", "table")
                project.leat("run", "--drain")
                self.assertEqual(project.sql("SELECT count(*) AS n, max(k) AS k FROM warehouse.places"), [{"n": 10, "k": '["CH",9]'}])


    def test_a_letters_key_is_not_taken_for_the_bytes_that_its_header_was_of(self):
        write_places(self.project, "places", "{file: long.avsc, id_in: header}")
        self.project.write("long.avsc", '"long"')
        places, table = (self.project.dir / f"pipelines/{name}.yaml" for name in ("places", "table"))
        places.write_text(places.read_text().replace("key: [country, zip]", "key: zip"))
        text = table.read_text()
        table.write_text(text + "quality:\n  - {rule: small, expect: zip < 8, on_fail: quarantine}\n")
        self.project.leat("run", "--drain")
        table.write_text(text)
        self.project.leat("dlq", "redrive", "table")
        self.project.leat("run", "--drain")
        # The text 8 is the byte 56, which as a long of Avro is 28.
        self.assertEqual(self.project.sql("SELECT zip, k FROM warehouse.places WHERE zip > 6 ORDER BY zip"),
                         [{"zip": n, "k": str(n)} for n in (7, 8, 9, 10)])


COUNTS = {"type": "record", "name": "Count", "fields": [{"name": "id", "type": "long"}, {"name": "n", "type": ["null", "long"], "default": None}]}
ALWAYS = {**COUNTS, "fields": [COUNTS["fields"][0], {"name": "n", "type": "long"}]}
COUNTING = "pipeline: counts\nsource: {{file: {{path: counts.ndjson}}}}\ntransform:\n" \
           "  - sql: SELECT id::BIGINT AS id, CASE WHEN id % 5 > 0 THEN id::BIGINT END AS n FROM input\n" \
           "sinks:\n  - {{topic: {topic}, key: id, schema: counts.avsc}}\n"


def write_counts(project, topic):
    """Ten records, of which those at offsets 4 and 9 have no n."""
    project.write("counts.avsc", json.dumps(COUNTS))
    project.write("always.avsc", json.dumps(ALWAYS))
    project.write("counts.ndjson", "".join(f'{{"id": {n}}}\n' for n in range(1, 11)))
    project.write("pipelines/counts.yaml", COUNTING.format(topic=topic))


class Tried(unittest.TestCase):
    """`leat schema check` on records: the levels are those of a registry that has nothing yet, so they say nothing."""

    def setUp(self):
        self.url = self.enterContext(registry.serving(self.enterContext(leat.Project(None)))).url
        self.project = self.enterContext(leat.Project(template=None))
        self.project.write("leat.yaml", "project: counts\n")
        write_counts(self.project, "counts")

    def check(self, file, *arguments):
        done = self.project.call("schema", "check", "counts-value", file, "--registry", self.url, *arguments)
        return done.returncode, done.stdout + done.stderr

    def test_records_that_a_schema_breaks_are_named(self):
        self.assertEqual(self.check("always.avsc")[0], 0)  # no topic yet
        code, told = self.check("always.avsc", "--records", "10")
        self.assertEqual(code, 2, told)
        self.assertIn("there is no data yet", told)
        self.project.leat("run", "--drain")
        code, told = self.check("counts.avsc")
        self.assertEqual(code, 0, told)
        self.assertIn("of the newest 10 records of topic counts it reads 10\n", told)
        code, told = self.check("always.avsc")
        self.assertEqual(code, 2, told)
        self.assertIn("of the newest 10 records of topic counts it reads 8, and 2 no longer\n", told)
        self.assertIn("  counts[0]@4: schema_mismatch: /n: ", told)
        self.assertIn("  counts[0]@9: schema_mismatch: /n: ", told)
        code, told = self.check("always.avsc", "--records", "4")
        self.assertIn("of the newest 4 records of topic counts it reads 3, and 1 no longer\n", told)
        self.assertEqual(self.check("always.avsc", "--records", "0")[0], 0)
        code, told = self.check("always.avsc", "--output", "json")
        self.assertEqual(code, 2, told)
        self.assertIn("counts[0]@9", told)

    def test_a_running_process_is_asked_and_a_subject_that_names_no_topic_needs_one(self):
        with self.project.background("run") as run:
            leat.wait_until(lambda: (self.project.dir / ".leat/local/run.json").exists() and
                            self.project.call("topics", "show", "counts").returncode == 0 and
                            len(self.project.tap("counts")) == 10, "the records")
            code, told = self.check("always.avsc")
            self.assertEqual(code, 2, told)
            self.assertIn("and 2 no longer", told)
            self.assertIsNone(run.poll())
        other = self.project.call("schema", "check", "Count", "always.avsc", "--registry", self.url, "--records", "5")
        self.assertEqual(other.returncode, 2)
        self.assertIn("--topic TOPIC", other.stderr)
        other = self.project.call("schema", "check", "Count", "always.avsc", "--registry", self.url, "--topic", "counts")
        self.assertIn("and 2 no longer", other.stdout)


KAFKA_PROFILE = """\
project: {name}
profiles:
  cluster:
    log: {{kafka: {{brokers: "${{KAFKA_BROKERS}}"}}}}
    registry: {{url: "${{SCHEMA_REGISTRY_URL}}"}}
    stores:
      warehouse: {{postgres: {{dsn: "${{WAREHOUSE_DSN}}", schema: {name}}}}}
"""
READING = {"type": "record", "name": "Reading", "namespace": "org.leat.tests", "fields": [
    {"name": "id", "type": "long"},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "value", "type": "double"},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "note", "type": ["null", "string"], "default": None}]}
IN = "pipeline: readings\nsource: {{topic: {name}_in, format: avro}}\nsinks:\n" \
     "  - {{store: warehouse, table: readings, key: [id]}}\n" \
     "  - {{topic: {name}_out, key: id, schema: reading.avsc}}\n"
# Confluent's serializers over confluent_kafka's producer: rows are given and printed as JSON.
SERIALIZER = """
from confluent_kafka import Producer, Consumer
from confluent_kafka.schema_registry.avro import AvroSerializer, AvroDeserializer
from confluent_kafka.serialization import SerializationContext, MessageField
import datetime, decimal
brokers, topic, schema = sys.argv[2], sys.argv[3], sys.argv[4]
"""


ORDER_JSON = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
              "properties": {"id": {"type": "integer"}, "customer": {"type": "string", "pattern": "^c[0-9]+$"}},
              "required": ["id", "customer"]}
# Each reads three records of the topic, and writes them again with another id. The bytes of Protobuf are compared.
READ_THREE = """
k = Consumer({'bootstrap.servers': brokers, 'group.id': topic, 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed'})
p = Producer({'bootstrap.servers': brokers}); k.subscribe([topic]); context = SerializationContext(topic, MessageField.VALUE)
def three():
    for _ in range(3):
        m = k.poll(30); assert m is not None and not m.error(), m
        yield m
"""
PROTOBUF_CLIENT = READ_THREE + """
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer, ProtobufDeserializer
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
import base64, urllib.request
latest = json.load(urllib.request.urlopen(f'{sys.argv[1]}/subjects/{topic}-value/versions/latest?format=serialized'))
pool = descriptor_pool.DescriptorPool()
pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
pool.Add(descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(latest['schema'])))
Order = message_factory.GetMessageClass(pool.FindMessageTypeByName('org.leat.tests.Order'))
d = ProtobufDeserializer(Order, {'use.deprecated.format': False}, c)
s = ProtobufSerializer(Order, c, {'use.deprecated.format': False, 'auto.register.schemas': False, 'use.latest.version': True})
for m in three():
    order = d(m.value(), context)
    print(json.dumps({'same': s(order, context) == m.value()}))
    order.id += 100; p.produce(topic, key=str(order.id), value=s(order, context))
p.flush(); k.close()
"""
JSON_CLIENT = READ_THREE + """
from confluent_kafka.schema_registry.json_schema import JSONSerializer, JSONDeserializer
d, s = JSONDeserializer(schema, schema_registry_client=c), JSONSerializer(schema, c)
for row in sorted((d(m.value(), context) for m in three()), key=lambda row: row['id']):
    print(json.dumps(row)); row['id'] += 100
    p.produce(topic, key=str(row['id']), value=s(row, context))
p.flush(); k.close()
"""


# Reads three records whose schema stands in their header, writes each again in the same way, and once more with another id.
HEADER_CLIENT = READ_THREE + """
from confluent_kafka.schema_registry import header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer, AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer, JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer, ProtobufDeserializer
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
import base64, urllib.request
conf = {'schema.id.serializer': header_schema_id_serializer, 'auto.register.schemas': False, 'use.latest.version': True}
if topic.endswith('_avsc'):
    d, s = AvroDeserializer(c), AvroSerializer(c, conf=conf)
elif topic.endswith('_json'):
    d, s = JSONDeserializer(None, schema_registry_client=c), JSONSerializer(None, c, conf=conf)
else:
    latest = json.load(urllib.request.urlopen(f'{sys.argv[1]}/subjects/{topic}-value/versions/latest?format=serialized'))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(latest['schema'])))
    Order = message_factory.GetMessageClass(pool.FindMessageTypeByName('Order'))
    d = ProtobufDeserializer(Order, {'use.deprecated.format': False}, c)
    s = ProtobufSerializer(Order, c, {'use.deprecated.format': False, **conf})
def write(row):
    context = SerializationContext(topic, MessageField.VALUE, [])
    return s(row, context), context.headers
def id_of(row, more=0):
    if isinstance(row, dict):
        row['id'] += more; return row['id']
    row.id += more; return row.id
for m in three():
    row = d(m.value(), SerializationContext(topic, MessageField.VALUE, m.headers()))
    value, headers = write(row)
    print(json.dumps({'id': id_of(row), 'bytes': value == m.value(), 'headers': headers == m.headers()}))
    id_of(row, 100); value, headers = write(row)
    p.produce(topic, key=str(id_of(row)), value=value, headers=headers)
p.flush(); k.close()
"""


# Reads ten keys and writes each again; then renames the place 1, deletes the place 2, and adds a place 11.
KEY_CLIENT = """
from confluent_kafka import Producer, Consumer
from confluent_kafka.schema_registry.avro import AvroSerializer, AvroDeserializer
from confluent_kafka.serialization import SerializationContext, MessageField
brokers, topic, schemas = sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
key, value = SerializationContext(topic, MessageField.KEY), SerializationContext(topic, MessageField.VALUE)
conf = {'auto.register.schemas': False, 'use.latest.version': True}
ks, vs = (AvroSerializer(c, json.dumps(schemas[part]), conf=conf) for part in ('key', 'value'))
d = AvroDeserializer(c)
k = Consumer({'bootstrap.servers': brokers, 'group.id': topic, 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed'})
p = Producer({'bootstrap.servers': brokers, 'partitioner': 'murmur2_random'}); k.subscribe([topic])
partitions = {}
def sent(error, message): partitions[message.key()] = message.partition()
read = []
while len(read) < 10:
    m = k.poll(30); assert m is not None and not m.error(), m
    read.append(m)
def write(zip, name):
    place = {'country': 'CH', 'zip': zip}
    p.produce(topic, key=ks(place, key), value=None if name is None else vs({**place, 'name': name}, value), on_delivery=sent)
for m in sorted(read, key=lambda m: d(m.key(), key)['zip']):
    row = d(m.key(), key)
    if row['zip'] > 2: write(row['zip'], 'again')
write(1, 'renamed'), write(2, None), write(11, 'new'); p.flush()
for m in read:
    print(json.dumps({'bytes': ks(d(m.key(), key), key) == m.key(), 'partition': partitions[m.key()] == m.partition()}))
k.close()
"""


class OnKafka(unittest.TestCase):
    def setUp(self):
        kafka.need(), postgres.need()
        self.name = f"typed_{os.getpid()}_{time.time_ns() % 1_000_000}"
        self.registry = self.enterContext(registry.serving(self.enterContext(leat.Project(template=None))))
        self.project = self.enterContext(leat.Project(template=None))
        self.project.write("leat.yaml", KAFKA_PROFILE.format(name=self.name))
        self.project.write("pipelines/readings.yaml", IN.format(name=self.name))
        self.project.write("reading.avsc", json.dumps(READING))
        self.project.env = {"WAREHOUSE_DSN": postgres.DSN, "KAFKA_BROKERS": kafka.service("brokers"),
                            "SCHEMA_REGISTRY_URL": self.registry.url}
        kafka.service("topics", "--create", "--topic", f"{self.name}_in", "--partitions", "1")
        self.addCleanup(self.drop)

    def drop(self):
        postgres.psql(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")
        kafka.service("topics", "--delete", "--topic", f"{self.name}.*")

    def leat(self, command, *arguments, **options):
        return self.project.leat(command, "--profile", "cluster", *arguments, **options)

    def client(self, topic, script, schema=READING):
        return registry.client(self.registry.url, SERIALIZER + script,
                               kafka.service("brokers"), f"{self.name}_{topic}", json.dumps(schema))

    def produce(self, *ids):
        self.client("in", f"ids = {list(ids)}\n" + """
s, p = AvroSerializer(c, schema), Producer({'bootstrap.servers': brokers})
for i in ids:
    row = {'id': i * 10**15, 'price': decimal.Decimal('1234567890123456.7890') + i, 'value': float('inf') if i == 2 else i / 3,
           'at': datetime.datetime(2026, 11, 28, 1, 2, 3, 456789, tzinfo=datetime.timezone.utc), 'tags': ['a', 'ü'][:i],
           'note': None if i % 2 else 'n'}
    p.produce(topic, key=str(i), value=s(row, SerializationContext(topic, MessageField.VALUE)))
p.flush()
""")

    def consume(self, topic, count):
        """Decoded by Confluent's deserializer, with the bytes that its serializer makes of each again."""
        text = self.client(topic, f"count = {count}\n" + """
d, s = AvroDeserializer(c, schema), AvroSerializer(c, schema, conf={'auto.register.schemas': False, 'use.latest.version': True})
k = Consumer({'bootstrap.servers': brokers, 'group.id': topic, 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed'})
k.subscribe([topic]); context = SerializationContext(topic, MessageField.VALUE)
while count:
    m = k.poll(30)
    assert m is not None and not m.error(), m
    row = d(m.value(), context)
    print(json.dumps({'row': {n: str(v) for n, v in row.items()}, 'same': s(row, context) == m.value()})); count -= 1
k.close()
""")
        return [json.loads(line) for line in text.splitlines()]

    def test_confluents_serializers_write_for_leat_and_read_what_it_writes(self):
        self.produce(1, 2, 3)
        self.leat("run", "--drain")
        rows = postgres.rows(f"SELECT id, price::text, at::text, value::text, tags::text, note FROM {self.name}.readings ORDER BY id")
        self.assertEqual([row["id"] for row in rows], [10**15, 2 * 10**15, 3 * 10**15])
        self.assertEqual(rows[0]["price"], "1234567890123457.7890")
        self.assertIn("01:02:03.456789", rows[0]["at"])
        self.assertEqual(rows[1]["value"], "Infinity")
        self.assertEqual([row["note"] for row in rows], [None, "n", None])
        read = self.consume("out", 3)
        self.assertEqual(sorted(each["row"]["id"] for each in read), [str(i * 10**15) for i in (1, 2, 3)])
        self.assertEqual([each["same"] for each in read], [True] * 3)
        tapped = [json.loads(line)["value"] for line in self.leat("tap", f"{self.name}_out", "--output", "json").splitlines()]
        self.assertIn("inf", [row["value"] for row in tapped])
        self.assertIn("1234567890123457.7890", self.leat("tap", f"{self.name}_out", "--output", "json"))

    def test_confluents_protobuf_and_json_serializers_read_what_leat_writes_and_the_other_way(self):
        """Through one topic each: leat writes it, Confluent's deserializer reads it and its serializer writes again."""
        self.project.write("order.proto", PROTO)
        self.project.write("order.json", json.dumps(ORDER_JSON))
        self.project.write("pipelines/readings.yaml", "pipeline: orders\nsource: {file: {path: orders.ndjson}}\n" + ORDERS.split("\n", 2)[2]
                           .replace("topic: orders", f"topic: {self.name}_proto"))
        self.project.write("pipelines/jsons.yaml", "pipeline: jsons\nsource: {file: {path: orders.ndjson}}\ntransform:\n"
                           "  - sql: SELECT n::BIGINT AS id, 'c' || n AS customer FROM input\n"
                           f"sinks:\n  - {{topic: {self.name}_json, key: id, schema: order.json}}\n")
        self.project.write("orders.ndjson", "".join(f'{{"n": {n}}}\n' for n in range(1, 4)))
        for name in ("proto", "json"):
            self.project.write(f"pipelines/{name}_store.yaml", f"pipeline: {name}_store\nsource: {{topic: {self.name}_{name}}}\n"
                               f"transform:\n  - sql: SELECT id, customer FROM input\n"
                               f"sinks:\n  - {{store: warehouse, table: {name}, key: [id]}}\n")
        self.leat("run", "--drain")
        told = self.client("proto", PROTOBUF_CLIENT)
        self.assertEqual([json.loads(line)["same"] for line in told.splitlines()], [True] * 3)
        told = self.client("json", JSON_CLIENT, ORDER_JSON)
        self.assertEqual([json.loads(line)["customer"] for line in told.splitlines()], ["c1", "c2", "c3"])
        self.leat("run", "--drain")
        for name in ("proto", "json"):
            rows = postgres.rows(f"SELECT id, customer FROM {self.name}.{name} ORDER BY id")
            self.assertEqual([(row["id"], row["customer"]) for row in rows],
                             [(1, "c1"), (2, "c2"), (3, "c3"), (101, "c1"), (102, "c2"), (103, "c3")])

    def test_ids_in_headers_as_confluents_serializers_write_and_read_them(self):
        # Python's deserializers take no value of less than 6 bytes, header or not: the customers have long names.
        self.project.write("orders.ndjson", "".join(f'{{"n": {n}}}\n' for n in range(1, 4)))
        (self.project.dir / "pipelines/readings.yaml").unlink()
        for file, text in IdsInHeaders.FILES.items():
            language, topic = file.split(".")[1], f"{self.name}_{file.split('.')[1]}"
            self.project.write(file, text)
            self.project.write(f"pipelines/{language}.yaml", f"pipeline: {language}\nsource: {{file: {{path: orders.ndjson}}}}\ntransform:\n"
                               "  - sql: SELECT n::BIGINT AS id, 'customer' || n AS customer FROM input\n"
                               f"sinks:\n  - {{topic: {topic}, key: id, schema: {{file: {file}, id_in: header}}}}\n")
            self.project.write(f"pipelines/{language}_store.yaml", f"pipeline: {language}_store\nsource: {{topic: {topic}}}\n"
                               f"sinks:\n  - {{store: warehouse, table: {language}, key: [id]}}\n")
        self.leat("run", "--drain")
        for language in ("avsc", "proto", "json"):
            with self.subTest(language):
                told = sorted((json.loads(line) for line in self.client(language, HEADER_CLIENT).splitlines()),
                              key=lambda one: one["id"])
                self.assertEqual([one["id"] for one in told], [1, 2, 3])
                self.assertEqual([one["headers"] for one in told], [True] * 3)
                if language != "json":  # Python writes spaces
                    self.assertEqual([one["bytes"] for one in told], [True] * 3)
        self.leat("run", "--drain")
        for language in ("avsc", "proto", "json"):
            with self.subTest(language):
                rows = postgres.rows(f"SELECT id, customer FROM {self.name}.{language} ORDER BY id")
                self.assertEqual([(row["id"], row["customer"]) for row in rows],
                                 [(1, "customer1"), (2, "customer2"), (3, "customer3"), (101, "customer1"), (102, "customer2"), (103, "customer3")])
        self.assertEqual(json.loads(self.leat("dlq", "ls", "--output", "json")), [])

    def test_keys_of_a_schema_both_ways_and_a_null_value_deletes_by_one(self):
        (self.project.dir / "pipelines/readings.yaml").unlink()
        topic = f"{self.name}_places"
        self.project.write("leat.yaml", KAFKA_PROFILE.format(name=self.name).replace("profiles:", f"topics: {{{topic}: {{partitions: 4}}}}\nprofiles:"))
        write_places(self.project, topic, more=", on_tombstone: delete")
        self.leat("run", "--drain")
        self.assertEqual(postgres.rows(f"SELECT count(*) AS n, max(k) AS k FROM {self.name}.places"), [{"n": 10, "k": '["CH",9]'}])
        told = self.client("places", KEY_CLIENT, {"key": PLACE_KEY, "value": PLACE})
        self.assertEqual([json.loads(line) for line in told.splitlines()], [{"bytes": True, "partition": True}] * 10)
        self.leat("run", "--drain")
        rows = postgres.rows(f"SELECT zip, name, k FROM {self.name}.places ORDER BY zip")
        self.assertEqual([row["zip"] for row in rows], [1, 3, 4, 5, 6, 7, 8, 9, 10, 11])
        self.assertEqual((rows[0]["name"], rows[-1]["name"]), ("renamed", "new"))
        self.assertEqual(json.loads(self.leat("dlq", "ls", "--output", "json")), [])

    def test_a_schema_is_tried_on_the_topics_newest_records(self):
        (self.project.dir / "pipelines/readings.yaml").unlink()
        write_counts(self.project, f"{self.name}_counts")
        self.leat("run", "--drain")
        done = self.project.call("schema", "check", f"{self.name}_counts-value", "always.avsc", "--profile", "cluster", "--records", "4")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(f"of the newest 4 records of topic {self.name}_counts it reads 3, and 1 no longer\n", done.stdout)
        self.assertIn(f"  {self.name}_counts[0]@9: schema_mismatch: /n: ", done.stdout)

    def test_records_of_the_wrong_shape_are_dead_letters_and_the_good_ones_behind_them_flow(self):
        self.produce(1)
        kafka.produce(f"{self.name}_in", [("x", '{"id": 1}'), ("y", "hello")])
        self.produce(3)
        # An id that nobody has registered is waited for, a while.
        kafka.kcat("-P", "-t", f"{self.name}_in", "-k", "z", stdin="\0\0\1\0\0abc")
        self.produce(5)
        self.leat("run", "--drain")
        self.assertEqual(postgres.rows(f"SELECT count(*) AS n FROM {self.name}.readings"), [{"n": 3}])
        letters = json.loads(self.leat("dlq", "show", "readings", "--output", "json"))
        reasons = sorted(letter["reason"] for letter in letters if letter["sink"].startswith("warehouse"))
        self.assertEqual(reasons, ["malformed", "malformed", "unknown_schema"])

    def test_the_registry_may_be_away_once_its_schemas_are_known(self):
        self.produce(1)
        with self.project.background("run", "--profile", "cluster") as run:
            count = lambda: postgres.rows(f"SELECT count(*) AS n FROM {self.name}.readings")[0]["n"]
            leat.wait_until(lambda: "readings" in json.dumps(postgres.rows(
                f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{self.name}'")) and count() == 1,
                "the first row")
            self.registry.process.terminate(), self.registry.process.wait(15)
            self.client("in", """
k, p = Consumer({'bootstrap.servers': brokers, 'group.id': topic, 'auto.offset.reset': 'earliest'}), Producer({'bootstrap.servers': brokers})
k.subscribe([topic]); m = k.poll(30); p.produce(topic, key=m.key(), value=m.value()); p.flush(); k.close()
""")
            def read():
                status = json.loads(self.leat("status", "--output", "json"))
                return min(lane["ledger"]["delivered"] for each in status["pipelines"] for lane in each["lanes"])
            leat.wait_until(lambda: read() == 2, "the record that came while the registry was away")
            self.assertIsNone(run.poll())


if __name__ == "__main__":
    unittest.main()
