"""Which files of the tree the checks look at, and C++ text without comments and strings."""
import re
import subprocess
from pathlib import Path

CODE_FOLDERS = ("src", "tests", "bench", "fuzz", "examples", "python")
CPP_SUFFIXES = (".h", ".hpp", ".cpp", ".cc", ".cu", ".cuh")
NOT_OURS = {"build", "runs", ".git", ".venv", "__pycache__"}

_LEXEMES = re.compile(
    r"""(?P<raw>R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*")"""
    r"""|(?P<char>(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+')"""
    r"""|(?P<comment>//[^\n]*|/\*.*?\*/)""",
    re.DOTALL | re.VERBOSE)


def project_files(root):
    """All files of the project under root, relative and sorted: git's view, or a walk outside git."""
    root = Path(root)
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    git = subprocess.run(command, capture_output=True, check=False) if (root / ".git").exists() else None
    if git and git.returncode == 0:
        names = [Path(name) for name in git.stdout.decode().split("\0") if name and (root / name).is_file()]
    else:
        names = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return sorted(name for name in names if not NOT_OURS & set(name.parts))


def cpp_files(root):
    return [f for f in project_files(root) if f.suffix in CPP_SUFFIXES and f.parts[0] in CODE_FOLDERS]


def blank_comments_and_strings(text):
    """The same text, same line numbers, with comments gone and literals empty."""
    def blank(match):
        lines = "\n" * match.group(0).count("\n")
        if match.group("comment"):
            return " " + lines
        return ("' '" if match.group("char") else '""') + lines
    return _LEXEMES.sub(blank, text)


def blank_comments(text):
    """The same text, same line numbers, with comments gone and literals kept (for #include lines)."""
    def blank(match):
        if not match.group("comment"):
            return match.group(0)
        return " " + "\n" * match.group(0).count("\n")
    return _LEXEMES.sub(blank, text)


if __name__ == "__main__":
    print(*cpp_files(Path(__file__).resolve().parents[1]), sep="\n")
