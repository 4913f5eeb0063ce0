// A graph as an ONNX file the way PyTorch's exporter writes it: ReLU6 is a Clip with constant inputs, slices
// that share a value are the outputs of one Split, and the batch of a Reshape comes from a
// Shape/Gather/Concat chain.
#pragma once

#include "onnx_builder.h"

namespace bitline::frontend {

// For graphs of [N, C, H, W] with the operators of the light networks; input "x", output "y".
OnnxBuilder write_as_pytorch(const ir::Graph& graph);

// Gives every batch-norm parameters and statistics that differ from channel to channel.
void randomize_batch_norms(ir::Graph& graph);

}  // namespace bitline::frontend
