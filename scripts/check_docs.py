#!/usr/bin/env python3
"""Checks the documentation: relative links resolve, and commands in code blocks exist.

In fenced blocks, `./dev X` must be a command of dev, a path under recipes/ specs/ scripts/ or examples/ must
exist, and `bitline X` must be a subcommand of the built program (left out, and said so, when none is built).
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

from source_tree import project_files

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
FENCE = re.compile(r"^\s*(```+|~~~+)")
DEV = re.compile(r"(?:^|[\s;&|(])\./dev\s+([a-z]+)")
BITLINE = re.compile(r"^\s*(?:\$\s+)?(?:\S*/)?bitline\s+([a-z][a-z0-9-]*)")
FILE = re.compile(r"(?<![\w/.])((?:recipes|specs|scripts|examples)/[\w./-]*\w)")


def split_blocks(text):
    """(line, text, inside a fenced block) of each line; fence lines themselves are left out."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if mark and fence is None:
            fence = mark.group(1)
        elif mark and line.strip().startswith(fence):
            fence = None
        else:
            yield number, line, fence is not None


def headings(text):
    """The anchors of a page: words of each heading in lower case, joined by hyphens."""
    anchors = set()
    for _, line, in_block in split_blocks(text):
        if not in_block and re.match(r"#{1,6}\s", line):
            plain = re.sub(r"[^\w\s-]", "", line.lstrip("#").strip().lower())
            anchors.add(re.sub(r"\s", "-", plain))
    return anchors


def check_link(root, page, target):
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    name, _, anchor = target.partition("#")
    path = (root / page.parent / name) if name else root / page
    if not path.exists():
        return f"link to '{target}': no such file"
    if anchor and path.suffix == ".md" and anchor not in headings(path.read_text()):
        return f"link to '{target}': no such heading"
    return None


def check_command(root, line, dev_commands, is_subcommand):
    for name in DEV.findall(line):
        if name not in dev_commands:
            yield f"'./dev {name}' is not a command of dev"
    for name in FILE.findall(line):
        if not (root / name).exists():
            yield f"'{name}' does not exist"
    for name in BITLINE.findall(line):
        if not is_subcommand(name):
            yield f"'bitline {name}' is not a command of the program"


def check_page(root, page, dev_commands, is_subcommand):
    for number, line, in_block in split_blocks((root / page).read_text()):
        found = []
        if in_block:
            found += check_command(root, line, dev_commands, is_subcommand)
        else:
            prose = re.sub(r"`[^`]*`", "", line)
            found += filter(None, (check_link(root, page, target) for target in LINK.findall(prose)))
        for message in found:
            yield f"{page}:{number}: {message}"


def check_tree(root, is_subcommand):
    root = Path(root)
    dev = root / "dev"
    dev_commands = set(re.findall(r"^do_([a-z]+)\(\)", dev.read_text(), re.MULTILINE)) if dev.exists() else set()
    dev_commands.add("help")
    pages = [path for path in project_files(root) if path.suffix == ".md"]
    return [problem for page in pages for problem in check_page(root, page, dev_commands, is_subcommand)]


def subcommand_test(program):
    """Asks the program itself: `bitline X --help` succeeds when X exists."""
    answers = {}

    def ask(name):
        if name not in answers:
            run = subprocess.run([program, name, "--help"], capture_output=True, check=False, timeout=60)
            answers[name] = run.returncode == 0
        return answers[name]
    return ask


def main():
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=here)
    parser.add_argument("--program", type=Path, default=here / "build/release/bitline")
    arguments = parser.parse_args()
    built = arguments.program.exists()
    if not built:
        print(f"{arguments.program} is not built: bitline's own commands are not checked", file=sys.stderr)
    problems = check_tree(arguments.root, subcommand_test(arguments.program) if built else lambda name: True)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    print(f"docs: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
