"""An API that lies, stalls or cannot be trusted: refused with its reason, nothing lost and nothing taken twice."""
import contextlib
import http.server
import json
import pathlib
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402
from support.certificates import Certificates, server_context  # noqa: E402

CAPTURE = """\
pipeline: capture
source:
  schema: schemas/item.json
  http:
    url: ${ITEMS_API}
    records: /items
    pagination: {next_url: {pointer: /next}}
    id: /id
MORE
transform:
  - sql: SELECT id, amount, name FROM input
sinks:
  - {topic: items, key: id}
"""

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "amount": {"type": "number"}, "name": {"type": "string"}},
    "required": ["id"],
}


def item(i):
    return '{"id": %d, "amount": %d.5, "name": "n%d"}' % (i, i, i)


def page(*items, **more):
    return ('{"items": [%s]%s}' % (", ".join(items), "".join(f', "{k}": {json.dumps(v)}' for k, v in more.items()))
            ).encode()


@contextlib.contextmanager
def project(url, more="", **env):
    with leat.Project(None) as p:
        p.write("leat.yaml", "project: hostile\ntopics:\n  items: {}\nprofiles:\n  local: {}\n")
        p.write("schemas/item.json", json.dumps(SCHEMA))
        p.write("pipelines/capture.yaml", CAPTURE.replace("MORE", "".join(f"    {line}\n" for line in more.splitlines())))
        p.env = {"ITEMS_API": url, **env}
        yield p


@contextlib.contextmanager
def serve(answer, tls=None):
    """Answers each GET with answer(path, number) -> (status, body) or bytes of the whole answer; yields url, paths."""
    paths = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            paths.append(self.path)
            found = answer(self.path, len(paths))
            if isinstance(found, bytes):
                self.wfile.write(found)
                self.close_connection = True
                return
            status, body = found
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass  # a client that refuses the certificate

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Hostile(unittest.TestCase):
    def taken(self, p):
        return [json.loads(record["value"]) if isinstance(record["value"], str) else record["value"]
                for record in p.tap("items")]

    def fails_with(self, p, said):
        """`leat run` goes on, and says why it gets nowhere."""
        with p.background("run", "--drain") as process:
            leat.wait_until(lambda: said in process.read_errors(), said, 30)
            self.assertIsNone(process.poll())
            return process.read_errors()

    def test_certificates(self):
        with tempfile.TemporaryDirectory() as folder:
            made = Certificates(folder)
            trusted = f"ca_file: {folder}/ca.pem"
            body = page(item(1), item(2))
            good = server_context(made.signed("good"))
            with serve(lambda *_: (200, body), good) as (url, paths), project(url, trusted) as p:
                p.leat("run", "--drain")
                self.assertEqual([record["id"] for record in self.taken(p)], [1, 2])
                self.assertEqual(len(paths), 1)
            for name, context, settings in (
                    ("no authority named", server_context(made.signed("unknown")), ""),
                    ("self-signed", server_context(made.self_signed("selfish")), trusted),
                    ("expired", server_context(made.signed("old", days="-1")), trusted),
                    ("another name", server_context(made.signed("other", "DNS:api.example.com")), trusted)):
                with self.subTest(name), serve(lambda *_: (200, body), context) as (url, paths), \
                        project(url, settings) as p:
                    said = self.fails_with(p, "the server's certificate is refused")
                    self.assertIn("`ca_file:` of the source", said)
                    self.assertEqual(paths, [], "nothing was asked, so no credential was sent")

    def test_a_page_that_is_no_json_is_asked_for_again(self):
        deep = "[" * 5000
        for name, bad in (("no end", ('{"items": [{"id": 1, "x": %s' % deep).encode()),
                          ("cut", page(item(1))[:-4]), ("HTML", b"<html>busy</html>"), ("nothing", b"")):
            with self.subTest(name):
                def answer(path, number):
                    if path == "/1":
                        return 200, page(item(1), next="/2")
                    return 200, bad if number < 4 else page(item(2), item(3))

                with serve(answer) as (url, paths), project(url + "/1") as p:
                    said = p.call("run", "--drain")
                    self.assertEqual(said.returncode, 0, said.stderr)
                    self.assertIn("a page cannot be decoded", said.stderr)
                    self.assertEqual([record["id"] for record in self.taken(p)], [1, 2, 3])
                    self.assertEqual(paths, ["/1", "/2", "/2", "/2"])

    def test_a_record_that_does_not_fit_goes_alone(self):
        bad = {
            "out_of_range": '{"id": 10, "amount": 1e400}',
            "duplicate_key": '{"id": 11, "id": 11}',
            "wrong_type": '{"id": 12.5}',
            "missing_field": '{"amount": 1}',
            "not_object": '[1]',
            "too_deep": '{"id": 13, "name": %s1%s}' % ("[" * 600, "]" * 600),
        }
        body = page(item(1), *bad.values(), item(2), '{"id": 3, "name": "a\\u0000b"}', '{"id": 14, "amount": NaN}',
                    '{"id": 15, "name": "N\x00"}', '{"id": 16, "name": "N\xff"}')
        body = body.replace(b"\xc3\xbf", b"\xff")
        with serve(lambda *_: (200, body)) as (url, _), project(url) as p:
            p.leat("run", "--drain")
            self.assertEqual([record["id"] for record in self.taken(p)], [1, 2, 3])
            self.assertEqual(self.taken(p)[2]["name"], "a\0b")
            found = {row["reason"]: row["count"] for row in p.json("dlq", "ls")}
            self.assertEqual(found, {"malformed": 2, "invalid_utf8": 1, **{reason: 1 for reason in bad}})

    def test_a_row_that_outgrows_the_log_goes_alone(self):
        large = '{"id": 2, "name": "%s"}' % ("x" * 9_000_000)
        with serve(lambda *_: (200, page(item(1), large, item(3)))) as (url, _), project(url) as p:
            text = (p.dir / "pipelines/capture.yaml").read_text().replace("amount, name FROM", "name, name AS twin FROM")
            p.write("pipelines/capture.yaml", text)
            p.leat("run", "--drain")
            self.assertEqual([record["id"] for record in self.taken(p)], [1, 3])
            self.assertEqual([(row["stage"], row["reason"], row["count"]) for row in p.json("dlq", "ls")],
                             [("encode", "too_large", 1)])

    def test_failures_are_told_before_the_types_are_known(self):
        with serve(lambda *_: (200, b'{"data": []}')) as (url, _), project(url) as p:
            text = (p.dir / "pipelines/capture.yaml").read_text().replace("  schema: schemas/item.json\n", "")
            p.write("pipelines/capture.yaml", text)
            done = p.call("run", "--drain", "--timeout", "2s")
            self.assertEqual(done.returncode, 3)
            self.assertIn('no records at "/items"', done.stderr)

    def test_secrets_that_the_api_repeats(self):
        def answer(path, number):
            if "page2" not in path:
                return 200, page(item(1), next=f"/page2?tenant=s3cr%2Ft&k=k3y-f0r-api")
            return (401, b'{"message": "no such key: k3y-f0r-api of s3cr/t"}')

        more = "params: {tenant: \"${TENANT}\"}\nauth: {api_key: {query: k, key: \"${KEY}\"}}"
        with serve(answer) as (url, paths), project(url + "/page1", more, TENANT="s3cr/t", KEY="k3y-f0r-api") as p:
            with p.background("run", "--drain") as process:
                leat.wait_until(lambda: "401" in process.read_errors(), "the refusal is told", 30)
                seen = process.read_errors() + process.read_output() + p.leat("status", "--output", "json")
            seen += p.leat("explain", "capture") + p.call("run", "--drain", "--preview", "1").stderr
            for secret in ("k3y-f0r-api", "s3cr"):
                self.assertNotIn(secret, seen)
            stored = b"".join(path.read_bytes() for path in (p.dir / ".leat").rglob("*") if path.is_file())
            self.assertNotIn(b"k3y-f0r-api", stored)
            self.assertEqual(paths[1].count("k3y-f0r-api"), 1, paths[1])


if __name__ == "__main__":
    unittest.main()
