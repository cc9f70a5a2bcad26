"""Laws of the source tree that a compiler does not check. The rules on includes are data: src/LAYERS.

Every check takes the root of a tree, and TheChecksThemselves shows each one finding a planted fault.
"""

import pathlib
import re
import subprocess
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_LINES = 900
WARN_LINES = 600
MAX_BYTES = 512 * 1024  # of a committed file: what a program left behind is larger, or binary

# Time, chance and files belong to src/io, where a test can put its own in their place.
BANNED = {
    r"std::this_thread::sleep|\b(?:u|nano)sleep\s*\(": "wait on a clock of src/io",
    r"\bsystem_clock::now|\bsteady_clock::now|\bhigh_resolution_clock\b|\btime\s*\(\s*(?:NULL|nullptr|0)\s*\)":
        "ask a clock of src/io",
    r"\bstd::random_device\b|\bs?rand\s*\(": "take randomness from src/io",
    r"\bfopen\s*\(|\bstd::(?:i|o)?fstream\b": "open files through src/io",
}
WORDS = re.compile(r"\b(TODO|FIXME)\b")  # in src/, where a note for later is a thing not done
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


class Layers:
    def __init__(self, root):
        self.level, self.test_only, self.rooms = {}, set(), []
        for line in (root / "src/LAYERS").read_text().splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            kind, rest = words[0], words[1:]
            if kind == "level":
                self.level.update({folder: int(rest[0]) for folder in rest[1:]})
            elif kind == "test":
                self.test_only.update(rest)
            elif kind == "room":
                self.rooms.append((rest[0], rest[1:]))
            else:
                raise ValueError(f"src/LAYERS: unknown word {kind}")


def sources(root):
    """Every C++ file below src/, as its path relative to src/ and its text."""
    for path in sorted((root / "src").rglob("*")):
        if path.suffix in (".cc", ".h"):
            yield path.relative_to(root / "src").as_posix(), path.read_text()


def code_only(text):
    """Blanks comments and string literals; keeps the lines' numbers."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def is_test(path):
    return path.endswith(("_test.cc", "fixture.h"))


def check_includes(root):
    layers, found = Layers(root), []
    known = set(layers.level) | layers.test_only
    for path, text in sources(root):
        folder = path.split("/")[0]
        if folder not in known:
            found.append(f"src/{path}: folder {folder} is not in src/LAYERS")
            continue
        for match in INCLUDE.finditer(text):
            place = f"src/{path}:{line_of(text, match.start())}"
            quoted, header = match.group(1) == '"', match.group(2)
            target = header.split("/")[0]
            if quoted and not (root / "src" / header).is_file():
                found.append(f'{place}: "{header}" is no file of src/; vendors\' headers go in <>')
            elif not quoted and (root / "src" / header).is_file():
                found.append(f'{place}: <{header}> is ours; write "{header}"')
            elif quoted and target in layers.test_only:
                if folder != target and not is_test(path):
                    found.append(f"{place}: {target} is for *_test.cc only")
            elif quoted and folder not in layers.test_only and target != folder:
                if layers.level[target] >= layers.level[folder]:
                    found.append(f"{place}: {folder} (level {layers.level[folder]}) must not see "
                                 f"{target} (level {layers.level[target]})")
            elif not quoted:
                for prefix, places in layers.rooms:
                    if header.startswith(prefix) and not any(
                            path == p or path.startswith((p + "/", p + ".", p + "_"))
                            for p in places):
                        if not (is_test(path) and places == ["testing"]):
                            found.append(f"{place}: <{header}> stays in src/{', src/'.join(places)}")
    return found


def check_calls(root):
    found = []
    for path, text in sources(root):
        if path.startswith(("io/", "testing/")):
            continue
        code = code_only(text)
        for pattern, advice in BANNED.items():
            if is_test(path) and "open files" in advice:
                continue  # a test may look at a file behind the program's back
            for match in re.finditer(pattern, code):
                found.append(f"src/{path}:{line_of(code, match.start())}: "
                             f"{match.group().strip()}: {advice}")
    return found


def check_words(root):
    found = []
    for path, text in sources(root):
        for match in WORDS.finditer(text):
            found.append(f"src/{path}:{line_of(text, match.start())}: {match.group()}: do it, or "
                         f"write it down where work is planned")
    return found


def check_files(root):
    """Length, and one inclusion guard."""
    found = []
    for path, text in sources(root):
        lines = text.count("\n")
        if lines > MAX_LINES:
            found.append(f"src/{path}: {lines} lines, at most {MAX_LINES}: make it two rooms")
        elif lines > WARN_LINES:
            print(f"  note: src/{path} has {lines} lines and asks to be two rooms")
        if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
            found.append(f"src/{path}: no #pragma once")
    return found


def check_named_files(root):
    """Every file that README.md, ARCHITECTURE.md and CONTRIBUTING.md name is there."""
    found = []
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        page = root / name
        if not page.is_file():
            continue
        text = page.read_text()
        prose = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m.group()), text,
                       flags=re.S | re.M)
        tops = {p.name for p in root.iterdir() if not p.name.startswith(".")}
        tops |= {".ci", "src", "tests", "docs", "examples", "scripts", "cmake"}
        named = [(m.start(), m.group(1), True)
                 for m in re.finditer(r"\]\((?!\w+:|#)([^)#\s]+)[^)]*\)", prose)]
        named += [(m.start(), m.group(1), False) for m in re.finditer(r"`([\w./-]+)`", prose)]
        for offset, target, is_link in named:
            target = target.rstrip("/").removeprefix("./")
            top = target.split("/")[0]
            if not is_link and ("/" not in target or top not in tops):
                continue
            if top in ("build", ".leat", ".deps", "dist"):
                continue  # made, not kept
            path = root / target
            if not path.exists() and not list(path.parent.glob(path.name + ".*")):
                found.append(f"{name}:{line_of(text, offset)}: {target} does not exist")
    return found


def check_sizes(root):
    """Nothing that a run left behind is committed: files are small, and none belongs to a database."""
    found = []
    if not (root / ".git").exists():
        return found  # an exported tree: nothing says what is committed
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=root, check=True,
                            capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        path = root / name
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            found.append(f"{name}: {path.stat().st_size} bytes, at most {MAX_BYTES}")
        if path.suffix in (".sst", ".blob", ".duckdb", ".wal", ".raw"):
            found.append(f"{name}: a {path.suffix} file is what a run left behind")
    return found


class Tree(unittest.TestCase):
    def none(self, found):
        if found:
            self.fail("\n" + "\n".join(found))

    def test_includes_point_down_and_vendors_stay_in_their_rooms(self):
        self.none(check_includes(ROOT))

    def test_time_chance_and_files_go_through_io(self):
        self.none(check_calls(ROOT))

    def test_no_notes_for_later(self):
        self.none(check_words(ROOT))

    def test_files_are_short_and_guarded(self):
        self.none(check_files(ROOT))

    def test_no_run_left_files_behind(self):
        self.none(check_sizes(ROOT))

    def test_files_that_pages_name_exist(self):
        self.none(check_named_files(ROOT))


class TheChecksThemselves(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("src/LAYERS", """
            level 0 base
            level 1 io types
            level 5 components
            test testing
            room duckdb.h components/sink_duckdb
            room gtest/ testing
            """)
        self.write("src/base/a.h", "#pragma once\n")
        self.write("src/testing/clock.h", "#pragma once\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def expect(self, check, *parts):
        found = "\n".join(check(self.root))
        if not parts:
            self.assertEqual(found, "")
        for part in parts:
            self.assertIn(part, found)

    def test_what_is_right_passes(self):
        self.write("src/io/b.cc", '#include "base/a.h"\nauto t = std::chrono::steady_clock::now();\n')
        self.write("src/io/b_test.cc", '#include <gtest/gtest.h>\n#include "testing/clock.h"\n')
        self.write("src/types/c.cc", '// system_clock::now\nauto s = "rand()"; int n = 1\'000;\n')
        self.write("src/components/sink_duckdb_fold.cc", "#include <duckdb.h>\n")
        for check in (check_includes, check_calls, check_words, check_files, check_named_files):
            self.expect(check)

    def test_an_include_that_points_up(self):
        self.write("src/types/t.h", "#pragma once\n")
        self.write("src/base/b.cc", '\n#include "types/t.h"\n')
        self.expect(check_includes, "src/base/b.cc:2: base (level 0) must not see types (level 1)")

    def test_an_include_of_the_same_level(self):
        self.write("src/types/t.h", "#pragma once\n")
        self.write("src/io/b.cc", '#include "types/t.h"\n')
        self.expect(check_includes, "io (level 1) must not see types (level 1)")

    def test_testing_in_the_program(self):
        self.write("src/io/b.cc", '#include "testing/clock.h"\n')
        self.expect(check_includes, "testing is for *_test.cc only")

    def test_a_vendor_outside_its_room(self):
        self.write("src/components/sink_file.cc", "#include <duckdb.h>\n")
        self.write("src/io/b.cc", "#include <gtest/gtest.h>\n")
        self.expect(check_includes, "sink_file.cc:1: <duckdb.h> stays in src/components/sink_duckdb",
                    "src/io/b.cc:1: <gtest/gtest.h> stays in src/testing")

    def test_a_folder_nobody_listed_and_a_missing_header(self):
        self.write("src/utils/b.cc", "")
        self.write("src/io/b.cc", '#include "base/gone.h"\n#include <base/a.h>\n')
        self.expect(check_includes, "folder utils is not in src/LAYERS", '"base/gone.h" is no file',
                    "<base/a.h> is ours")

    def test_banned_calls(self):
        for call in ("std::this_thread::sleep_for(x);", "std::chrono::system_clock::now();",
                     "steady_clock::now();", "std::random_device d;", 'fopen("x", "r");',
                     "std::ofstream f;", "std::ifstream f;", "int x = rand();", "time(nullptr);"):
            with self.subTest(call):
                self.write("src/types/b.cc", f"\n{call}\n")
                self.expect(check_calls, "src/types/b.cc:2: ")

    def test_notes_length_and_guard(self):
        self.write("src/io/b.cc", "// TO" + "DO: later\n")
        self.expect(check_words, "src/io/b.cc:1: TO" + "DO")
        self.write("src/io/c.h", "\n" * (MAX_LINES + 1))
        self.expect(check_files, "at most 900", "no #pragma once")

    def test_files_a_run_left_behind(self):
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        self.write("bench.txt", "x" * (MAX_BYTES + 1))
        self.write("data/000015.sst", "")
        subprocess.run(["git", "add", "-A"], cwd=self.root, check=True)
        self.expect(check_sizes, "bench.txt: 524289 bytes", "data/000015.sst: a .sst file")

    def test_a_named_file_that_is_not_there(self):
        self.write("README.md", "See [how](docs/how.md), `src/gone.cc`, `base/x`, `src/base/a`.\n")
        found = check_named_files(self.root)
        self.assertEqual(found, ["README.md:1: docs/how.md does not exist",
                                 "README.md:1: src/gone.cc does not exist"])


if __name__ == "__main__":
    unittest.main()
