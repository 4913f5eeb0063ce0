#!/usr/bin/env python3
"""Writes the logits that ONNX Runtime computes for fixed inputs: tests/frontend/expected/*.safetensors.

Usage: onnx_expected.py MODELS_DIR OUT_DIR        (needs numpy, onnxruntime and safetensors)

The inputs are two images of a linear congruential generator, the same that tests/frontend/onnx_models_test.cpp
computes: s = 1664525 s + 1013904223 mod 2^32 from s = 1, value = (s >> 8) / 2^24, scaled to the network's range.
"""

import pathlib
import sys

import numpy as np
import onnxruntime
from safetensors.numpy import save_file

BATCH = 2
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


def main():
    models, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for path in sorted(models.glob("*.onnx")):
        save_file({"logits": expected_logits(path)}, out / f"{path.stem}.safetensors")


if __name__ == "__main__":
    main()
