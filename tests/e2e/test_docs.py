"""Runs what the pages show: every command of README.md and docs/*.md, in the order of its page.

A page says how in comments that its reader does not see, each before a fenced block:

    <!-- file: PROJECT PATH -->             the block is written there
    <!-- test: PROJECT [exit=N] -->         its lines that begin with "$ " run, one by one
    <!-- test: PROJECT live -->             the same, while `leat run` runs
    <!-- shown: WHY -->                     not run

PROJECT is a folder that lasts for the page: `users` begins as a copy of the example, with USERS_API at a replay of
its recorded pages, WAREHOUSE_DSN at a real PostgreSQL KAFKA_BROKERS at a real
Kafka without its topics and CASSANDRA_HOST at a real Cassandra; any other begins empty. The lines under a command must appear in what it prints, in their order;
`…` stands for whatever is there. A block that calls leat and has no comment is a failure.
"""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import cassandra, kafka, leat, postgres, registry  # noqa: E402

FENCE = re.compile(r"(?:<!-- (?P<kind>test|file|shown): (?P<what>[^>]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
                   re.M | re.S)
# The only commands that a page may show and not run, besides make's.
NOT_RUN = re.compile(r"^\$ (make\b|leat api serve\b|export USERS_API=|leat run$|git clone|cd )")


def pages(root=leat.ROOT):
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def commands(text):
    """(command, lines of output shown) of a block."""
    out = []
    for line in text.splitlines():
        if line.startswith("$ "):
            out.append((line[2:], []))
        elif line.startswith("> ") and out and not out[-1][1]:
            out[-1] = (out[-1][0] + "\n" + line[2:], [])
        elif line.strip() and out:
            out[-1][1].append(line.rstrip())
    return out


def missing(shown, printed):
    """The first shown line that is not there behind the one before it, or None."""
    lines = [line.rstrip() for line in printed.splitlines()]
    at = 0
    for wanted in shown:
        if wanted.strip() == "…":
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("…")))
        while at < len(lines) and not pattern.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return None


class Page:
    """The projects of a page while its blocks run."""

    def __init__(self, stack, url):
        self.stack, self.url, self.projects = stack, url, {}

    def project(self, name):
        if name not in self.projects:
            template = name if (leat.ROOT / "examples" / name).is_dir() else None
            self.projects[name] = self.stack.enter_context(leat.Project(template))
        return self.projects[name]

    def environment(self, project):
        cqlsh = pathlib.Path(cassandra.service("dir").strip()) / "venv" / "bin"
        path = f"{leat.LEAT.parent}{os.pathsep}{os.environ['PATH']}{os.pathsep}{cqlsh}"
        return project.environment({"USERS_API": self.url + "api/", "WAREHOUSE_DSN": postgres.DSN,
                                    "KAFKA_BROKERS": kafka.service("brokers"), "PATH": path,
                                    "CASSANDRA_HOST": cassandra.HOST, "CASSANDRA_PASSWORD": "cassandra",
                                    "CQLSH_HOST": cassandra.HOST.split(":")[0], "CQLSH_PORT": cassandra.HOST.split(":")[1],
                                    "NO_COLOR": "1"})

    def run(self, name, text, exit_code, live):
        project = self.project(name)
        if live:
            with project.background("run", env=self.environment(project)) as process:
                leat.wait_until(lambda: process.poll() is not None or (project.dir / ".leat/local/run.json").exists(),
                                "leat run serves")
                if process.poll() is not None:
                    raise leat.Failed(f"leat run ended\n{process.read_errors()}")
                self.call(project, text, exit_code)
        else:
            self.call(project, text, exit_code)

    def call(self, project, text, exit_code):
        for command, shown in commands(text):
            done = subprocess.run(["bash", "-c", command], cwd=project.dir, env=self.environment(project), text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=leat.TIMEOUT_S)
            if done.returncode != exit_code:
                raise leat.Failed(f"$ {command}\nexit {done.returncode}, not {exit_code}\n{done.stdout}")
            line = missing(shown, done.stdout)
            if line is not None:
                raise leat.Failed(f"$ {command}\nno line\n{line}\nin\n{done.stdout}")


class Docs(unittest.TestCase):
    def test_every_command_of_every_page(self):
        postgres.need()
        kafka.need()
        cassandra.need()
        # What an earlier run has left would be gone on with.
        kafka.service("topics", "--delete", "--if-exists", "--topic", r"users_created|users\..*|_leat_.*|_schemas")
        drop = "".join(f"DROP SCHEMA IF EXISTS page_{schema} CASCADE;"
                       for schema in ("serving", "warehouse", "cassandra", "kafka_serving", "kafka_warehouse"))
        postgres.psql(drop)
        self.addCleanup(postgres.psql, drop)
        cassandra.cql("DROP KEYSPACE IF EXISTS leat_page", "SELECT key FROM system.local")
        with leat.api() as url, leat.Project(None) as home, registry.serving(home) as schemas:
            self.enterContext(mock.patch.dict(os.environ, {"SCHEMA_REGISTRY_URL": schemas.url}))
            for path in pages():
                with self.subTest(path.name), contextlib.ExitStack() as stack:
                    page = Page(stack, url)
                    for block in FENCE.finditer(path.read_text(encoding="utf-8")):
                        words = (block["what"] or "").split()
                        if block["kind"] == "file":
                            page.project(words[0]).write(words[1], block["text"])
                        elif block["kind"] == "test":
                            codes = [int(word[5:]) for word in words if word.startswith("exit=")]
                            page.run(words[0], block["text"], codes[0] if codes else 0, "live" in words)

    def test_no_command_goes_unrun(self):
        for path in pages():
            for block in FENCE.finditer(path.read_text(encoding="utf-8")):
                if block["kind"] in ("test", "file"):
                    continue
                for line in block["text"].splitlines():
                    if line.startswith("$ ") or line.startswith("leat "):
                        self.assertRegex(line, NOT_RUN, f"{path.name}: in no tested block")

    def test_links_lead_somewhere(self):
        for path in [*pages(), leat.ROOT / "ARCHITECTURE.md", leat.ROOT / "CONTRIBUTING.md",
                     *sorted((leat.ROOT / "docs/decisions").glob("*.md"))]:
            for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
                self.assertTrue((path.parent / target).exists(), f"{path.name}: {target}")


class TheRunnerItself(unittest.TestCase):
    def test_what_is_shown_must_be_printed(self):
        printed = "a  1\nb 2026-01-01 x\nc\n"
        self.assertIsNone(missing(["a  1", "b … x", "…", "c"], printed))
        self.assertEqual(missing(["c", "a  1"], printed), "a  1")
        self.assertEqual(missing(["a 1"], printed), "a 1")

    def test_blocks_and_commands(self):
        text = "<!-- test: users exit=2 -->\n```console\n$ leat sql 'a\n> b'\nx\n\n$ leat lint\n```\n```yaml\nk: v\n```\n"
        first, second = FENCE.finditer(text)
        self.assertEqual((first["kind"], first["what"]), ("test", "users exit=2"))
        self.assertEqual(commands(first["text"]), [("leat sql 'a\nb'", ["x"]), ("leat lint", [])])
        self.assertIsNone(second["kind"])

    def test_a_command_that_fails(self):
        with leat.Project(None) as project:
            page = Page(None, "")
            with self.assertRaises(leat.Failed):
                page.call(project, "$ exit 3\n", 0)
            page.call(project, "$ exit 3\n", 3)
            with self.assertRaises(leat.Failed):
                page.call(project, "$ echo a\nb\n", 0)


if __name__ == "__main__":
    unittest.main()
