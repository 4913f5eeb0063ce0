// A constant inside an ONNX graph: weights, and the shapes and indices that exporters compute at run time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <onnx/onnx_pb.h>

#include "bitline/base/error.h"
#include "bitline/ir/tensor.h"
#include "bitline/quant/lsq.h"

namespace bitline::frontend {

// Stands for the batch size in an integer literal. A value no exporter writes: Slice uses -1 and the limits
// of int64 for its own purposes.
inline constexpr std::int64_t kSymbolicBatch = -0x6269746c696e65;

// Bounds on what a file may claim, far above every real network and far below overflow.
inline constexpr std::int64_t kMaxExtent = std::int64_t{1} << 24;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
inline constexpr std::int64_t kMaxFolded = std::int64_t{1} << 26;  // made here, not read from the file
inline constexpr std::int64_t kMaxFilled = std::int64_t{1} << 28;  // of one value (1 GiB), and of all folds
inline constexpr std::size_t kMaxRank = 8;

using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

struct Literal {
  ir::Shape shape;
  std::variant<Floats, Integers> data;
  // Of 4- and 8-bit integers: what their type, or a Clip behind it, allows. Of floats that a quantizer made:
  // their codes.
  std::optional<quant::CodeRange> range = std::nullopt;
  // Of floats that a quantizer made: value = code * scale, a scale for each.
  std::shared_ptr<const Floats> scales = nullptr;

  bool is_float() const { return data.index() == 0; }
  std::size_t size() const;
};

// "int8" of ONNX's number of an element type; the number itself where it has no name here.
std::string element_type_name(std::int64_t type);

// The product of the extents. Error{kUnsupported} when it is above `limit`, when there are too many
// dimensions or one is the batch size; Error{kBadInput} when an extent is negative.
std::int64_t checked_count(const ir::Shape& shape, std::int64_t limit, const Where& where);

// Reads an initializer or the value of a Constant. Error{kUnsupported} for external data and types without
// use here, Error{kBadInput} for wrong sizes.
Literal read_literal(const onnx::TensorProto& proto, const Where& where);

// Error{kBadInput} naming `what` and the first value that is NaN or infinite.
void require_finite(const Floats& values, const std::string& what, const Where& where);

// The literal as a float tensor. Error{kBadInput} naming `what` when a value is not finite,
// Error{kUnsupported} when it holds the batch size.
ir::Tensor to_tensor(const Literal& literal, const std::string& what, const Where& where);

}  // namespace bitline::frontend
