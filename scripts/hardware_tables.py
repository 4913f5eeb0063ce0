#!/usr/bin/env python3
"""Prints the tables of docs/validation/hardware.md and docs/hardware.md, as Markdown.

Usage: scripts/hardware_tables.py [--check | --write] [--no-ratios] [--program build/release/bitline]
Published totals against sums come from `bitline hardware show`, published ratios of designs from `bitline estimate`
(published_ratios.py, minutes), the keys from specs/hardware.schema.json. In the pages a table follows its marker,
`<!-- table: NAME -->`. --write replaces the tables there; --check fails when one is stale.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

import published_ratios

ROOT = pathlib.Path(__file__).resolve().parent.parent
VALIDATION = ROOT / "docs" / "validation" / "hardware.md"
REFERENCE = ROOT / "docs" / "hardware.md"
SOURCE_KEYS = ("cite", "mark", "note")


def show(program, name):
    command = [program, "hardware", "show", name, "--format", "json"]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return json.loads(run.stdout)


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def published(record):
    rows = []
    for row in record["tables"]["published"]["rows"]:
        gap = f"{row['gap']:+.2f}" if isinstance(row["gap"], (int, float)) else ""
        rows.append([row["figure"].replace("_", " "), row["published"], row["computed"], gap, row["mark"]])
    return markdown(["figure", "published", "sum of the components", "gap %", "mark"], rows)


def components(record):
    def cell(value, decimals):
        return f"{value:.{decimals}f}" if isinstance(value, (int, float)) else (value or "")

    rows = [[f"`{row['component']}`", f"{row['instances']:g}", cell(row["power"], 4), cell(row["area"], 5),
             f"{row['units']:g}", cell(row["power_share"], 2), cell(row["area_share"], 2)]
            for row in record["tables"]["components"]["rows"]]
    header = ["component", "instances", "power mW", "area mm2", "units on chip", "power %", "area %"]
    return markdown(header, rows)


def sums(record):
    rows = [[row["level"], row["called"], f"{row['units']:g}", f"{row['power']:.3f}", f"{row['area']:.5f}"]
            for row in record["tables"]["levels"]["rows"]]
    return markdown(["level", "called", "units on chip", "power mW", "area mm2"], rows)


def form_of(key):
    """How a value is written: a word's choices, a number's range, or the dimension with its example."""
    if "$ref" in key:
        name = key["$ref"].rsplit("/", 1)[1]
        return name.replace("_", " ") if name != "components" else "components"
    value = key["anyOf"][0] if "anyOf" in key else key
    if "enum" in value:
        return ", ".join(value["enum"])
    if "minimum" in value:
        kind = {"integer": "whole number", "number": "number"}[value["type"]]
        high = f" to {value['maximum']:g}" if "maximum" in value else ""
        return f"{kind}, {value['minimum']:g}{high}"
    return "text"


def keys(schema):
    rows = []
    for section, form in schema["properties"].items():
        if "properties" not in form:
            continue
        for name, key in form["properties"].items():
            if name in SOURCE_KEYS:
                continue
            meaning = key.get("description", "named components of the level")
            rows.append([f"`{section}.{name}`", form_of(key), meaning])
    return markdown(["key", "value", "meaning"], rows)


def kinds(schema):
    rows = []
    component = schema["$defs"]["component"]
    every = set.intersection(*(set(rule["then"]["propertyNames"]["enum"]) for rule in component["allOf"]))
    for rule in component["allOf"]:
        own = [f"`{name}`" for name in rule["then"]["propertyNames"]["enum"] if name not in every]
        rows.append([f"`{rule['if']['properties']['kind']['const']}`", ", ".join(own), rule["description"]])
    return markdown(["kind", "keys of its own", "what it is"], rows)


def units(schema):
    rows = []
    for name, definition in schema["$defs"].items():
        value = definition.get("anyOf", [{}])[0]
        patterns = [choice["pattern"] for choice in [value, *value.get("anyOf", [])] if "pattern" in choice]
        for pattern in patterns:
            symbols = pattern.rsplit("(", 1)[1].rstrip(")$").split("|")
            rows.append([name.replace("_", " "), ", ".join(f"`{s}`" for s in symbols)])
    return markdown(["dimension", "units"], rows)


def tables(program, ratios):
    schema = json.loads((ROOT / "specs" / "hardware.schema.json").read_text())
    isaac, puma = show(program, "isaac"), show(program, "puma")
    dadiannao = show(program, "dadiannao")
    validation = {"isaac": published(isaac), "isaac sums": sums(isaac), "isaac components": components(isaac),
                  "puma": published(puma), "dadiannao": published(dadiannao)}
    if ratios:
        for name, (header, rows) in published_ratios.tables(program).items():
            validation[name] = markdown(header, rows)
    return {VALIDATION: validation,
            REFERENCE: {"keys": keys(schema), "kinds": kinds(schema), "units": units(schema)}}


def place(text, name, table):
    """The page with the table after its marker replaced; None without the marker."""
    marker = f"<!-- table: {name} -->\n"
    start = text.find(marker)
    if start < 0:
        return None
    start += len(marker)
    old = re.compile(r"(\|[^\n]*\n)*").match(text, start)
    return text[:start] + table + "\n" + text[old.end():]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--no-ratios", action="store_true", help="leave the tables of published ratios alone")
    parser.add_argument("--program", default=ROOT / "build/release/bitline")
    arguments = parser.parse_args()
    stale = 0
    for page, found in tables(arguments.program, not arguments.no_ratios).items():
        text = page.read_text()
        for name, table in found.items():
            placed = place(text, name, table)
            if not arguments.check and not arguments.write:
                print(f"<!-- table: {name} -->\n{table}\n")
            elif placed is None or (arguments.check and placed != text):
                stale += 1
                message = f"{page.relative_to(ROOT)}: the table '{name}' is not what the program says"
                print(message, file=sys.stderr)
            else:
                text = placed
        if arguments.write:
            page.write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
