"""Runs the benchmarks and ends with a table: each rate beside its ceiling of the same run, and its goal.

    bench/run.py [NAME...]     of: sql codec avro proto log store pipeline registry start updates; all when none is named

A program's lines `goal: MEASURE | LEAT | CEILING | RATIO | GOAL | met` are the rows of the table; a goal that is not met is
shown, never hidden, and fails nothing: machines differ. Called by `make bench`, which has built the programs.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "bench"
sys.path.insert(0, str(ROOT / "tests"))
from support import leat, registry as registries  # noqa: E402

ROUNDS = 5
HEADER = ("measure", "leat", "ceiling, same run", "ratio", "goal", "")
ROWS = []


def verdict(met, cause=""):
    return "met" if met else f"not met{': ' + cause if cause else ''}"


def goal(measure, figure, ceiling, ratio, wanted, outcome):
    row = (measure, figure, ceiling, ratio, wanted, outcome)
    print("goal: " + " | ".join(row), flush=True)
    ROWS.append(row)


def program(name, *arguments):
    """Runs a program that prints its own goals, in a folder that is removed."""
    with tempfile.TemporaryDirectory(prefix="leat-bench-", dir=ROOT / "build") as scratch:
        arguments = [a.replace("SCRATCH", scratch) for a in arguments]
        process = subprocess.Popen([PROGRAMS / f"bench_{name}_bench", *arguments], cwd=ROOT, text=True,
                                   stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": scratch})
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("goal: "):
                ROWS.append(tuple(cell.strip() for cell in line[6:].split("|")))
        if process.wait() != 0:
            sys.exit(f"bench: bench_{name}_bench ended with {process.returncode}")


def rates(name, pattern):
    """Records per second of the Google benchmarks that match, by name."""
    done = subprocess.run([PROGRAMS / f"bench_{name}_bench", f"--benchmark_filter=^({pattern})$",
                           "--benchmark_min_time=0.5", "--benchmark_format=json"],
                          cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return {b["name"]: b["items_per_second"] for b in json.loads(done.stdout)["benchmarks"]}


def sql():
    """Decode and the reference SQL, identity and rules included, on one thread, beside parsing alone."""
    rounds = []
    for _ in range(ROUNDS):  # in turn, so that a slow moment hits all alike
        rounds.append({**rates("codec", "ParseAlone"), **rates("sql", "Decode|Query|Transform|TransformTenthBad")})
    of = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    for name, rate in of.items():
        print(f"{name:20} {rate:>12,.0f} records/s")
    ratio = statistics.median(r["Transform"] / r["ParseAlone"] for r in rounds)
    share = statistics.median(r["Query"] / r["Transform"] for r in rounds)
    goal("decode, SQL, rules", f"{of['Transform']:,.0f} records/s", f"{of['ParseAlone']:,.0f} parsing alone",
         f"{ratio:.2f} x", ">= 0.35 x",
         verdict(ratio >= 0.35, f"the query alone runs at {share:.2f} x of the whole: casts to UUID and times, LIKE, results"))
    ratio = statistics.median(r["TransformTenthBad"] / r["Transform"] for r in rounds)
    goal("the same, 10 % bad", f"{of['TransformTenthBad']:,.0f} records/s", f"{of['Transform']:,.0f} all good",
         f"{ratio:.2f} x", ">= 0.30 x", verdict(ratio >= 0.3))


def codec():
    subprocess.run([PROGRAMS / "bench_codec_bench", "--benchmark_repetitions=5",
                    "--benchmark_report_aggregates_only=true"], cwd=ROOT, check=True)


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


EMPTY = {
    "leat.yaml": "project: bench\nprofiles:\n  local: {}\n",
    "schemas/event.json": '{"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}',
    "pipelines/idle.yaml": "pipeline: idle\nsource: {topic: events, schema: schemas/event.json}\n"
                           "sinks:\n  - {store: serving, table: events, key: [id]}\n",
}


def ready(project):
    """True when the process at the project's socket says that it is."""
    socket = project.dir / ".leat" / "local" / "leat.sock"
    done = subprocess.run(["curl", "-sf", "--unix-socket", str(socket), "http://leat/readyz"], capture_output=True)
    return done.returncode == 0


def start():
    """From the start of an empty project's process to ready, and its memory when nothing happens."""
    took, memory = [], []
    for _ in range(ROUNDS):
        with leat.Project(None) as project:
            for name, text in EMPTY.items():
                project.write(name, text)
            begin = time.monotonic()
            with project.background("run", "--log-level", "off") as process:
                while not ready(project):
                    if process.poll() is not None or time.monotonic() - begin > 30:
                        sys.exit(f"bench: the empty project did not become ready\n{process.read_errors()}")
                took.append((time.monotonic() - begin) * 1000)
                time.sleep(1)
                memory.append(resident_mib(process.pid))
    milliseconds, mib = statistics.median(took), statistics.median(memory)
    goal("start to ready, empty", f"{milliseconds:.0f} ms", "-", "-", "<= 150 ms", verdict(milliseconds <= 150))
    goal("memory when idle", f"{mib:.0f} MiB", "-", "-", "<= 80 MiB", verdict(mib <= 80))


SUBJECTS = 10_000


def registry_start(project):
    """Milliseconds from the start of `leat registry` to the line that says where it listens."""
    begin = time.monotonic()
    with subprocess.Popen(project.command("registry", "--port", "0", "--data", "data"), cwd=project.dir, text=True,
                          stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        took = (time.monotonic() - begin) * 1000
        process.terminate()
    if "listening on" not in line:
        sys.exit(f"bench: leat registry ended with {process.returncode}")
    return took


def registry():
    """Look-ups in a schema registry, and its start."""
    with leat.Project(None) as full, leat.Project(None) as empty:
        program("registry", "fill", str(full.dir / "data"), str(SUBJECTS))
        rounds = [(registry_start(full), registry_start(empty)) for _ in range(ROUNDS)]
        took, without = (statistics.median(column) for column in zip(*rounds))
        goal(f"start of leat registry, {SUBJECTS:,} subjects", f"{took:.0f} ms", f"{without:.0f} ms without any", "-",
             "<= 300 ms", verdict(took <= 300))
        with registries.serving(full, "--data", "data") as served:
            program("registry", "ask", served.url, str(SUBJECTS))
            print(f"resident memory with {SUBJECTS:,} subjects: {resident_mib(served.process.pid):.0f} MiB")


UPDATES = {
    "leat.yaml": "project: bench\ntopics:\n  events: {partitions: 2, retention: 1m}\nprofiles:\n  local: {}\n",
    "pipelines/make.yaml": "pipeline: make\nsource: {generate: {count: COUNT, keys: 100000, seed: 7}}\n"
                           "transform:\n  - sql: SELECT login.uuid::UUID AS id, email, dob.date::TIMESTAMPTZ AS dob FROM input\n"
                           "sinks:\n  - {topic: events, key: id}\n",
    "pipelines/keep.yaml": "pipeline: keep\nsource: {topic: events}\n"
                           "sinks:\n  - {store: serving, table: users, key: [id]}\n",
}


def updates():
    """Memory over 10 M updates of 100,000 keys (LEAT_BENCH_UPDATES: another number)."""
    count = int(os.environ.get("LEAT_BENCH_UPDATES", 10_000_000))
    samples = []
    with leat.Project(None) as project:
        for name, text in UPDATES.items():
            project.write(name, text.replace("COUNT", str(count)))
        begin = time.monotonic()
        with project.background("run", "--drain", "--log-level", "off") as process:
            while process.poll() is None:
                samples.append(resident_mib(process.pid))
                time.sleep(0.2)
                if time.monotonic() - begin > 1800:
                    sys.exit("bench: the updates took over 30 minutes")
            if process.returncode != 0:
                sys.exit(f"bench: the updates ended with {process.returncode}\n{process.read_errors()}")
        seconds = time.monotonic() - begin
        rows = project.json("sql", "SELECT count(*) AS n FROM serving.users")[0]["n"]
        size = sum(f.stat().st_size for f in (project.dir / ".leat").rglob("*") if f.is_file()) / 2**20
    if rows != 100_000:
        sys.exit(f"bench: {rows} rows of 100,000 keys")
    quarters = [statistics.median(samples[len(samples) * q // 4:len(samples) * (q + 1) // 4]) for q in range(4)]
    print(f"{count:,} updates of 100,000 keys in {seconds:.0f} s ({count / seconds:,.0f} records/s through both "
          f"pipelines), {size:.0f} MiB on disk at the end; resident by quarter "
          f"{', '.join(f'{q:.0f}' for q in quarters)} MiB, highest {max(samples):.0f}")
    ratio = quarters[3] / quarters[1]
    goal(f"memory over {count:,} updates", f"{quarters[3]:.0f} MiB, last quarter", f"{quarters[1]:.0f} MiB, second",
         f"{ratio:.2f} x", "flat: <= 1.10 x", verdict(ratio <= 1.1))


PARTS = {
    "sql": sql,
    "codec": codec,
    "avro": lambda: program("avro"),
    "proto": lambda: program("proto"),
    "log": lambda: program("log", "examples/users/api", "SCRATCH"),
    "store": lambda: program("store"),
    "pipeline": lambda: program("pipeline"),
    "registry": registry,
    "start": start,
    "updates": updates,
}


def main():
    names = sys.argv[1:] or list(PARTS)
    for name in names:
        if name not in PARTS:
            sys.exit(f"bench: no benchmark {name}; there are {' '.join(PARTS)}")
    for name in names:
        print(f"\n== {name}", flush=True)
        PARTS[name]()
    if ROWS:
        print()
        widths = [max(len(row[c]) for row in [HEADER, *ROWS]) for c in range(5)]
        for row in [HEADER, *ROWS]:
            print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[5]]).rstrip())


if __name__ == "__main__":
    main()
