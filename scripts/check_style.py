#!/usr/bin/env python3
"""Checks what a machine can check of the project's style: sizes, names and unfinished marks.

Files: a warning over 400 lines, a failure over 800. Functions: a failure over 80 lines. Names that say
nothing, numbered copies and marks of unfinished work are refused.
"""
import argparse
import ast
import re
import sys
from pathlib import Path

from source_tree import CPP_SUFFIXES, blank_comments_and_strings, project_files

WARN_FILE, MAX_FILE, MAX_FUNCTION = 400, 800, 80
CODE_SUFFIXES = CPP_SUFFIXES + (".py", ".sh", ".cmake")
TEXT_SUFFIXES = CODE_SUFFIXES + (".md", ".txt", ".yaml", ".yml", ".json", ".toml", "")
EMPTY_NAMES = {"util", "utils", "utility", "utilities", "helper", "helpers", "misc", "common", "manager"}
# Networks whose published name ends in a version.
PUBLISHED = re.compile(r"(mobilenet|inception|efficientnet|shufflenet|resnet)_?v\d", re.IGNORECASE)
NUMBERED_COPY = re.compile(r"_v\d+$")
# Written in halves so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:TO" "DO|FIX" "ME|XX" "X|TB" "D|HA" "CK)\\b|\\bplace" "holder\\b|(?i:not yet impl" "emented)")
TYPE_NAME = re.compile(r"\b(?:class|struct|namespace|enum(?:\s+class)?|concept|using)\s+([A-Za-z_]\w*(?:::\w+)*)")
ACCESS = re.compile(r"\s*(?:public|private|protected)\s*:")
SCOPE = re.compile(r"^\s*(?:typedef\s+|inline\s+|export\s+)*(?:namespace|class|struct|union|enum|extern\b)")
MEMBER_INIT = re.compile(r"\)\s*(?:noexcept\s*)?:[^:].*[\w>]\s*$", re.DOTALL)
INITIALIZER = re.compile(r"(?:[(,=?]|\breturn)\s*$")


def words_of(name):
    """FooManager_v2 -> foo manager v2."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def name_problem(name):
    if EMPTY_NAMES & set(words_of(name)):
        return f"the name '{name}' says nothing about what is inside"
    if NUMBERED_COPY.search(name) and not PUBLISHED.search(name):
        return f"'{name}': make the variant a parameter, not a numbered copy"
    return None


def without_directives(text):
    """Preprocessor lines (and their continuations) emptied, line numbers kept."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.MULTILINE)


def drop_template_head(header):
    """Removes a leading `template <...>`, whose text may hold the word class."""
    match = re.match(r"\s*template\s*<", header)
    if not match:
        return header
    depth, i = 1, match.end()
    while i < len(header) and depth:
        depth += {"<": 1, ">": -1}.get(header[i], 0)
        i += 1
    return drop_template_head(header[i:])


def brace_kind(header, inside):
    """What a `{` opens, from the text since the last `;`, `{` or `}`, inside `inside`."""
    if inside in ("function", "block"):
        return "block"
    header = drop_template_head(header)
    if SCOPE.match(header):
        return "scope"
    if MEMBER_INIT.search(header):
        return "member"
    return "function" if "(" in header and not INITIALIZER.search(header) else "block"


def cpp_functions(text):
    """(first line, lines) of each function at namespace or class level; a lambda counts in its function."""
    code = without_directives(blank_comments_and_strings(text))
    stack, header, line, start_line = [], "", 1, 1
    for char in code:
        if char == "{":
            kind = brace_kind(header, stack[-1][0] if stack else "scope")
            stack.append((kind, start_line, header))
            header = ""
        elif char == "}" and stack:
            kind, began, outer = stack.pop()
            if kind == "function":
                yield began, line - began + 1
            header = outer + ")" if kind == "member" else ""
        elif char == ";" or (char == ":" and ACCESS.fullmatch(header + ":")):
            header = ""
        else:
            if not header.strip() and not char.isspace():
                header, start_line = "", line
            header += char
        line += char == "\n"


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


def check_names(path, text):
    for part in (*path.parts[:-1], path.stem):
        problem = name_problem(part)
        if problem:
            yield f"{path}:1: {problem}"
    if path.suffix not in CPP_SUFFIXES:
        return
    code = blank_comments_and_strings(text)
    for match in TYPE_NAME.finditer(code):
        problem = name_problem(match.group(1)) if not match.group(1).startswith("std::") else None
        if problem:
            yield f"{path}:{code.count(chr(10), 0, match.start()) + 1}: {problem}"


def check_sizes(path, text):
    lines = text.count("\n")
    if path.suffix in CODE_SUFFIXES and lines > MAX_FILE:
        yield f"{path}:1: {lines} lines, at most {MAX_FILE}: split it"
    functions = ()
    if path.suffix in CPP_SUFFIXES:
        functions = cpp_functions(text)
    elif path.suffix == ".py":
        functions = python_functions(text)
    for first, length in functions:
        if length > MAX_FUNCTION:
            yield f"{path}:{first}: a function of {length} lines, at most {MAX_FUNCTION}"


def check_marks(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = UNFINISHED.search(line)
        if match:
            yield f"{path}:{number}: unfinished mark '{match.group(0)}'"


def texts_of(root):
    """(path, text) of each file that people write; data, specifications of others and the licence are not."""
    for path in project_files(root):
        if path.suffix in TEXT_SUFFIXES and path.parts[0] not in ("assets", "results", "LICENSE"):
            try:
                yield path, (root / path).read_text()
            except UnicodeDecodeError:
                continue


def check_tree(root):
    """(violations, warnings) of the tree under root, as 'file:line: text'."""
    problems, warnings = [], []
    for path, text in texts_of(Path(root)):
        problems += check_names(path, text)
        problems += check_sizes(path, text)
        problems += check_marks(path, text)
        lines = text.count("\n")
        if path.suffix in CODE_SUFFIXES and WARN_FILE < lines <= MAX_FILE:
            warnings.append(f"{path}:1: warning: {lines} lines, most files stay under {WARN_FILE}")
    return problems, warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    problems, warnings = check_tree(parser.parse_args().root)
    for line in warnings + problems:
        print(line, file=sys.stderr)
    print(f"style: {len(problems)} violations, {len(warnings)} warnings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
