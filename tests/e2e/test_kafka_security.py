"""Kafka with TLS, logins and rights: a real broker of the tests' own with a listener for each case."""
import base64
import concurrent.futures
import contextlib
import http.server
import json
import pathlib
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat, registry  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.kafka_broker import Broker  # noqa: E402

PASSWORD = "not-to-be-printed"
LISTENERS = {"LOGIN": "SASL_SSL", "ROTATED": "SASL_PLAINTEXT", "MUTUAL": "SSL", "SELFSIGNED": "SSL", "EXPIRED": "SSL", "OTHERNAME": "SSL"}
PROPERTIES = """\
ssl.keystore.type=PEM
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.login.ssl.keystore.location={folder}/good.both
listener.name.mutual.ssl.keystore.location={folder}/good.both
listener.name.mutual.ssl.client.auth=required
listener.name.selfsigned.ssl.keystore.location={folder}/selfish.both
listener.name.expired.ssl.keystore.location={folder}/old.both
listener.name.othername.ssl.keystore.location={folder}/other.both
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.login.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_leat="{password}" {users};
listener.name.login.scram-sha-256.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.login.oauthbearer.sasl.jaas.config={modules}.oauthbearer.OAuthBearerLoginModule required \\
    unsecuredLoginStringClaim_sub="broker";
listener.name.rotated.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.rotated.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.rotated.scram-sha-512.connections.max.reauth.ms=1500
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:leat;User:rotated;User:CN=client
"""
COUNTED = """\
pipeline: counted
source: {generate: {count: 4000, rate: 1000/s, keys: 300, seed: 5}}
transform:
  - sql: SELECT login.uuid::UUID AS id, email FROM input
sinks:
  - {topic: counted, key: id}
"""
COPIED = """\
pipeline: copied
source: {topic: counted}
batch: {records: 200}
sinks:
  - {topic: copied, key: id}
"""
# What docs/kafka.md says that leat needs; a user has all of them, and others each all but one.
RIGHTS = (("Read", "topic"), ("Write", "topic"), ("Create", "topic"), ("DescribeConfigs", "topic"), ("Read", "group"),
          ("Write", "transactional id"))
LACKS = {f"lacks_{right}_{on}".replace(" ", "_").lower(): (right, on) for right, on in RIGHTS}
COPY = """\
pipeline: copy
source: {{topic: events, schema: schemas/event.json}}
sinks:
  - {{topic: {name}_out, key: id}}
"""
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


@contextlib.contextmanager
def token_endpoint():
    """Tokens without a signature, for whoever shows the client's secret; yields its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            basic = base64.b64decode(self.headers.get("Authorization", "Basic ").split(" ", 1)[1]).decode()
            allowed = basic == f"client:{PASSWORD}"
            now = int(time.time())
            parts = ({"alg": "none"}, {"sub": "leat", "iat": now, "exp": now + 600})
            token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."
            body = json.dumps({"access_token": token, "token_type": "bearer", "expires_in": 600} if allowed
                              else {"error": "invalid_client"}).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Security(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        made = Certificates(cls.folder)
        for name, files in (("good", made.signed("good")), ("selfish", made.self_signed("selfish")),
                            ("old", made.signed("old", days="-1")), ("other", made.signed("other", "DNS:kafka.example.com"))):
            (made.folder / f"{name}.both").write_text("".join(path.read_text() for path in reversed(files)))
        made.signed("client")
        users = " ".join(f'user_{name}="{PASSWORD}"' for name in ("users", *LACKS))
        properties = PROPERTIES.format(folder=cls.folder, password=PASSWORD, users=users,
                                       modules="org.apache.kafka.common.security")
        cls.broker = cls.enterClassContext(Broker(LISTENERS, properties, [f"leat:{PASSWORD}", "rotated:the-first-one"]))
        with cls.project("admin", "PLAINTEXT") as project:
            project.leat("topics", "create", "events")
        cls.broker.produce("events", [(n, json.dumps({"id": n})) for n in range(20)])

    @classmethod
    def project(cls, name, listener, settings="", timeout="5s"):
        """One that copies events into NAME_out."""
        project = leat.Project(template=None)
        project.write("leat.yaml", f"project: {name}\nprofiles:\n  local:\n    log:\n      kafka:\n"
                                   f"        brokers: {cls.broker.at(listener)}\n        timeout: {timeout}\n"
                                   f"        transaction_timeout: 6s\n        session_timeout: 6s\n"
                      + "".join(f"        {line}\n" for line in settings.splitlines()))
        project.write("pipelines/copy.yaml", COPY.format(name=name))
        project.write("schemas/event.json", json.dumps(SCHEMA))
        project.write("password", PASSWORD)
        return project

    def at_once(self, check, cases):
        """Waiting is most of what a case does."""
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for name, done in [(case[0], pool.submit(check, *case)) for case in cases]:
                with self.subTest(name):
                    done.result()

    def flows(self, name, listener, settings):
        with self.project(name, listener, settings) as project:
            done = project.call("run", "--drain", "--timeout", "30s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        self.assertEqual(sorted(value["id"] for value in self.broker.values(f"{name}_out")), list(range(20)))

    def refused(self, name, listener, settings, *said):
        with self.project(name, listener, settings, timeout="2s") as project:
            begin = time.monotonic()
            done = project.call("run", "--drain")
            took = time.monotonic() - begin
        self.assertEqual(done.returncode, 3, done.stderr)
        for text in said:
            self.assertIn(text, done.stderr)
        for secret in (PASSWORD, "wrong-password", "wrong-secret"):
            self.assertNotIn(secret, done.stdout + done.stderr)
        self.assertLess(took, 10)

    def test_each_way_to_log_in(self):
        tls = f"tls: {{ca_file: {self.folder}/ca.pem}}\n"
        client = f"tls: {{ca_file: {self.folder}/ca.pem, certificate_file: {self.folder}/client.pem, " \
                 f"key_file: {self.folder}/client.key}}\n"
        with token_endpoint() as url:
            self.at_once(self.flows, [
                *((way.replace("-", "_").lower(), "LOGIN",
                   f"{tls}sasl: {{mechanism: {way}, username: leat, password: \"file:password\"}}")
                  for way in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
                ("oauthbearer", "LOGIN", f"{tls}sasl: {{mechanism: OAUTHBEARER, token_url: \"{url}\", client_id: client, "
                                         f"client_secret: \"file:password\"}}"),
                ("mutual", "MUTUAL", client)])

    def test_what_is_refused_says_why(self):
        tls = f"tls: {{ca_file: {self.folder}/ca.pem}}\n"

        def login(mechanism, username, password):
            return f"{tls}sasl: {{mechanism: {mechanism}, username: {username}, password: \"{password}\"}}"

        with token_endpoint() as url:
            self.at_once(self.refused, [
                ("no_tls", "MUTUAL", "", "Disconnected", "does this port expect TLS (`tls:`)"),
                ("tls_on_plain_text", "PLAINTEXT", tls, "SSL connection closed by peer"),
                ("self_signed", "SELFSIGNED", tls, "self-signed certificate"),
                ("expired", "EXPIRED", tls, "certificate has expired"),
                ("other_name", "OTHERNAME", tls, "IP address mismatch"),
                ("no_client_certificate", "MUTUAL", tls, "alert bad certificate"),
                ("no_login", "LOGIN", tls, "Disconnected", "a login (`sasl:`)"),
                ("wrong_plain", "LOGIN", login("PLAIN", "leat", "wrong-password"), "Invalid username or password"),
                ("wrong_scram", "LOGIN", login("SCRAM-SHA-512", "leat", "wrong-password"), "invalid credentials"),
                ("unknown_user", "LOGIN", login("SCRAM-SHA-256", "nobody", PASSWORD), "invalid credentials"),
                ("wrong_secret", "LOGIN", f"{tls}sasl: {{mechanism: OAUTHBEARER, token_url: \"{url}\", client_id: client, "
                                          f"client_secret: wrong-secret}}", "invalid_client")])

    def test_a_password_that_is_changed_while_records_flow(self):
        with self.project("rotated", "ROTATED", "sasl: {username: rotated, password: \"file:password\"}") as project:
            (project.dir / "pipelines" / "copy.yaml").unlink()
            project.write("pipelines/counted.yaml", COUNTED)
            project.write("pipelines/copied.yaml", COPIED)
            project.write("password", "the-first-one\n")
            with project.background("run", "--drain", "--log-level", "warn") as process:
                leat.wait_until(lambda: "counted" in self.broker.topics(), "the first records", 30)
                self.broker.change_password("rotated", "the-second-one")
                leat.wait_until(lambda: "uthentication failed" in process.read_errors(), "the old one's refusal", 30)
                project.write("password", "the-second-one\n")
                self.assertEqual(process.wait(60), 0, process.read_errors())
                for secret in ("the-first-one", "the-second-one"):
                    self.assertNotIn(secret, process.read_errors() + process.read_output())
        counted, copied = (sorted((r["partition"], r["key"], r["payload"]) for r in self.broker.consume(topic))
                           for topic in ("counted", "copied"))
        self.assertEqual(len(counted), 4000)
        self.assertEqual(copied, counted)

    def allow(self, user, but=()):
        """The rights of the page to a project of the user's name, which reads the topic events."""
        for right, on in RIGHTS:
            for prefix in {"topic": (user, "_leat_", "events"), "group": (f"leat.{user}.",)}.get(on, (f"{user}.",)):
                if (right, on) != but:
                    self.broker.allow(user, right, on, prefix)

    def login(self, user):
        return f"tls: {{ca_file: {self.folder}/ca.pem}}\n" \
               f"sasl: {{mechanism: PLAIN, username: {user}, password: \"file:password\"}}"

    def test_the_example_runs_with_the_rights_of_the_page(self):
        self.allow("users")
        with self.project("users", "LOGIN", self.login("users")) as secured, leat.Project() as project, leat.api() as url, \
                leat.Project(template=None) as home, registry.serving(home) as schemas:
            project.write("password", PASSWORD)
            project.write("leat.yaml", (secured.dir / "leat.yaml").read_text() + f"    registry: {{url: \"{schemas.url}\"}}\n")
            done = project.call("run", "--drain", "--log-level", "warn", env={"USERS_API": url + "api/"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("uthorization", done.stderr)
            self.assertEqual(project.sql("SELECT count(*) AS n FROM serving.created_users")[0]["n"], 6000)

    def lacks(self, user, right, on, said):
        self.allow(user, but=(right, on))
        with self.project(user, "LOGIN", self.login(user)) as project, \
                project.background("run", "--log-level", "warn") as process:
            leat.wait_until(lambda: f"needs the right {right} on {on} {said}" in process.read_errors(), said, 40)
            if right == "DescribeConfigs":  # it can do without
                leat.wait_until(lambda: f"{user}_out" in self.broker.topics() and
                                len(self.broker.consume(f"{user}_out")) == 20, "all records", 40)

    def test_a_right_that_is_missing_is_named(self):
        said = {"lacks_read_topic": "", "lacks_create_topic": "lacks_create_topic.copy.dlq",
                "lacks_write_topic": "_leat_positions, lacks_write_topic_out",
                "lacks_read_group": "leat.lacks_read_group.copy.",
                "lacks_write_transactional_id": "lacks_write_transactional_id.copy."}
        self.at_once(self.lacks, [(user, *lacking, said.get(user, "events")) for user, lacking in LACKS.items()])

    def test_a_file_that_is_not_there_is_named(self):
        with self.project("none", "MUTUAL", "tls: {ca_file: certificates/none.pem}") as project:
            done = project.call("run", "--drain")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("certificates/none.pem: No such file", done.stderr)


if __name__ == "__main__":
    unittest.main()
