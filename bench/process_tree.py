"""A program and all that it starts, measured as one: a JVM counts for who has started it, also behind a shell."""
import contextlib
import ctypes
import os
import pathlib
import signal
import time

TICKS = os.sysconf("SC_CLK_TCK")
LOOK_S = 0.5  # between two looks at which processes there are
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): whoever loses its parent becomes a child of this process, and is waited for here


def adopt_orphans(whether=True):
    """To be called before the first tree: a JVM may outlive who has started it, and its time counts all the same."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(error)}")


class Tree:
    """Of a subprocess.Popen that leads a session of its own (start_new_session=True). Leaving the block ends them all.

    What has ended is known exactly, by wait4(2); what runs, by proc(5). Ends of processes are noticed by done() only.
    """

    def __init__(self, leader):
        self.leader = leader
        self.mib = 0.0  # highest resident memory of all together, what some share once
        self.ended_s = 0.0  # processor time of those that have ended
        self.living, self.looked = [leader.pid], 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.leader.pid, signal.SIGKILL)
        while not self.done():
            time.sleep(0.01)

    def look(self):
        """Which processes there are, and their memory; not more often than each LOOK_S."""
        if time.monotonic() - self.looked < LOOK_S:
            return
        self.looked = time.monotonic()
        self.living = [int(entry.name) for entry in pathlib.Path("/proc").iterdir()
                       if entry.name.isdigit() and group_of(entry.name) == self.leader.pid]
        self.mib = max(self.mib, sum(map(resident_mib, self.living)))

    def cpu(self):
        """User and system seconds of all until now."""
        self.look()
        return self.ended_s + sum(map(seconds_of, self.living))

    def done(self):
        """Whether all have ended. The leader's exit code is then known."""
        self.look()
        while True:
            try:
                pid, status, used = os.wait4(-self.leader.pid, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            self.ended_s += used.ru_utime + used.ru_stime  # with those it has waited for
            self.mib = max(self.mib, used.ru_maxrss / 1024)
            self.living = [one for one in self.living if one != pid]
            if pid == self.leader.pid:
                self.leader.returncode = os.waitstatus_to_exitcode(status)


def stat(pid):
    """The fields of /proc/PID/stat behind the name, or None when it has gone: state, parent, group, …"""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def group_of(pid):
    fields = stat(pid)
    return int(fields[2]) if fields else None


def seconds_of(pid):
    """User and system time of a process, with those it has waited for."""
    fields = stat(pid)
    return sum(map(int, fields[11:15])) / TICKS if fields else 0.0


def resident_mib(pid):
    """The resident memory of a process, of what n processes share the n-th part (Pss of proc(5)): a program that is being
    started is at first a copy of who starts it. 0 for one that has gone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
