#!/usr/bin/env python3
"""Prints the tables of docs/validation/columnquant.md from the committed results, as Markdown.

Usage: scripts/columnquant_tables.py [--check]
With --check, compares them with the page instead and fails when the page is stale.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "columnquant"
PAGE = ROOT / "docs" / "validation" / "columnquant.md"


def load(name):
    """Finished steps of one run: step name -> figures."""
    path = RESULTS / name / "steps.json"
    if not path.is_file():
        return {}
    steps = json.loads(path.read_text())
    return {key.rsplit(" ", 1)[0]: record for key, record in steps.items()}


def value(record, key):
    return record["figures"][key]["value"]


def grid(steps, precision_start, bits, rows):
    """Accuracy by granularity (rows) and partial-sum bits (columns); cells that were not run stay empty."""
    lines = ["| weights/partial sums | " + " | ".join("P" + b for b in bits) + " |", "|---|" + "---|" * len(bits)]
    for row in rows:
        cells = []
        for b in bits:
            record = steps.get(f"{precision_start}P{b} {row}")
            cells.append(f"{value(record, 'accuracy'):.2f}" if record else "")
        if any(cells):
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def training(steps):
    lines = ["| configuration | accuracy % | epochs | training s | peak MiB | dequantization multiplications an image |",
             "|---|---|---|---|---|---|"]
    for record in steps.values():
        lines.append(f"| {value(record, 'configuration')} | {value(record, 'accuracy'):.2f} | {value(record, 'epochs')} | "
                     f"{value(record, 'training_seconds'):.0f} | {value(record, 'peak_memory'):.0f} | "
                     f"{value(record, 'dequantization_multiplications_per_image')} |")
    return "\n".join(lines)


def variation(steps):
    lines = ["| configuration | variation | mean % | std | 95 % of chips reach % |", "|---|---|---|---|---|"]
    for record in steps.values():
        for row in record["tables"]["variation"]["rows"]:
            lines.append(f"| {value(record, 'configuration')} | {row['variation']} | {row['mean']:.2f} | "
                         f"{row['deviation']:.2f} | {row['yield95']:.2f} |")
    return "\n".join(lines)


def network_of(record):
    return pathlib.PurePath(value(record, "model_file")).stem


def full(steps, chips):
    """One row a trained network: accuracy, mean over the chips for each sigma, cost."""
    sigmas = ["0.05", "0.1", "0.15", "0.2", "0.25"]
    lines = ["| configuration | stages | accuracy % | " + " | ".join("sigma " + s for s in sigmas) +
             " | dequantization multiplications an image | training s |", "|---|---|---|" + "---|" * len(sigmas) + "---|---|"]
    for record in steps.values():
        simulated = chips.get(network_of(record))
        rows = simulated["tables"]["variation"]["rows"] if simulated else []
        means = {row["variation"]: row for row in rows}
        cells = [means.get("lognormal:" + s) for s in sigmas]
        shown = [f"{c['mean']:.2f} ± {c['deviation']:.2f}" if c else "" for c in cells]
        lines.append(f"| {value(record, 'configuration')} | {value(record, 'stages')} | {value(record, 'accuracy'):.2f} | " +
                     " | ".join(shown) + f" | {value(record, 'dequantization_multiplications_per_image')} | "
                     f"{value(record, 'training_seconds'):.0f} |")
    return "\n".join(lines)


def tables():
    calibration, qat, chips, table = load("calibration"), load("qat"), load("variation"), load("table")
    rows = ["layer/layer", "layer/array", "array/array", "column/column"]
    out = {}
    if calibration:
        out["W4A4"] = grid(calibration, "W4A4", ["ideal", "8", "7", "6", "5", "4", "3", "2", "1"], rows)
        out["W8A8"] = grid(calibration, "W8A8", ["ideal", "8", "7", "6", "5", "4"], rows)
    if qat:
        out["training"] = training(qat)
    if chips:
        out["variation"] = variation(chips)
    if table:
        out["full"] = full(table, load("table-variation"))
    return out


def main():
    found = tables()
    if "--check" not in sys.argv:
        for name, text in found.items():
            print(f"<!-- {name} -->\n{text}\n")
        return 0
    page = PAGE.read_text()
    stale = [name for name, text in found.items() if text not in page]
    for name in stale:
        print(f"{PAGE.relative_to(ROOT)}: the table '{name}' is not that of results/columnquant", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
