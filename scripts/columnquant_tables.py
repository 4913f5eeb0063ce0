#!/usr/bin/env python3
"""Prints the tables of docs/validation/columnquant.md from the committed results, as Markdown.

Usage: scripts/columnquant_tables.py [--check]
With --check, compares them with the page instead and fails when the page is stale.
"""
import pathlib
import sys

from recipe_results import accuracy, load, main, table, value

MULTIPLICATIONS = "dequantization multiplications an image"


def grid(steps, precision_start, bits, rows):
    """Accuracy by granularity (rows) and partial-sum bits (columns); cells that were not run stay empty."""
    found = [[row] + [accuracy(steps.get(f"{precision_start}P{b} {row}")) for b in bits] for row in rows]
    return table(["weights/partial sums"] + ["P" + b for b in bits], [row for row in found if any(row[1:])])


def cost(record):
    return value(record, "dequantization_multiplications_per_image")


def training(steps):
    return table(["configuration", "accuracy %", "epochs", "training s", "peak MiB", MULTIPLICATIONS],
                 [[value(r, "configuration"), accuracy(r), value(r, "epochs"), f"{value(r, 'training_seconds'):.0f}",
                   f"{value(r, 'peak_memory'):.0f}", cost(r)] for r in steps.values()])


SIGMAS = ["0.05", "0.1", "0.15", "0.2", "0.25"]


def by_variation(record):
    return {row["variation"]: row for row in record["tables"]["variation"]["rows"]} if record else {}


def spread(row):
    return f"{row['mean']:.2f} ± {row['deviation']:.2f}" if row else ""


def variation(steps):
    """Both readings of a spread beside each other."""
    rows = []
    for r in steps.values():
        chips = by_variation(r)
        rows.append([value(r, "configuration"), "0", f"{chips['none']['mean']:.2f}", "", ""])
        for s in SIGMAS:
            digit, level = chips["lognormal-digit:" + s], chips["lognormal:" + s]
            rows.append([value(r, "configuration"), s, spread(digit), f"{digit['yield95']:.2f}", spread(level)])
    return table(["configuration", "sigma", "digits vary, %", "95 % of chips reach %", "stored levels vary, %"], rows)


def levels(steps, chips):
    """The networks of `full` where stored levels vary."""
    rows = []
    for r in steps.values():
        means = by_variation(chips.get(pathlib.PurePath(value(r, "model_file")).stem))
        rows.append([value(r, "configuration"), value(r, "stages"), f"{means['none']['mean']:.2f}" if means else ""] +
                    [spread(means.get("lognormal:" + s)) for s in SIGMAS])
    return table(["stored levels vary", "stages", "sigma 0"] + ["sigma " + s for s in SIGMAS], rows)


def full(steps, chips):
    """One row a trained network: accuracy, mean over the chips for each sigma of digits, cost."""
    rows = []
    for r in steps.values():
        means = by_variation(chips.get(pathlib.PurePath(value(r, "model_file")).stem))
        unvaried = f"{means['none']['mean']:.2f}" if means else ""
        rows.append([value(r, "configuration"), value(r, "stages"), accuracy(r), unvaried] +
                    [spread(means.get("lognormal-digit:" + s)) for s in SIGMAS] +
                    [cost(r), f"{value(r, 'training_seconds'):.0f}"])
    return table(["configuration", "stages", "accuracy %", "sigma 0"] + ["sigma " + s for s in SIGMAS] +
                 [MULTIPLICATIONS, "training s"], rows)


def followed(steps):
    """The same of a recipe whose steps named "NETWORK, variation" simulate the network of the step NETWORK."""
    trained = {name: r for name, r in steps.items() if not name.endswith(", variation")}
    chips = {pathlib.PurePath(value(r, "model_file")).stem: steps[f"{name}, variation"]
             for name, r in trained.items() if f"{name}, variation" in steps}
    return full(trained, chips)


def on_chips(steps):
    """The rows of the comparison of each estimate; the first chip has the accuracy, the others the work alone."""
    rows = []
    for name, r in steps.items():
        if not name.endswith(" cost"):
            continue
        network = name.removesuffix(" cost")
        rows += [[network, "-" if i else accuracy(steps.get(network)), row["hardware"], f"{row['energy']:.2f}",
                  f"{row['energy_ratio']:.2f}", f"{row['images_per_second']:.0f}", f"{row['rate_ratio']:.3f}"]
                 for i, row in enumerate(r["tables"]["comparison"]["rows"])]
    return table(["network", "accuracy %", "chip", "energy uJ", "energy x", "FPS", "rate x"], rows)


def tables():
    calibration, trained = load("columnquant/calibration"), load("columnquant/table")
    rows = ["layer/layer", "layer/array", "array/array", "column/column"]
    return {"W4A4": grid(calibration, "W4A4", ["ideal", "8", "7", "6", "5", "4", "3", "2", "1"], rows),
            "W8A8": grid(calibration, "W8A8", ["ideal", "8", "7", "6", "5", "4"], rows),
            "training": training(load("columnquant/qat")),
            "variation": variation(load("columnquant/variation")),
            "full": full(trained, load("columnquant/table-variation")),
            "levels": levels(trained, load("columnquant/table-variation")),
            "minmax": followed(load("columnquant/table-minmax")),
            "chip": on_chips(load("columnquant/chip"))}


if __name__ == "__main__":
    sys.exit(main("docs/validation/columnquant.md", tables()))
