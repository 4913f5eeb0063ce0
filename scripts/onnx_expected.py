#!/usr/bin/env python3
"""Writes the logits that ONNX Runtime computes for fixed inputs: tests/frontend/expected/*.safetensors.

Usage: onnx_expected.py MODELS_DIR OUT_DIR           (needs numpy, onnxruntime and safetensors)
       onnx_expected.py --check MODELS_DIR OUT_DIR   compares instead: the committed files, against which the
                                                     importer is tested, are what ONNX Runtime computes today

The inputs are two images of a linear congruential generator, the same that tests/frontend/onnx_models_test.cpp
computes: s = 1664525 s + 1013904223 mod 2^32 from s = 1, value = (s >> 8) / 2^24, scaled to the network's range.
"""

import pathlib
import sys

import numpy as np
import onnxruntime
from safetensors.numpy import load_file, save_file

BATCH = 2
TOLERANCE = 1e-4  # relative to the largest logit
RANGES = {"mlperf_tiny_resnet8_cifar10": (255.0, 0.0)}  # scale and offset; others 4 and -2


def lcg_values(count):
    state, out = 1, np.empty(count, dtype=np.float32)
    for i in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out[i] = np.float32(state >> 8) / np.float32(2**24)
    return out


def expected_logits(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    node = session.get_inputs()[0]
    shape = [BATCH] + list(node.shape[1:])
    scale, offset = RANGES.get(path.stem, (4.0, -2.0))
    values = lcg_values(int(np.prod(shape))) * np.float32(scale) + np.float32(offset)
    return session.run(None, {node.name: values.reshape(shape)})[0]


def check(models, out):
    bad = 0
    for path in models:
        committed = load_file(out / f"{path.stem}.safetensors")["logits"]
        difference = np.abs(expected_logits(path) - committed).max() / np.abs(committed).max()
        bad += difference > TOLERANCE
        print(f"{path.stem}: largest relative difference {difference:.1e}")
    return 1 if bad or not models else 0


def main():
    folders = [pathlib.Path(a) for a in sys.argv[1:] if a != "--check"]
    models, out = sorted(folders[0].glob("*.onnx")), folders[1]
    if "--check" in sys.argv:
        return check(models, out)
    for path in models:
        save_file({"logits": expected_logits(path)}, out / f"{path.stem}.safetensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
