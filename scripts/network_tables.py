#!/usr/bin/env python3
"""Prints the table of trained networks of docs/networks.md from the committed results, as Markdown.

Usage: scripts/network_tables.py [--check]
With --check, compares it with the page instead and fails when the page is stale.
"""
import sys

from recipe_results import accuracy, load, main, table, value

NETWORKS = {"resnet18": ("ResNet-18", "at least 93"), "vgg16": ("VGG-16", "at least 92"),
            "mobilenet": ("MobileNetV2", "at least 90"), "shufflenet": ("ShuffleNetV2", "at least 90")}


def trained():
    rows = []
    for recipe, (name, asked) in NETWORKS.items():
        steps = load(f"networks/cifar10_{recipe}")
        cycles = [steps[step] for step in (f"{name} float", f"{name} float, second cycle") if step in steps]
        packed = steps.get(f"{name} in 8 bits, accuracy")
        if cycles and packed:
            rows.append([name, " + ".join(str(value(cycle, "epochs")) for cycle in cycles),
                         ", ".join(f"{value(cycle, 'best_epoch_accuracy'):.2f}" for cycle in cycles), accuracy(packed), asked])
        else:
            rows.append([name, "", "not run", "not run", asked])
    return table(["network", "epochs", "float %", "8-bit weights %", "asked of float"], rows)


if __name__ == "__main__":
    sys.exit(main("docs/networks.md", {"trained": trained()}))
