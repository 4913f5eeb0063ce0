"""Results of recipes as Markdown tables of a page, and the check that the page has them.

A recipe writes results/.../steps.json: finished steps under "NAME KEY", each a result record.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def load(folder):
    """Finished steps of one recipe: step name -> record. Empty when it was never run."""
    path = ROOT / "results" / folder / "steps.json"
    if not path.is_file():
        return {}
    found = {}
    for key, record in json.loads(path.read_text()).items():
        name = key.rsplit(" ", 1)[0]
        if name in found:
            sys.exit(f"{path}: '{name}' was run with two sets of options; take out the one that the recipe no longer has")
        found[name] = record
    return found


def value(record, key):
    return record["figures"][key]["value"]


def accuracy(record):
    return f"{value(record, 'accuracy'):.2f}" if record else ""


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def main(page, found):
    """Prints the tables by name; with --check, exits with 1 when the page lacks one of them."""
    if "--check" not in sys.argv:
        for name, text in found.items():
            print(f"<!-- {name} -->\n{text}\n")
        return 0
    text = (ROOT / page).read_text()
    stale = [name for name, lines in found.items() if lines not in text]
    for name in stale:
        print(f"{page}: the table '{name}' is not that of the results", file=sys.stderr)
    return 1 if stale else 0
