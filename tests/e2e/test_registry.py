"""The schema registry: by plain HTTP, by Confluent's Python and JavaScript clients, killed, and started twice."""
import base64
import json
import pathlib
import re
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat, registry  # noqa: E402

USER = {"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]}
WITH_EMAIL = {**USER, "fields": [*USER["fields"], {"name": "email", "type": "string", "default": ""}]}
WITHOUT_DEFAULT = {**USER, "fields": [*USER["fields"], {"name": "age", "type": "int"}]}


class OverHttp(unittest.TestCase):
    def test_a_schema_is_registered_evolved_checked_deleted(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            status, added = r.add("users-value", USER)
            self.assertEqual((status, added["id"], added["version"]), (200, 1, 1))
            self.assertEqual(r.media_type, registry.MEDIA_TYPE)
            self.assertEqual(r.add("users-value", WITH_EMAIL)[1]["id"], 2)
            status, error = r.add("users-value", WITHOUT_DEFAULT)
            self.assertEqual((status, error["error_code"]), (409, 40901))
            self.assertIn("READER_FIELD_MISSING_DEFAULT_VALUE", error["message"])
            check = "/compatibility/subjects/users-value/versions/latest?verbose=true"
            schema = {"schema": leat.json.dumps(WITHOUT_DEFAULT)}
            self.assertFalse(r.ask("POST", check, schema)[1]["is_compatible"])
            self.assertTrue(r.ask("POST", check, schema)[1]["messages"])
            self.assertEqual(r.ask("GET", "/subjects"), (200, ["users-value"]))
            self.assertEqual(r.ask("DELETE", "/subjects/users-value"), (200, [1, 2]))
            self.assertEqual(r.ask("GET", "/schemas/ids/1")[0], 200)
            self.assertEqual(r.ask("DELETE", "/subjects/users-value?permanent=true"), (200, [1, 2]))
            self.assertEqual(r.ask("GET", "/schemas/ids/1")[1]["error_code"], 40403)
            self.assertEqual(r.add("users-value", USER)[1]["id"], 3)

    def test_a_guid_is_of_the_schema_in_whichever_form_it_comes(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            body = {"schema": 'syntax = "proto3"; message M { int64 id = 1; }', "schemaType": "PROTOBUF"}
            guid = r.ask("POST", "/subjects/p-value/versions", body)[1]["guid"]
            for answer in (r.ask("GET", "/subjects/p-value/versions/1?format=serialized"),
                           r.ask("POST", "/subjects/p-value?format=serialized", body)):
                self.assertEqual(answer[1]["guid"], guid)
                self.assertNotIn("proto3", answer[1]["schema"])
            self.assertEqual(r.ask("GET", f"/schemas/guids/{guid}?format=serialized")[0], 200)

    def test_what_is_wrong_is_said_in_the_contracts_words(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            status, error = r.ask("GET", "/nothing/here")
            self.assertEqual((status, error["error_code"]), (404, 404))
            status, error = r.ask("POST", "/subjects/a/versions", {"schema": '{"type": "recrod"}'})
            self.assertEqual((status, error["error_code"]), (422, 42201))
            self.assertIn("recrod", error["message"])
            status, error = r.ask("POST", "/subjects/a/versions", {"schema": '"int"'}, {"Content-Type": "text/plain"})
            self.assertEqual((status, error["error_code"]), (415, 415))


class Diff(unittest.TestCase):
    """`leat schema diff`: two versions, or a version and a file."""

    def setUp(self):
        self.project = self.enterContext(leat.Project(None))
        self.registry = self.enterContext(registry.serving(self.project))
        for schema in (USER, WITH_EMAIL):
            self.registry.add("users-value", schema)

    def diff(self, *arguments):
        return self.project.call("schema", "diff", "users-value", *arguments, "--registry", self.registry.url)

    def test_versions_and_files_are_compared_by_their_fields(self):
        for arguments in (("1", "2"), ("1",), ("1", "latest"), ()):
            told = json.loads(self.diff(*arguments, "--output", "json").stdout)
            self.assertEqual((told["before"], told["after"]), ("version 1", "version 2"))
            self.assertEqual(told["changes"], [{"path": "email", "change": "added", "before": None, "after": 'string, default ""'}])
            self.assertEqual(told["keeps"], ["BACKWARD", "FORWARD", "FULL"])
        self.project.write("user.avsc", json.dumps({**USER, "fields": [
            {"name": "user_id", "type": "string", "aliases": ["id"]}, {"name": "email", "type": "string", "default": "none"}]}))
        done = self.diff("user.avsc")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.split() for line in done.stdout.splitlines()]
        for line in (["user_id", "renamed", "id", "user_id"], ["user_id", "type", "long", "string"],
                     ["email", "default", '""', '"none"']):
            self.assertIn(line, lines)
        self.assertIn("from version 2 to user.avsc: keeps no level; not BACKWARD, FORWARD, FULL\n", done.stdout)
        self.assertIn("reading records of version 2: TYPE_MISMATCH at /fields/0/type", done.stdout)
        self.assertIn("the same types and fields", self.diff("2", "2").stdout)
        self.assertTrue(self.diff("--output", "csv").stdout.startswith("path,change,before,after\nemail,added,"))

    def test_what_cannot_be_compared_is_said(self):
        self.project.write("user.json", '{"type": "object"}')
        for arguments, part in ((("1", "2", "3"), "3 schemas to compare, where two were expected"), (("1", "9"), "9"),
                                (("nothing.avsc",), "nothing.avsc"), (("user.json",), "version 2 is a schema of type AVRO")):
            done = self.diff(*arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(part, done.stderr)
        one = self.project.call("schema", "diff", "one-value", "--registry", self.registry.url)
        self.assertNotEqual(one.returncode, 0)
        self.registry.add("one-value", USER)
        one = self.project.call("schema", "diff", "one-value", "--registry", self.registry.url)
        self.assertIn("subject one-value has one version", one.stderr)

    def test_each_language_has_its_own_fields(self):
        def compare(first, second, kind):
            self.project.write("a" + kind, first), self.project.write("b" + kind, second)
            return [(each["path"], each["change"]) for each in json.loads(
                self.diff("a" + kind, "b" + kind, "--output", "json").stdout)["changes"]]
        proto = 'syntax = "proto3"; message M { int32 id = 1; string %s = 2; }'
        self.assertEqual(compare(proto % "name", proto % "title", ".proto"), [("M.title", "renamed")])
        self.assertEqual(compare('{"properties": {"a": {"type": "string"}}}', '{"properties": {"a": {"type": "integer"}}, "required": ["a"]}',
                                 ".json"), [("a", "required"), ("a", "type")])


class Killed(unittest.TestCase):
    def test_at_every_commit_nothing_is_lost_and_no_id_given_twice(self):
        for place in ("before", "after"):
            for passing in (1, 2, 3):
                with self.subTest(f"log.commit.{place}", passing=passing), leat.Project(None) as project:
                    given = {}
                    fault = {"LEAT_FAULT": f"log.commit.{place}:{passing}:kill"}
                    with registry.serving(project, env=fault) as r:
                        for i in range(passing + 1):
                            try:
                                given[f"s{i}"] = r.add(f"s{i}", {"type": "fixed", "name": "F", "size": i + 1})[1]["id"]
                            except OSError:
                                break
                        r.process.wait(30)
                    self.assertEqual(r.process.returncode, -signal.SIGKILL)
                    self.assertEqual(len(given), passing - 1)
                    with registry.serving(project) as r:
                        for subject, schema_id in given.items():
                            self.assertEqual(r.ask("GET", f"/subjects/{subject}/versions/1")[1]["id"], schema_id)
                        there = r.ask("GET", "/subjects")[1]
                        self.assertEqual(len(there), passing - (place == "before"))
                        fresh = r.add("fresh", "string")[1]["id"]
                        self.assertEqual(fresh, len(there) + 1)

    def test_ended_by_ctrl_c_it_is_done(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            r.process.send_signal(signal.SIGINT)
            self.assertEqual(r.process.wait(15), 0)

    def test_a_second_one_is_told_who_has_the_directory(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            second = project.call("registry", "--port", "0")
            self.assertEqual(second.returncode, 3)
            self.assertIn(str(r.process.pid), second.stderr)
            other = project.call("registry", "--port", r.url.rsplit(":", 1)[1], "--data", "other")
            self.assertNotEqual(other.returncode, 0)
            self.assertIn("choose another port", other.stderr)


USERS = """
users:
  - {name: admin, password: "${ADMIN_PASSWORD}", rights: [{allow: admin}]}
  - {name: users-team, password: "file:team.password", rights: [{subjects: "users-*", allow: write}]}
  - {name: guest, password: guest}
"""


class Logins(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(leat.Project(None))
        self.project.write("users.yaml", USERS)
        self.project.write("team.password", "one\n")

    def basic(self, user):
        return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}

    def test_each_user_does_what_the_file_says(self):
        with registry.serving(self.project, "--users", "users.yaml", env={"ADMIN_PASSWORD": "s3cret"}) as r:
            def ask(user, *question):
                return r.ask(*question, headers=self.basic(user))
            schema = {"schema": json.dumps(USER)}
            self.assertEqual(r.ask("GET", "/subjects")[1]["error_code"], 40101)
            self.assertEqual(r.ask("GET", "/"), (200, {}))
            for wrong in ("admin:", "admin:${ADMIN_PASSWORD}", "guest:s3cret", "nobody:guest"):
                self.assertEqual(ask(wrong, "GET", "/subjects")[0], 401)
            status, error = ask("guest:guest", "POST", "/subjects/users-value/versions", schema)
            self.assertEqual((status, error["error_code"]), (403, 40301))
            self.assertIn("guest may not write subject 'users-value'", error["message"])
            self.assertEqual(ask("users-team:one", "POST", "/subjects/users-value/versions", schema)[1]["id"], 1)
            self.assertEqual(ask("users-team:one", "POST", "/subjects/orders-value/versions", schema)[0], 403)
            self.assertEqual(ask("admin:s3cret", "POST", "/subjects/orders-value/versions", schema)[1]["id"], 1)
            self.assertEqual(ask("users-team:one", "GET", "/subjects"), (200, ["users-value"]))
            self.assertEqual(ask("guest:guest", "GET", "/subjects"), (200, ["orders-value", "users-value"]))
            self.assertEqual(ask("users-team:one", "DELETE", "/subjects/users-value")[0], 403)
            self.assertEqual(ask("admin:s3cret", "DELETE", "/subjects/users-value"), (200, [1]))
            # Changed while it runs.
            self.project.write("team.password", "another\n")
            self.assertEqual(ask("users-team:one", "GET", "/subjects")[0], 401)
            self.assertEqual(ask("users-team:another", "GET", "/subjects")[0], 200)
            self.project.write("users.yaml", USERS.replace("password: guest", "password: visitor"))
            self.assertEqual(ask("guest:guest", "GET", "/subjects")[0], 401)
            self.assertEqual(ask("guest:visitor", "GET", "/subjects")[0], 200)

    def test_leats_own_client_logs_in(self):
        with registry.serving(self.project, "--users", "users.yaml", env={"ADMIN_PASSWORD": "s3cret"}) as r:
            self.project.write("user.avsc", json.dumps(USER))

            def schema(user, password, *arguments):
                return self.project.call("schema", *arguments, "--registry", r.url, "--username", user,
                                         env={"SCHEMA_REGISTRY_PASSWORD": password})
            refused = schema("guest", "guest", "register", "users-value", "user.avsc")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("guest may not write subject 'users-value'", refused.stderr)
            done = schema("users-team", "one", "register", "users-value", "user.avsc")
            self.assertEqual(done.stdout, "users-value: version 1, id 1\n", done.stderr)
            self.assertIn("users-value", schema("guest", "guest", "ls").stdout)
            wrong = schema("guest", "wrong", "ls")
            self.assertNotEqual(wrong.returncode, 0)
            self.assertNotIn("wrong", wrong.stderr)

    def test_a_network_is_served_with_users_only(self):
        refused = self.project.call("registry", "--listen", "0.0.0.0:0")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("a file of who may log in", refused.stderr)
        self.project.write("leat.yaml", "project: p\nprofiles: {local: {registry: {listen: \"0.0.0.0:0\"}}}\n")
        lint = self.project.call("lint")
        self.assertEqual(lint.returncode, 2)
        self.assertIn("without `users`", lint.stdout + lint.stderr)
        with self.project.background("registry", "--listen", "0.0.0.0:0", "--users", "users.yaml",
                                     env={"ADMIN_PASSWORD": "s3cret"}) as process:
            leat.wait_until(lambda: "listening on http://0.0.0.0:" in process.read_output(), "it listens")
            port = re.search(r"0\.0\.0\.0:(\d+)", process.read_output())[1]
            r = registry.Registry(f"http://127.0.0.1:{port}", process)
            self.assertEqual(r.ask("GET", "/subjects", headers={"Host": "registry.test"})[0], 401)
            self.assertEqual(r.ask("GET", "/subjects", headers={"Host": "registry.test", **self.basic("guest:guest")}),
                             (200, []))


CLIENT = """
text = '{"type":"record","name":"User","fields":[{"name":"id","type":"long"}]}'
more = text.replace("]}", ',{"name":"email","type":"string","default":""}]}')
broken = text.replace("]}", ',{"name":"age","type":"int"}]}')
subject = 'users "{%}/x:y'
first = c.register_schema(subject, Schema(text, "AVRO"))
assert c.register_schema(subject, Schema(text, "AVRO")) == first
second = c.register_schema(subject, Schema(more, "AVRO"))
assert second != first
assert c.get_schema(first).schema_str == text
assert c.get_subjects() == [subject]
assert c.get_versions(subject) == [1, 2]
latest = c.get_latest_version(subject)
assert (latest.version, latest.schema_id, latest.subject) == (2, second, subject), latest
assert c.lookup_schema(subject, Schema(more, "AVRO")).version == 2
assert c.test_compatibility(subject, Schema(more, "AVRO"))
assert not c.test_compatibility(subject, Schema(broken, "AVRO"))
try:
    c.register_schema(subject, Schema(broken, "AVRO"))
    raise AssertionError("registered")
except SchemaRegistryError as error:
    assert (error.http_status_code, error.error_code) == (409, 40901), error
c.set_compatibility(subject, "NONE")
assert c.get_compatibility(subject) == "NONE"
c.register_schema(subject, Schema(broken, "AVRO"))
refers = '{"type":"record","name":"Order","fields":[{"name":"user","type":"User"}]}'
c.register_schema("orders", Schema(refers, "AVRO", [SchemaReference("User", subject, 1)]))
assert c.get_latest_version("orders").schema.references[0].subject == subject
try:
    c.delete_subject(subject)
    raise AssertionError("deleted")
except SchemaRegistryError as error:
    assert error.error_code == 42206, error
c.delete_subject("orders")
assert c.delete_version(subject, 3) == 3
assert sorted(c.delete_subject(subject)) == [1, 2]
c.delete_subject("orders", permanent=True)
assert sorted(c.delete_subject(subject, permanent=True)) == [1, 2, 3]
assert c.get_subjects() == []
print("done")
"""


class ConfluentsClients(unittest.TestCase):
    def test_python_registers_evolves_checks_deletes(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            self.assertEqual(registry.client(r.url, CLIENT), "done\n")

    def test_javascript_passes_the_live_tests_that_it_ships(self):
        with leat.Project(None) as project, registry.serving(project) as r:
            shipped, passed = registry.javascript_tests(r.url)
        self.assertTrue(shipped)
        self.assertEqual(passed, shipped)
        print(f"  {len(passed)} of {len(shipped)} live tests of @confluentinc/schemaregistry passed")


if __name__ == "__main__":
    unittest.main()
