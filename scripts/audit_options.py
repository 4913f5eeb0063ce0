#!/usr/bin/env python3
"""Which options change nothing? Runs each option of a command, and each pair, on the digits.

Usage: scripts/audit_options.py [--program FILE] [--quick] [COMMAND...]
An option has an effect when the result, a file that is written, or a line on stderr differs, or when it is refused.
For a pair (a, b) what counts is whether a changes what b alone gives. Listed is what has none; SILENT has those that
are right to have none, with the reason. --quick leaves the pairs out. Exits with 1 when something is listed.
"""
import argparse
import concurrent.futures
import hashlib
import itertools
import json
import pathlib
import re
import subprocess
import sys
import tempfile

COMMON = {"help", "seed", "threads", "format", "quiet", "result", "model", "out"}  # how a command runs, not what
DATA = {"data": ["digits"], "mean": ["0.3", "--std", "0.4"], "input-scaling": ["signed"], "resize": ["8"],
        "crop": ["8"]}
ARRAY = {"hardware": ["32x32:1b"], "precision": ["W3A3P3"], "granularity": ["layer/layer"], "cell-bits": ["1"],
         "dac-bits": ["1"], "encoding": ["differential"], "slice-scales": [], "cycle-ranges": [],
         "adc-levels": ["lloyd-max"], "on-array": ["first"], "digital": ["last"], "float-layers": ["conv2"],
         "calibration-images": ["8"]}
PTQ = {"rounding": ["compensated"], "weight-range": ["minmax"], "activation-range": ["minmax"],
       "activation-codes": ["signed"], "adc-range": ["minmax"], "equalize": [], "keep-batch-norm": [],
       "re-estimate-batch-norm": [], "reconstruction-steps": ["2"]}
TRAIN = {"method": ["ptq"], "epochs": ["2"], "batch": ["16"], "shards": ["2"], "lr": ["0.05"], "scale-lr": ["0.5"],
         "range-lr": ["0.5"], "quantizer": ["ssg"], "weight-quantizer": ["minmax"], "activation-quantizer": ["minmax"],
         "psum-quantizer": ["minmax"], "momentum": ["0.5"], "weight-decay": ["0.1"], "warmup": ["0.5"],
         "label-smoothing": ["0.2"], "distill": ["0.5"], "temperature": ["4"], "clip-norm": ["0.01"],
         "freeze-bn": ["0.5"], "cim-operator": ["composed"], "compute": ["bfloat16"], "epoch-test-images": ["16"],
         "checkpoint": ["{dir}/run.checkpoint"], "checkpoint-steps": ["1"], "stop-after-steps": ["1"],
         "augment": ["crop"], "small-epochs": ["1"], "small-side": ["6"], "train-images": ["48"], "stages": ["2"]}
MAPPED = {"digital": ["last"], "float-layers": ["conv2"], "rows": ["packed"], "slices": ["separate"],
          "pairs": ["separate"], "packing": ["diagonal"], "arrays": ["40"], "no-replicas": [], "reload": []}
COMMANDS = {
    "calibrate": (["{float}", "--data", "digits", "--calibration-images", "16", "--test-images", "32",
                   "--hardware", "64x64:2b", "--out", "{dir}/q.safetensors"],
                  {**DATA, **ARRAY, **PTQ, "test-images": ["16"], "untrained": [], "ignore-output": ["0"]}),
    "quantize": (["{float}", "--data", "digits", "--calibration-images", "16", "--train-images", "64", "--epochs", "1",
                  "--batch", "32", "--epoch-test-images", "32", "--hardware", "64x64:2b", "--out",
                  "{dir}/q.safetensors"],
                 {**DATA, **ARRAY, **PTQ, **TRAIN, "untrained": [], "ignore-output": ["0"]}),
    "simulate": (["{quantized}", "--images", "32"],
                 {**DATA, "images": ["16"], "variation": ["lognormal:0.3"], "chips": ["3"],
                  "logits": ["{dir}/l.safetensors"], "verbose": [], "verify": [], "mapping": ["{mapping}"],
                  "verify-images": ["2"], "converters": ["4"], "kernel": ["reference"], "untrained": [],
                  "ignore-output": ["0"]}),
    "map": (["{quantized}", "--hardware", "rram-128", "--out", "{dir}/m.json"],
            {**MAPPED, "precision": ["W4A4"], "picture": ["{dir}/p.svg"]}),
    "estimate": (["{quantized}", "--hardware", "rram-128"],
                 {**MAPPED, "precision": ["W4A4"], "vs": ["puma"], "chips": ["2"], "input-density": ["0.3"],
                  "weight-density": ["0.3"], "activity": ["{activity}"], "data": ["digits"], "images": ["4"],
                  "activity-out": ["{dir}/a.json"], "layer-adcs": [], "batch": ["4"], "pipeline": [],
                  "pictures": ["6"], "gantt": ["{dir}/g.svg"], "input-scaling": ["signed"], "mean": ["0.3", "--std", "0.4"],
                  "resize": ["8"], "crop": ["8"]}),
}
UNTRIED = {"data-dir", "std", "device", "tensorboard"}  # need other data, come with another option, need a GPU, a folder
# (command or *, option, the option beside it or *): why it may change nothing.
SILENT = {
    ("*", "data", "*"): "names the data set that the model was made for",
    ("*", "untrained", "*"): "allows what is not the case: the model has weights",
    ("simulate", "kernel", "*"): "all kernels give the same bits",
    ("quantize", "cim-operator", "*"): "both operators give the same codes",
    ("*", "keep-batch-norm", "*"): "the digits network has no batch-norm",
    ("*", "pairs", "*"): "two's complement has no pairs",
    ("quantize", "scale-lr", "quantizer"): "two steps are too few to show it",
    ("*", "cell-bits", "hardware"): "that array has cells of so many bits",
    ("*", "arrays", "no-replicas"): "more arrays than the network needs are for replicas",
    ("estimate", "batch", "*"): "the digits network is never loaded again",
    ("estimate", "input-density", "activity"): "the file names every layer",
    ("estimate", "weight-density", "activity"): "the file names every layer",
    ("*", "reload", "*"): "allows rounds; the digits network needs none",
    ("estimate", "packing", "*"): "where a layer lies in an array costs nothing",
    ("map", "packing", "*"): "layers of the digits network fill arrays of their own",
}


class Audit:
    def __init__(self, program, folder):
        self.program, self.folder, self.known = program, pathlib.Path(folder), {}
        self.names = {key: str(self.folder / file) for key, file in
                      (("float", "float.safetensors"), ("quantized", "q.safetensors"), ("mapping", "m.json"),
                       ("activity", "a.json"))}
        self.prepare()

    def call(self, words, folder):
        filled = [w.format(dir=folder, **self.names) for w in words]
        done = subprocess.run([self.program, *filled], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout, done.stderr

    def prepare(self):
        hardware = ["--hardware", "rram-128"]
        for words in (["train", "zoo:digits-cnn", "--data", "digits", "--epochs", "1", "--out", "{float}"],
                      ["calibrate", "{float}", "--calibration-images", "16", "--test-images", "-1", "--precision", "W4A4P4",
                       "--out", "{quantized}", *hardware],
                      ["map", "{quantized}", "--out", "{mapping}", *hardware],
                      ["estimate", "{quantized}", "--data", "digits", "--images", "2", "--activity-out", "{activity}",
                       *hardware]):
            code, _, err = self.call(words, self.folder)
            if code != 0:
                sys.exit(f"{' '.join(words)}: {err}")

    def outcome(self, command, base, chosen):
        key = (command, tuple(name for name, _ in chosen))
        if key not in self.known:
            with tempfile.TemporaryDirectory() as folder:
                code, out, err = self.call([command, *base, *itertools.chain.from_iterable(
                    ["--" + name, *values] for name, values in chosen), "--format", "json"], folder)
                files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in pathlib.Path(folder).iterdir()}
                self.known[key] = (code, comparable(out, folder), lines_of(err, folder), files) if code == 0 else None
        return self.known[key]  # None: refused


def comparable(out, folder):
    record = json.loads(out)
    for figure in ("training_seconds", "peak_memory"):
        record["figures"].pop(figure, None)
    for row in record["tables"].get("epochs", {}).get("rows", []):
        row.pop("seconds", None)
    return json.dumps(record).replace(folder, "")


def lines_of(err, folder):
    """Notes, without the progress of training: its times differ from run to run."""
    progress = re.compile(r"images/s|  epoch \d")
    return [line for line in re.split(r"[\r\n]+", err.replace(folder, "")) if not progress.search(line)]


def silent(command, option, other):
    return any((c, option, o) in SILENT for c in (command, "*") for o in (other, "*"))


def check_help(audit, command, options):
    known = set(options) | COMMON | UNTRIED | {word[2:] for word in COMMANDS[command][0] if word.startswith("--")}
    shown = set(re.findall(r"^ +(?:-[a-z],)?--([a-z-]+)", audit.call([command, "--help"], "")[1], re.M))
    if shown - known:
        sys.exit(f"{command}: no value to try for --{', --'.join(sorted(shown - known))}")


def find(audit, command, quick):
    base, options = COMMANDS[command]
    check_help(audit, command, options)
    words = lambda names: [w for n in names for w in [(n, options[n])]]
    # An option of the base command is tried in its place.
    def without(names):
        kept, skip = [], False
        for i, word in enumerate(base):
            if skip:
                skip = False
            elif word.startswith("--") and word[2:] in names:
                skip = bool(i + 1 < len(base))
            else:
                kept.append(word)
        return kept
    run = lambda names: audit.outcome(command, without(names), words(names))
    sets = [()] + [(a,) for a in options] + ([] if quick else list(itertools.combinations(options, 2)))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(run, sets))
    if run(()) is None:
        sys.exit(f"{command}: the command without further options is refused")
    found = [(a, "") for a in options if not silent(command, a, "*") and run((a,)) == run(())]
    alone = {a for a, _ in found}
    if not quick:
        for pair in itertools.combinations(options, 2):
            for a, b in (pair, pair[::-1]):
                if a in alone or silent(command, a, b) or run((b,)) is None or run(pair) is None:
                    continue
                if run(pair) == run((b,)):
                    found.append((a, b))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/release/bitline")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    arguments = parser.parse_args()
    listed = 0
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(str(pathlib.Path(arguments.program).resolve()), folder)
        for command in arguments.commands or COMMANDS:
            for option, other in find(audit, command, arguments.quick):
                listed += 1
                print(f"{command} --{option}" + (f" beside --{other}" if other else "") + ": changes nothing")
    print(f"options: {listed} without effect")
    return 1 if listed else 0


if __name__ == "__main__":
    sys.exit(main())
