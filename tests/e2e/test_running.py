"""`leat run` as a long-lived process: seen, steered, stopped and started again from outside."""
import json
import pathlib
import signal
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

CAPTURE = """\
pipeline: capture
source:
  schema: schemas/visit.json
  file: {path: "data/*.ndjson", follow: true, every: 20ms}
transform:
  - sql: SELECT id, page, seconds FROM input
quality:
  - {rule: some_time, expect: "seconds >= 0", on_fail: quarantine}
sinks:
  - {topic: visits, key: page}
"""

STORE = """\
pipeline: store
source: {topic: visits}
transform:
  - sql: SELECT id, page, seconds FROM input
sinks:
  - {store: serving, table: visits, key: [id]}
"""

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "page": {"type": "string"}, "seconds": {"type": "integer"}},
    "required": ["id", "page", "seconds"],
}


def project():
    out = leat.Project(None)
    out.write("leat.yaml", "project: visits\ntopics:\n  visits: {partitions: 2}\nprofiles:\n  local: {}\n")
    out.write("schemas/visit.json", json.dumps(SCHEMA))
    out.write("pipelines/capture.yaml", CAPTURE)
    out.write("pipelines/store.yaml", STORE)
    (out.dir / "data").mkdir()
    return out


def append(p, ids, name="a"):
    with open(p.dir / f"data/{name}.ndjson", "a", encoding="utf-8") as file:
        for i in ids:
            file.write(json.dumps({"id": i, "page": f"/{i % 10}", "seconds": i}) + "\n")


def count(p, where="true"):
    return p.sql(f"SELECT count(*) AS n FROM serving.visits WHERE {where}")[0]["n"]


def about(p):
    """run.json of the running process."""
    path = p.dir / ".leat/local/run.json"
    return json.loads(leat.wait_until(lambda: path.exists() and path.read_text(), "run.json"))


def get(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def lanes(p, pipeline):
    """(state, records in flight) of its lanes."""
    return {(lane["state"], lane["in_flight"]) for one in p.json("status")["pipelines"]
            if one["pipeline"] == pipeline for lane in one["lanes"]}


def until_rows(p, n):
    """Waits for n rows, asking the running process."""
    def there():
        done = p.call("sql", "SELECT count(*) AS n FROM serving.visits", "--output", "json")
        return done.returncode == 0 and json.loads(done.stdout)[0]["n"] >= n
    leat.wait_until(there, f"{n} rows")


def stop(test, process):
    """SIGTERM: within 10 s, exit 0."""
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    test.assertEqual(process.wait(20), 0, process.read_errors())
    test.assertLess(time.monotonic() - start, 12)


class Running(unittest.TestCase):
    def test_seen_and_steered_while_running(self):
        with project() as p:
            append(p, range(100))
            with p.background("run", "--log-format", "json") as process:
                until_rows(p, 100)
                run = about(p)
                self.assertEqual(run["pid"], process.pid)

                # Everything is answered by the process that runs.
                self.assertEqual(len(p.tap("visits")), 100)
                self.assertEqual([t["records"] for t in p.json("topics", "ls") if t["topic"] == "visits"], [100])
                self.assertIs(p.json("status")["running"], True)
                self.assertEqual(p.json("dlq", "ls"), [])

                # A second run is told who is there, and the way out.
                second = p.call("run")
                self.assertEqual(second.returncode, 3, second.stderr)
                self.assertIn(str(process.pid), second.stderr)
                self.assertIn("--data", second.stderr)
                moved = p.call("reset", "store", "--to", "start", "--yes")
                self.assertEqual(moved.returncode, 3, moved.stderr)

                # A file that grows, a new file, a bad record.
                append(p, range(100, 150))
                append(p, range(150, 200), "b")
                append(p, [-1])
                until_rows(p, 200)
                leat.wait_until(lambda: sum(g["count"] for g in p.json("dlq", "ls")) == 1, "one dead letter")
                letter = p.json("dlq", "show", "capture")[0]
                self.assertEqual((letter["reason"], letter["rule"], letter["value"]["id"]), ("rule_failed", "some_time", -1))

                # Export and backup while it runs.
                p.leat("export", "serving.visits", p.dir / "visits.csv")
                rows = leat.rows_of_csv((p.dir / "visits.csv").read_text(encoding="utf-8"))
                self.assertEqual({int(row["id"]) for row in rows}, set(range(200)))
                p.leat("export", "SELECT page, count(*) AS n FROM serving.visits GROUP BY ALL", p.dir / "pages.parquet")
                self.assertEqual((p.dir / "pages.parquet").read_bytes()[:4], b"PAR1")
                p.leat("backup", p.dir / "copy")
                append(p, range(200, 210))
                until_rows(p, 210)

                # Paused, nothing arrives; resumed, everything does.
                p.leat("pause", "store")
                leat.wait_until(lambda: lanes(p, "store") == {("paused", 0)}, "store is paused")
                append(p, range(210, 260))
                leat.wait_until(lambda: len(p.tap("visits")) == 260, "260 records")
                self.assertEqual(count(p), 210)
                p.leat("resume", "store")
                until_rows(p, 260)
                stop(self, process)
                for line in process.read_errors().splitlines():
                    self.assertTrue({"time", "level", "message"} <= json.loads(line).keys(), line)
            self.assertFalse((p.dir / ".leat/local/run.json").exists())
            self.assertEqual(count(p), 260)
            # The copy is whole, and goes on from where it was.
            self.assertEqual(p.json("sql", "SELECT count(*) AS n FROM serving.visits", "--data", "copy"), [{"n": 200}])
            p.leat("run", "--drain", "--data", "copy")
            self.assertEqual(p.json("sql", "SELECT count(*) AS n FROM serving.visits", "--data", "copy"), [{"n": 260}])

    def test_paused_over_a_restart(self):
        with project() as p:
            append(p, range(10))
            p.leat("run", "--drain")
            p.leat("pause", "store")
            append(p, range(10, 20))
            with p.background("run") as process:
                leat.wait_until(lambda: p.call("tap", "visits", "--from", "start", "--output", "json")
                                .stdout.count("\n") == 20, "20 records")
                self.assertEqual(count(p), 10)
                p.leat("resume", "store")
                until_rows(p, 20)
                stop(self, process)

    def test_http(self):
        with project() as p:
            append(p, range(10))
            with p.background("run") as process:
                until_rows(p, 10)
                run = about(p)
                self.assertEqual(get(run["api"] + "/healthz")[0], 200)
                leat.wait_until(lambda: get(run["api"] + "/readyz")[0] == 200, "ready")
                status, text = get(run["api"] + "/metrics")
                self.assertEqual(status, 200)
                self.assertIn("# TYPE leat_", text)
                self.assertIn('pipeline="capture"', text)
                for token in (None, "0" * 64):
                    self.assertEqual(get(run["api"] + "/api/v1/status", token)[0], 401)
                status, text = get(run["api"] + "/api/v1/status", run["token"])
                self.assertEqual(status, 200)
                self.assertEqual({one["pipeline"] for one in json.loads(text)["pipelines"]}, {"capture", "store"})
                self.assertEqual((p.dir / ".leat/local/run.json").stat().st_mode & 0o777, 0o600)
                self.assertEqual((p.dir / ".leat/local/leat.sock").stat().st_mode & 0o777, 0o600)
                stop(self, process)

    def test_sigterm_under_load_loses_nothing(self):
        total = 30_000
        with project() as p:
            append(p, range(total))
            stops = 0
            for wait in (0.3, 0.6, 0.9):
                with p.background("run") as process:
                    about(p)
                    time.sleep(wait)
                    stop(self, process)
                    stops += 1
            p.leat("run", "--drain", timeout=300)
            self.assertEqual(stops, 3)
            self.assertEqual(count(p), total)
            topics = {t["topic"]: t["records"] for t in p.json("topics", "ls")}
            self.assertEqual(topics["visits"], total)
            for lane, ledger in p.ledger().items():
                self.assertTrue(leat.balanced(ledger), lane)
                self.assertEqual((ledger["in"], ledger["delivered"]), (total, total), lane)

    def test_reset_to_start_stores_again(self):
        with project() as p:
            append(p, range(50))
            p.leat("run", "--drain")
            # An edited query takes effect at the next start; after a reset for all that is in the topic.
            p.write("pipelines/store.yaml", STORE.replace("page, seconds FROM", "page, seconds * 10 AS seconds FROM"))
            append(p, range(50, 60))
            p.leat("run", "--drain")
            self.assertEqual(p.sql("SELECT sum(seconds) AS s FROM serving.visits")[0]["s"],
                             sum(range(50)) + 10 * sum(range(50, 60)))
            p.leat("reset", "store", "--to", "start", "--yes")
            p.leat("run", "--drain")
            self.assertEqual(p.sql("SELECT count(*) AS n, sum(seconds) AS s FROM serving.visits"),
                             [{"n": 60, "s": 10 * sum(range(60))}])

    def test_tables_that_change(self):
        with project() as p:
            append(p, range(10))
            p.leat("run", "--drain")
            # A column more: the table gets it; older rows have none.
            p.write("pipelines/store.yaml", STORE.replace("seconds FROM", "seconds, upper(page) AS big FROM"))
            append(p, range(10, 15))
            p.leat("run", "--drain")
            self.assertEqual((count(p), count(p, "big IS NOT NULL")), (15, 5))
            # Another type: refused before anything is read, with the difference.
            p.write("pipelines/store.yaml", STORE.replace("page, seconds FROM", "page, seconds > 5 AS seconds FROM"))
            refused = p.call("run", "--drain")
            self.assertEqual(refused.returncode, 2, refused.stderr)
            for word in ("seconds", "BIGINT", "BOOLEAN"):
                self.assertIn(word, refused.stderr)
            # A column less is no evolution either.
            p.write("pipelines/store.yaml", STORE)
            refused = p.call("run", "--drain")
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn("big VARCHAR", refused.stderr)
            self.assertEqual(count(p), 15)

    def test_from_end(self):
        with project() as p:
            append(p, range(20))
            p.leat("run", "--drain", "capture")
            p.write("pipelines/store.yaml", STORE.replace("{topic: visits}", "{topic: visits, from: end}"))
            with p.background("run") as process:
                leat.wait_until(lambda: get(about(p)["api"] + "/readyz")[0] == 200, "ready")
                append(p, range(20, 30))
                until_rows(p, 10)
                stop(self, process)
            self.assertEqual({r["id"] for r in p.sql("SELECT id FROM serving.visits")}, set(range(20, 30)))

    def test_one_pipeline_whose_writer_does_not_run(self):
        """The types of its topic come from a sample that the writer took in an earlier run, or there is nothing to do."""
        with leat.Project(None) as project:
            project.write("leat.yaml", "project: apart\nprofiles:\n  local: {}\n")
            project.write("data/a.ndjson", '{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n')
            project.write("pipelines/make.yaml",
                          "pipeline: make\nsource: {file: {path: data/a.ndjson}}\nsinks:\n  - {topic: users, key: id}\n")
            project.write("pipelines/keep.yaml",
                          "pipeline: keep\nsource: {topic: users}\ntransform:\n  - sql: SELECT id, name FROM input\n"
                          "sinks:\n  - {store: serving, table: users, key: [id]}\n")
            project.leat("run", "keep", "--drain", "--timeout", "20s")
            project.leat("run", "make", "--drain", "--timeout", "20s")
            project.leat("run", "keep", "--drain", "--timeout", "20s")
            self.assertEqual([r["name"] for r in project.sql("SELECT name FROM serving.users ORDER BY id")], ["a", "b"])

    def test_a_writer_that_fails_holds_nobody_up(self):
        with leat.Project(None) as project:
            project.write("leat.yaml", "project: apart\nprofiles:\n  local: {}\n")
            project.write("data/a.ndjson", '{"id": 1}\n')
            project.write("pipelines/make.yaml",
                          "pipeline: make\nsource: {file: {path: data/a.ndjson}}\ntransform:\n  - sql: SELECT nope FROM input\n"
                          "sinks:\n  - {topic: users, key: nope}\n")
            project.write("pipelines/keep.yaml",
                          "pipeline: keep\nsource: {topic: users}\nsinks:\n  - {store: serving, table: users}\n")
            done = project.call("run", "--drain", "--timeout", "20s")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("nope", done.stderr)

    def test_a_stop_ends_a_query_that_takes_too_long(self):
        """What was read has ten seconds to be delivered; a query of minutes is interrupted then."""
        with leat.Project(None) as p:
            p.write("leat.yaml", "project: slow\nprofiles:\n  local: {}\n")
            p.write("data/a.ndjson", '{"n": 100000}\n' * 90)
            p.write("pipelines/slow.yaml", "pipeline: slow\nsource:\n  file: {path: data/a.ndjson}\ntransform:\n"
                    "  - sql: SELECT unnest(range(n)) AS i FROM input\n"
                    "  - sql: SELECT sha256(repeat('x', 20000) || i) AS h FROM input\nsinks:\n  - discard: {}\n")
            with p.background("run") as process:
                about(p)
                leat.wait_until(lambda: ("running", 90) in lanes(p, "slow"), "the records are read")
                start = time.monotonic()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(40), 0, process.read_errors())
                self.assertLess(time.monotonic() - start, 20)
            self.assertEqual(p.ledger()[("slow", "*")]["in"], 0)

    def test_a_file_whose_records_make_many_rows(self):
        """A page of them makes more rows than one batch may; `batch:` cuts the page."""
        text = ("pipeline: many\nsource:\n  file: {path: data/a.ndjson}\nBATCHtransform:\n"
                "  - sql: SELECT unnest(range(n)) AS i FROM input\nsinks:\n  - discard: {}\n")
        with leat.Project(None) as p:
            p.write("leat.yaml", "project: many\nprofiles:\n  local: {}\n")
            p.write("data/a.ndjson", '{"n": 100000}\n' * 120)
            p.write("pipelines/many.yaml", text.replace("BATCH", ""))
            done = p.call("run", "--drain", "--timeout", "60s")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("a batch of 120 records makes more than 10000000 rows", done.stderr)
            self.assertIn("batch: {records: N}", done.stderr)
            p.write("pipelines/many.yaml", text.replace("BATCH", "batch: {records: 50}\n"))
            p.leat("run", "--drain", "--timeout", "60s")
            ledger = p.ledger()[("many", "*")]
            self.assertEqual((ledger["in"], ledger["delivered"]), (120, 120), ledger)

    def test_generate(self):
        with leat.Project(None) as p:
            p.write("leat.yaml", "project: made\ntopics:\n  users: {partitions: 2}\nprofiles:\n  local: {}\n")
            p.write("pipelines/make.yaml", "pipeline: make\nsource:\n"
                    "  generate: {count: 3000, seed: 7, keys: 500, bad: {malformed: 0.1}}\ntransform:\n"
                    "  - sql: SELECT login.uuid::UUID AS id, email FROM input\nsinks:\n  - {topic: users, key: id}\n")
            p.write("pipelines/keep.yaml", "pipeline: keep\nsource: {topic: users}\nsinks:\n"
                    "  - {store: serving, table: users, key: [id]}\n")
            p.leat("run", "--drain")
            ledger = p.ledger()[("make", "*")]
            self.assertEqual(ledger["in"], 3000)
            self.assertTrue(200 < ledger["rejected"] < 400, ledger)
            ids = {record["key"] for record in p.tap("users")}
            self.assertLessEqual(len(ids), 500)
            self.assertEqual({row["id"] for row in p.sql("SELECT id FROM serving.users")}, ids)


if __name__ == "__main__":
    unittest.main()
