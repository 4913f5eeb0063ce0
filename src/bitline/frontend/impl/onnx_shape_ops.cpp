// Movement of data: Concat, Split, Flatten, Reshape, Transpose, Slice, Pad, Squeeze, Unsqueeze; and the
// literals Constant and Shape.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bitline/frontend/impl/onnx_axes.h"
#include "bitline/frontend/impl/onnx_draft.h"

namespace bitline::frontend {

namespace {

void convert_constant(OnnxNode& node) {
  const Attributes& attributes = node.attributes();
  if (const onnx::TensorProto* proto = attributes.tensor("value")) {
    return node.finish(read_literal(*proto, node.where()));
  }
  if (attributes.has("value_int")) {
    constexpr auto kAny = std::numeric_limits<std::int64_t>::max();
    return node.finish(Literal{{}, Integers{attributes.integer("value_int", 0, -kAny, kAny)}});
  }
  if (attributes.has("value_float"))
    return node.finish(Literal{{}, Floats{attributes.real("value_float", 0.0f)}});
  if (attributes.has("value_ints")) {
    Integers values = attributes.integers("value_ints");
    return node.finish(Literal{{static_cast<std::int64_t>(values.size())}, std::move(values)});
  }
  if (attributes.has("value_floats")) {
    Floats values = attributes.reals("value_floats");
    return node.finish(Literal{{static_cast<std::int64_t>(values.size())}, std::move(values)});
  }
  node.refuse("a constant that is neither a tensor nor numbers");
}

void convert_shape(OnnxNode& node) {
  Integers extents = node.shape(0);
  for (std::int64_t& extent : extents) {
    if (extent == ir::kBatch) extent = kSymbolicBatch;
  }
  const auto rank = static_cast<std::int64_t>(extents.size());
  const auto bound = [&](const char* name, std::int64_t fallback) {
    const std::int64_t at = node.attributes().integer(name, fallback, -kMaxExtent, kMaxExtent);
    return static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank));
  };
  const std::ptrdiff_t start = bound("start", 0);
  const std::ptrdiff_t end = std::max(start, bound("end", rank));
  Integers kept(extents.begin() + start, extents.begin() + end);
  node.finish(Literal{{static_cast<std::int64_t>(kept.size())}, std::move(kept)});
}

void convert_concat(OnnxNode& node) {
  if (node.input_count() == 0) node.reject("Concat without inputs");
  if (!node.attributes().has("axis") && node.opset() >= 4) node.reject("attribute 'axis' is missing");
  const int axis =
      node.axis(node.attributes().integer("axis", 1, -kMaxExtent, kMaxExtent), node.shape(0).size());
  if (axis == 0) node.refuse("it joins along the batch");
  std::vector<ir::ValueId> inputs;
  for (std::size_t i = 0; i < node.input_count(); ++i) inputs.push_back(node.value(i));
  node.finish(ir::Concat{axis}, inputs);
}

void convert_flatten(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const std::size_t rank = node.shape(0).size();
  const std::int64_t axis = node.attributes().integer("axis", 1, -kMaxExtent, kMaxExtent);
  if ((axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis) != 1)
    node.refuse("it flattens into the batch");
  if (rank == 2) return node.finish(x);
  node.finish(ir::Flatten{1}, {x});
}

// The batch size may be written as 0, as a symbol, as the file's fixed batch, or as -1 when everything behind
// the batch keeps its size. All other extents come out as numbers.
ir::Shape reshape_dims(const OnnxNode& node, const ir::Shape& from, Integers dims) {
  const std::int64_t inner = checked_count({from.begin() + 1, from.end()}, kMaxElements, node.where());
  const bool copies = !node.attributes().flag("allowzero", false);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && copies && i < from.size()) dims[i] = i == 0 ? kSymbolicBatch : from[i];
  }
  if (dims.empty()) node.refuse("it removes the batch dimension");
  std::int64_t& batch = dims[0];
  const auto inferred = std::find(dims.begin() + 1, dims.end(), -1);
  if (node.fixed_batch() > 0 && batch == node.fixed_batch()) batch = kSymbolicBatch;
  if (batch == -1 && inferred == dims.end()) batch = kSymbolicBatch;
  if (batch != kSymbolicBatch) node.refuse("it mixes the batch with other dimensions");
  batch = 1;
  if (std::count(dims.begin(), dims.end(), kSymbolicBatch) > 0)
    node.refuse("the batch size is not its first dimension");
  if (inferred != dims.end()) {
    *inferred = 1;
    const std::int64_t known = checked_count(dims, kMaxElements, node.where());
    *inferred = known == 0 ? 0 : inner / known;
  }
  if (checked_count(dims, kMaxElements, node.where()) != inner) {
    node.refuse("the shape " + ir::shape_text(from) + " cannot keep its batch in " + ir::shape_text(dims));
  }
  batch = ir::kBatch;
  return dims;
}

void convert_reshape(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const ir::Shape& from = node.shape(0);
  const ir::Shape dims = reshape_dims(node, from, integers_of(node, "shape", 1));
  if (dims == from) return node.finish(x);
  node.finish(ir::Reshape{dims}, {x});
}

void convert_squeeze(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  node.finish(ir::Reshape{squeezed_shape(node, node.shape(0))}, {x});
}

void convert_unsqueeze(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const ir::Shape dims = unsqueezed_shape(node, node.shape(0));
  if (dims[0] != ir::kBatch) node.refuse("it puts a dimension before the batch");
  node.finish(ir::Reshape{dims}, {x});
}

void convert_transpose(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const std::vector<int> order = transpose_order(node, node.shape(0).size());
  if (order.empty() || order[0] != 0) node.refuse("it moves the batch");
  node.finish(ir::Transpose{order}, {x});
}

void convert_slice(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const ir::Shape& shape = node.shape(0);
  ir::Slice op;
  for (const AxisRange& range : slice_ranges(node, shape)) {
    const std::int64_t extent = shape[static_cast<std::size_t>(range.axis)];
    if (range.count() == 0) node.refuse("it leaves nothing along axis " + std::to_string(range.axis));
    op.axes.push_back(range.axis);
    op.starts.push_back(range.start);
    op.ends.push_back(range.stop < 0 ? -extent - 1 : range.stop);  // a plain -1 would mean the last element
    op.steps.push_back(range.step);
  }
  if (op.axes.empty()) return node.finish(x);
  node.finish(std::move(op), {x});
}

// The extents of the parts: as given, or equal ones of which the last may be smaller (opset 18).
Integers split_extents(const OnnxNode& node, std::int64_t extent) {
  const auto count = static_cast<std::int64_t>(node.output_count());
  Integers parts = integers_of(node, "split", 1);
  if (parts.empty()) {
    const std::int64_t each = (extent + count - 1) / count;
    if (node.opset() < 18 && each * count != extent)
      node.reject("it cuts " + std::to_string(extent) + " into " + std::to_string(count) + " equal parts");
    parts.assign(node.output_count(), each);
    parts.back() = extent - each * (count - 1);
  }
  if (parts.size() != node.output_count())
    node.reject(std::to_string(parts.size()) + " parts for " + std::to_string(count) + " outputs");
  std::int64_t left = extent;
  for (const std::int64_t part : parts) {
    if (part == 0) node.refuse("one of its parts is empty");
    if (part < 0 || part > left) node.reject("its parts do not fit an extent of " + std::to_string(extent));
    left -= part;
  }
  if (left != 0) node.reject("its parts leave " + std::to_string(left) + " of " + std::to_string(extent));
  return parts;
}

void convert_split(OnnxNode& node) {
  if (node.output_count() == 0) node.reject("a node without output");
  const ir::ValueId x = node.activation(0);
  const ir::Shape shape = node.shape(0);
  const int axis = node.axis(node.attributes().integer("axis", 0, -kMaxExtent, kMaxExtent), shape.size());
  if (axis == 0) node.refuse("it cuts the batch");
  std::vector<ir::ValueId> parts;
  std::int64_t start = 0;
  for (const std::int64_t extent : split_extents(node, shape[static_cast<std::size_t>(axis)])) {
    const ir::Slice part{{axis}, {start}, {start + extent}, {1}};
    parts.push_back(node.add_step(std::to_string(parts.size()), part, {x}));
    start += extent;
  }
  node.finish_all(parts);
}

float pad_value(const OnnxNode& node) {
  if (!node.has_input(2)) return node.attributes().real("value", 0.0f);
  const Floats value = node.floats(2);
  if (value.size() != 1) node.reject("its padding value is not one number");
  if (!std::isfinite(value[0])) node.refuse("its padding value is not finite");
  return value[0];
}

void convert_pad(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const std::size_t rank = node.shape(0).size();
  const std::string mode = node.attributes().text("mode", "constant");
  if (mode != "constant") node.refuse("padding mode '" + mode + "'");
  const Integers pads = integers_of(node, "pads", 1);
  Integers axes = node.has_input(3) ? node.integers(3) : Integers{};
  for (std::size_t i = 0; i < rank && !node.has_input(3); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (pads.size() != 2 * axes.size()) {
    node.reject(std::to_string(pads.size()) + " pads, expected " + std::to_string(2 * axes.size()));
  }
  ir::Pad op{ir::Shape(rank, 0), ir::Shape(rank, 0), pad_value(node)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(node.axis(axes[i], rank));
    op.begin[axis] = pads[i];
    op.end[axis] = pads[axes.size() + i];
  }
  for (const std::int64_t pad : pads) {
    if (pad < 0) node.refuse("negative padding");
    if (pad > kMaxExtent) node.refuse("a padding of " + std::to_string(pad));
  }
  if (op.begin[0] != 0 || op.end[0] != 0) node.refuse("it pads the batch");
  if (std::all_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad == 0; })) return node.finish(x);
  node.finish(std::move(op), {x});
}

constexpr std::array kOps = {
    Converter{"Constant", convert_constant},
    Converter{"Shape", convert_shape},
    Converter{"Concat", convert_concat},
    Converter{"Flatten", convert_flatten, Reads::kMovement},
    Converter{"Reshape", convert_reshape, Reads::kMovement},
    Converter{"Squeeze", convert_squeeze, Reads::kMovement},
    Converter{"Unsqueeze", convert_unsqueeze, Reads::kMovement},
    Converter{"Transpose", convert_transpose, Reads::kMovement},
    Converter{"Slice", convert_slice, Reads::kMovement},
    Converter{"Split", convert_split},
    Converter{"Pad", convert_pad},
};

}  // namespace

std::span<const Converter> shape_ops() {
  return kOps;
}

}  // namespace bitline::frontend
