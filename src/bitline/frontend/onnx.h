// ONNX import: a float network of opset 9 to 17 (and later ones that use the same operators) as an ir::Graph.
//
// One input, one output, NCHW, the first dimension is the batch. What exporters write in several ways gets
// its one form (Gemm and MatMul with constant right side are Linear, Dropout and Identity vanish, attributes
// that became inputs are attributes again), and the Shape/Gather/Concat chains around Reshape and Pad are
// computed here, with the batch size as a symbol. Weights keep their initializer's names, nodes their own.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "bitline/io/filesystem.h"
#include "bitline/ir/graph.h"

namespace bitline::frontend {

// Error{kUnsupported} lists every node that cannot be imported, by operator and name. Error{kBadInput}, with
// file and node: corrupt file, external data (never loaded), missing or non-finite weights, values used
// before they are written, shapes that do not fit. `path` is for the text of errors.
ir::Graph import_onnx(std::span<const std::byte> bytes, const std::string& path);
ir::Graph import_onnx(io::FileSystem& fs, const std::string& path);

}  // namespace bitline::frontend
