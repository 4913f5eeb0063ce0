#!/usr/bin/env python3
"""Checks the law of the house (docs/architecture.md): who may include whom.

A room (folder of src/bitline) includes only the rooms the table below allows; nobody includes another
room's impl/; LibTorch stays in train; public headers name no third-party library, open with a comment
and have #pragma once; header includes form no cycle; CMake links only what the table allows.
"""
import argparse
import re
import sys
from pathlib import Path

from source_tree import blank_comments, cpp_files, project_files

_CORE = {"base", "result", "ir", "quant", "hardware", "mapping"}
ALLOWED = {
    "base": set(),
    "io": {"base"},
    "ir": {"base"},
    "result": {"base"},
    "quant": {"base", "ir"},
    "hardware": {"base", "io"},
    "frontend": {"base", "io", "ir", "quant"},
    "data": {"base", "io"},
    "mapping": {"base", "io", "ir", "quant", "hardware"},
    "sim": set(_CORE),
    "estimate": set(_CORE),
    "train": _CORE | {"io", "data", "sim"},
    "search": _CORE | {"io", "sim", "estimate"},
    "report": {"base", "io", "result"},
}
ALLOWED["app"] = set(ALLOWED)

TORCH = ("torch", "ATen", "c10")
TORCH_HOMES = (("src", "bitline", "train"), ("tests", "train"), ("bench",))
SYSTEM_HEADERS = {"immintrin.h", "x86intrin.h"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def room_of(path):
    """The room a source or a test belongs to, or None (bench, fuzz, examples, python)."""
    parts = Path(path).parts
    if parts[:2] == ("src", "bitline") and len(parts) > 3:
        return parts[2]
    if parts[0] == "tests" and len(parts) > 2:
        return parts[1]
    return None


def includes_of(root, path):
    """(line, target, quoted) of each include; a quoted path beside the file is written out in full."""
    text = blank_comments((root / path).read_text(errors="replace"))
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        quoted, target = match.group(1) == '"', match.group(2)
        beside = (root / path.parent / target).resolve()
        if quoted and not target.startswith("bitline/") and beside.is_file():
            inside = beside.is_relative_to(root / "src")
            target = str(beside.relative_to(root / "src" if inside else root))
        yield line, target, quoted


def is_public_header(path):
    return path.parts[:2] == ("src", "bitline") and path.suffix in (".h", ".hpp") and "impl" not in path.parts


def check_rooms(path, target):
    """The table, and impl/."""
    mine, parts = room_of(path), Path(target).parts
    if parts[0] != "bitline" or len(parts) < 3:
        return
    theirs = parts[1]
    if theirs not in ALLOWED:
        yield f"'{theirs}' is not a room of the layer table"
    elif path.parts[0] == "src" and mine != theirs and theirs not in ALLOWED.get(mine, set()):
        yield f"room '{mine}' may not include '{theirs}' ({target})"
    if "impl" in parts and mine != theirs:
        yield f"{target} is private to room '{theirs}': include its public header"


def check_third_party(path, target, quoted):
    """Torch stays at home; public headers show only the standard library and bitline."""
    first = Path(target).parts[0]
    if first in TORCH:
        if not any(path.parts[:len(home)] == home for home in TORCH_HOMES):
            yield f"<{target}>: LibTorch may be included only under src/bitline/train, tests/train and bench"
        return
    standard = re.fullmatch(r"[a-z0-9_]+", target) or target in SYSTEM_HEADERS
    if is_public_header(path) and not standard and first != "bitline":
        yield f"third-party include '{target}' in a public header: move it to the source or to impl/"


def check_header_form(path, text):
    if path.suffix not in (".h", ".hpp") or path.parts[0] != "src":
        return
    if not text.startswith(("//", "/*")):
        yield "a header opens with a comment that says what it is"
    if not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield "#pragma once is missing"


def check_cmake(root, path):
    """The rooms a room links to, as its CMakeLists.txt says it."""
    room = path.parts[2]
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        for target in re.findall(r"\bbitline::(\w+)", line.split("#")[0]):
            if target in ALLOWED and target != room and target not in ALLOWED.get(room, set()):
                yield f"{path}:{number}: room '{room}' may not link to '{target}'"


def find_cycle(graph):
    """One cycle as a list of names, or None. Depth-first, nodes in sorted order."""
    state, trail = {}, []

    def visit(node):
        state[node] = "open"
        trail.append(node)
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                return trail[trail.index(target):] + [target]
            found = None if target in state else visit(target)
            if found:
                return found
        state[node] = "done"
        trail.pop()
        return None

    for start in sorted(graph):
        found = None if start in state else visit(start)
        if found:
            return found
    return None


def check_file(root, path, header_graph):
    text = (root / path).read_text(errors="replace")
    if path.parts[:2] == ("src", "bitline") and room_of(path) not in ALLOWED:
        yield f"{path}:1: '{room_of(path) or path.name}' is not in a room of the layer table"
    for message in check_header_form(path, text):
        yield f"{path}:1: {message}"
    for line, target, quoted in includes_of(root, path):
        if path.suffix in (".h", ".hpp") and target.startswith("bitline/"):
            header_graph.setdefault(str(Path(*path.parts[1:])), set()).add(target)
        for message in (*check_rooms(path, target), *check_third_party(path, target, quoted)):
            yield f"{path}:{line}: {message}"


def check_tree(root):
    """All violations of the tree under root, as 'file:line: text'."""
    root = Path(root).resolve()
    header_graph, problems = {}, []
    for path in cpp_files(root):
        problems += check_file(root, path, header_graph)
    for path in project_files(root):
        if path.parts[:2] == ("src", "bitline") and path.name == "CMakeLists.txt" and len(path.parts) == 4:
            problems += check_cmake(root, path)
    for name, graph in (("layer table", ALLOWED), ("headers", header_graph)):
        cycle = find_cycle(graph)
        if cycle:
            problems.append(f"{name}: cycle {' -> '.join(cycle)}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    root = parser.parse_args().root
    problems = check_tree(root)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    print(f"layers: {len(cpp_files(root))} files, {len(problems)} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
