"""A real Ctrl-C while `leat sql` waits for a long query: one of its own, one of a running process, one at the prompt."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import leat  # noqa: E402

# Minutes of work, of which the first answer is the last.
LONG = "SELECT count(*) AS n FROM range(3000000) a, range(3000000) b WHERE a.range * b.range % 7 = 8"
SECONDS = 20  # within which it must have ended; far less than the query takes


def busy_seconds(pid):
    """The processor's time that a process has taken."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until_busy(pid):
    """Waits until it computes: a second more than it had."""
    start = busy_seconds(pid)
    leat.wait_until(lambda: busy_seconds(pid) > start + 1, f"process {pid} computes")


class Interrupt(unittest.TestCase):
    def setUp(self):
        self.project = self.enterContext(leat.Project(None))
        self.project.write("leat.yaml", "project: asked\nprofiles:\n  local: {}\n")
        self.project.write("data/a.ndjson", '{"id": 1}\n')
        self.project.write("pipelines/keep.yaml", "pipeline: keep\nsource: {file: {path: data/*.ndjson, follow: true}}\n"
                           "sinks:\n  - {store: serving, table: one}\n")
        self.project.leat("run", "--drain", "--timeout", "30s")

    def start(self, *arguments):
        process = subprocess.Popen(self.project.command("sql", *arguments), cwd=self.project.dir, text=True,
                                   env=self.project.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def check_cancelled(self, process, signal_number):
        start = time.monotonic()
        process.send_signal(signal_number)
        out, err = process.communicate(timeout=SECONDS)
        self.assertLess(time.monotonic() - start, SECONDS)
        self.assertEqual((process.returncode, out, err), (1, "", "leat: the query was cancelled\n"))

    def test_of_its_own(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start(LONG, "--deadline", "10m")
            until_busy(process.pid)
            self.check_cancelled(process, number)
        # It left nothing behind that is in the way.
        self.assertEqual(self.project.sql("SELECT id FROM serving.one"), [{"id": 1}])

    def test_of_a_running_process(self):
        with self.project.background("run") as running:
            # Before it serves, a query would open the store by itself.
            leat.wait_until((self.project.dir / ".leat/local/run.json").exists, "it serves")
            process = self.start(LONG, "--deadline", "10m")
            until_busy(running.pid)
            self.check_cancelled(process, signal.SIGINT)
            # Over there it ends, too, and the process goes on.
            def idle():
                before = busy_seconds(running.pid)
                time.sleep(0.5)
                return busy_seconds(running.pid) - before < 0.25
            leat.wait_until(idle, "the running process is idle again", SECONDS)
            self.assertEqual(self.project.sql("SELECT id FROM serving.one"), [{"id": 1}])

    def test_of_a_script_goes_on_and_is_told(self):
        process = self.start("--deadline", "10m")
        process.stdin.write(LONG + ";\nSELECT 41 + 1 AS answer;\n")
        process.stdin.flush()
        until_busy(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, err), (1, "leat: the query was cancelled\n"))
        self.assertIn("42", out)

    def test_at_the_prompt(self):
        command = self.project.command("sql", "--deadline", "10m", "--no-color")
        environment = {**self.project.environment(), "TERM": "dumb", "HOME": str(self.project.dir)}
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.project.dir)
            os.execve(command[0], command, environment)
        shown = ""

        def see(pattern):
            nonlocal shown
            deadline = time.monotonic() + leat.TIMEOUT_S
            while not (found := re.search(pattern, shown)):
                if time.monotonic() > deadline or not select.select([terminal], [], [], 1)[0]:
                    self.assertLess(time.monotonic(), deadline, f"no {pattern} in {shown!r}")
                    continue
                shown += os.read(terminal, 4096).decode("utf-8", "replace")
            shown = shown[found.end():]

        try:
            see("leat> ")
            os.write(terminal, LONG.encode() + b";\n")
            until_busy(pid)
            start = time.monotonic()
            os.write(terminal, b"\x03")
            see("the query was cancelled")
            self.assertLess(time.monotonic() - start, SECONDS)
            see("leat> ")
            # A signal that comes when there is no query, such as a second Ctrl-C, ends nothing.
            os.kill(pid, signal.SIGINT)
            # What was half typed is forgotten; then the prompt goes on.
            os.write(terminal, b"SELECT nonsense\x03")
            see("leat> ")
            os.write(terminal, b"SELECT 41 + 1 AS answer;\n")
            see(r"\b42\b")
            os.write(terminal, b".quit\n")
            _, status = os.waitpid(pid, 0)
            pid = 0
            self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(terminal)


if __name__ == "__main__":
    unittest.main()
