#!/usr/bin/env python3
"""Prints the tables of docs/validation/lg-lsq.md from the committed results, as Markdown.

Usage: scripts/lg_lsq_tables.py [--check]
With --check, compares them with the page instead and fails when the page is stale.
"""
import sys

from recipe_results import accuracy, load, main, table, value

FLOAT = 91.73  # of the pretrained ResNet-20, on the same 10,000 test images
ASKED = {"W8A8P6": "at most 0.3", "W8A8P5": "at most 0.5", "W4A4P5": "at most 1.5", "W4A4P4": "at most 3"}


def ptq(steps, local):
    rows = []
    for precision in list(ASKED) + ["W4A4Pideal"]:
        fitted = steps.get(f"{precision} reconstructed")
        rows.append([precision.replace("Pideal", " with an ideal converter"), accuracy(local.get(f"{precision} column/column")),
                     accuracy(steps.get(f"{precision} compensated")), accuracy(fitted),
                     f"{FLOAT - value(fitted, 'accuracy'):.2f}" if fitted else "", ASKED.get(precision, "-")])
    return table(["precision", "nearest, local biases", "compensated", "reconstructed", "loss of the last", "asked"], rows)


def both(record):
    """Top-1 and top-5."""
    return f"{accuracy(record)} / {value(record, 'accuracy_top5'):.2f}" if record else ""


def imagenet(steps):
    precisions = ["float", "W8A8P8", "W6A6P6", "W6A6Pideal"]
    names = ["SqueezeNet 1.1", "MobileNetV1 0.75", "MobileNetV2 1.0"]
    return table(["network", "float top-1 / top-5", "W8A8P8", "W6A6P6", "W6A6 with an ideal converter"],
                 [[name] + [both(steps.get(f"{name} {p}")) for p in precisions] for name in names])


def seeds(name):
    """Steps of a recipe, of the first seed and of those that were run beside it."""
    return [steps for steps in (load(f"lg-lsq/{name}{suffix}") for suffix in ["", "-seed2", "-seed3"]) if steps]


def accuracies(runs, step):
    """Of each seed that has the step."""
    return ", ".join(accuracy(steps[step]) for steps in runs if step in steps) or "not run"


def trained(runs):
    """Quantizers (rows) by precision (columns)."""
    precisions = ["W2A2Pideal", "W3A3Pideal", "W4A4Pideal"]
    quantizers = ["minmax", "lsq", "llsq", "ssg", "ssg+asr", "lg-lsq", "lg-lsq-task"]
    return table(["quantizer"] + [p.replace("Pideal", "") for p in precisions],
                 [[q] + [accuracies(runs, f"{p} {q}") for p in precisions] for q in quantizers])


def parts(runs, whole):
    """Readings of LG-LSQ at W2A2 beside the rows of the same budget in the table of ResNet-20."""
    rows = [[q, accuracies(whole, f"W2A2Pideal {q}")] for q in ["lsq", "lg-lsq-task"]]
    rows += [[q, accuracies(runs, f"W2A2 {q}")] for q in ["lsq+asr:1", "ssg-task", "ssg-task+asr:1+mde:0.005"]]
    return table(["quantizer", "W2A2, 5 epochs"], rows)


def longer(runs):
    """W3A3 with more epochs."""
    return table(["quantizer", "W3A3, 30 epochs"], [[q, accuracies(runs, f"W3A3 {q}")] for q in ["lsq", "lg-lsq", "lg-lsq-task"]])


def light(runs):
    """The light networks at W4A4 beside their float accuracy."""
    rows = []
    for network, name in [("mobilenet", "MobileNetV2"), ("shufflenet", "ShuffleNetV2")]:
        start = load(f"networks/cifar10_{network}").get(f"{name} in 8 bits, accuracy")
        rows.append([name, accuracy(start)] + [accuracies(runs, f"{network} {q}") for q in ["minmax", "lsq", "lg-lsq", "lg-lsq-task"]])
    return table(["network", "float start", "minmax", "lsq", "lg-lsq", "lg-lsq-task"], rows)


def cim(runs):
    """ResNet-20 at W3A3P3 column-wise on arrays; that of lsq is a row of ColumnQuant's table."""
    rows = [["lsq", accuracy(load("columnquant/table-minmax").get("W3A3P3 column/column"))]]
    rows += [[q, accuracies(runs, f"W3A3P3 {q}")] for q in ["lg-lsq", "lg-lsq-task"]]
    return table(["weights and activations", "W3A3P3"], rows)


def tables():
    found = {"ptq": ptq(load("lg-lsq/ptq"), load("columnquant/calibration")), "imagenet": imagenet(load("lg-lsq/imagenet"))}
    for name, form in [("resnet20", trained), ("resnet20-long", longer), ("light", light), ("cim", cim)]:
        runs = seeds(name)
        if runs:
            found[name] = form(runs)
    if seeds("two-bits"):
        found["two-bits"] = parts(seeds("two-bits"), seeds("resnet20"))
    return found


if __name__ == "__main__":
    sys.exit(main("docs/validation/lg-lsq.md", tables()))
