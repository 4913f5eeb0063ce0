#!/usr/bin/env python3
"""Compares an exported ONNX file, run by other tools, with bitline's logits.

  bitline simulate --model MODEL --images 500 --logits logits.safetensors
  bitline export MODEL --to qdq --out model.onnx
  check_export.py model.onnx logits.safetensors

Needs the packages onnx, onnxruntime and numpy; files with Quant nodes also need qonnx, which executes them one
node after the other. No test of bitline needs this script.
"""
import argparse
import json
import struct
import sys

import numpy as np
import onnx

DTYPES = {"F32": "<f4", "I32": "<i4"}


def read_safetensors(path):
    data = open(path, "rb").read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    body = data[8 + size :]
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def run_onnxruntime(model, images, optimize):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: images[i : i + 50]})[0] for i in range(0, len(images), 50)])


def run_qonnx(model, images):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    # It knows fixed shapes only.
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    wrapper = ModelWrapper(model).transform(InferShapes())
    source, target = model.graph.input[0].name, model.graph.output[0].name
    return np.concatenate([execute_onnx(wrapper, {source: image[None]})[target] for image in images])


def compare(name, logits, expected, labels):
    error = np.abs(logits - expected)
    spread = np.abs(expected).max()
    top = logits.argmax(1)
    print(f"{name}: {len(labels)} images, {(error.max(axis=1) <= 1e-5 * spread).mean():.1%} equal within 1e-5, "
          f"largest difference {error.max():.3g} (logits up to {spread:.3g}), mean {error.mean():.3g}, "
          f"same class {(top == expected.argmax(1)).mean():.2%}, "
          f"top-1 {(top == labels).mean():.2%} against {(expected.argmax(1) == labels).mean():.2%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("logits", help="file of bitline simulate --logits")
    arguments = parser.parse_args()
    model = onnx.load(arguments.model)
    onnx.checker.check_model(model, full_check=True)
    print(f"{arguments.model}: onnx.checker passes")
    kept = read_safetensors(arguments.logits)
    if any(node.op_type == "Quant" for node in model.graph.node):
        compare("qonnx", run_qonnx(model, kept["images"]), kept["logits"], kept["labels"])
        return 0
    for optimize in (False, True):
        name = "onnxruntime" + ("" if optimize else " without its optimizer")
        compare(name, run_onnxruntime(model, kept["images"], optimize), kept["logits"], kept["labels"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
