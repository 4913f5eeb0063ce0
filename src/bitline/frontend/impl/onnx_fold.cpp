#include "bitline/frontend/impl/onnx_fold.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "bitline/frontend/impl/onnx_axes.h"

namespace bitline::frontend {

namespace {

std::shared_ptr<const Floats> picked(const std::shared_ptr<const Floats>& scales,
                                     const std::vector<std::size_t>& sources) {
  if (scales == nullptr) return nullptr;
  Floats out(sources.size());
  std::transform(sources.begin(), sources.end(), out.begin(), [&](std::size_t s) { return (*scales)[s]; });
  return std::make_shared<const Floats>(std::move(out));
}

Literal pick(const Literal& from, ir::Shape shape, const std::vector<std::size_t>& sources) {
  return std::visit(
      [&](const auto& values) {
        std::decay_t<decltype(values)> out(sources.size());
        std::transform(sources.begin(), sources.end(), out.begin(), [&](std::size_t s) { return values[s]; });
        return Literal{std::move(shape), std::move(out), from.range, picked(from.scales, sources)};
      },
      from.data);
}

Literal pick(const Literal& from, const View& view, const Where& where) {
  return pick(from, view.shape, positions(view, where));
}

Literal reshaped(const Literal& from, ir::Shape shape, const OnnxNode& node) {
  if (static_cast<std::size_t>(checked_count(shape, kMaxElements, node.where())) != from.size()) {
    node.reject("cannot reshape " + ir::shape_text(from.shape) + " to " + ir::shape_text(shape));
  }
  return {std::move(shape), from.data, from.range, from.scales};
}

Literal fold_identity(const OnnxNode& node) {
  return node.literal(0);
}

Literal fold_gather(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  const auto axis = static_cast<std::size_t>(
      node.axis(node.attributes().integer("axis", 0, -kMaxExtent, kMaxExtent), data.shape.size()));
  const Integers indices = node.integers(1);
  const std::int64_t extent = data.shape[axis];
  const std::int64_t inner = dense_strides(data.shape)[axis];
  const std::int64_t outer =
      extent * inner == 0 ? 0 : static_cast<std::int64_t>(data.size()) / (extent * inner);
  ir::Shape shape(data.shape.begin(), data.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), node.literal(1).shape.begin(), node.literal(1).shape.end());
  shape.insert(shape.end(), data.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.shape.end());
  checked_count(shape, kMaxFolded, node.where());
  std::vector<std::size_t> sources;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t index : indices) {
      if (index < -extent || index >= extent)
        node.reject("index " + std::to_string(index) + " is out of range");
      if (index < 0) index += extent;
      for (std::int64_t i = 0; i < inner; ++i) {
        sources.push_back(static_cast<std::size_t>((o * extent + index) * inner + i));
      }
    }
  }
  return pick(data, std::move(shape), sources);
}

Literal fold_reshape(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  ir::Shape shape = node.integers(1);
  const bool copies = !node.attributes().flag("allowzero", false);
  std::int64_t known = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && copies && i < data.shape.size()) shape[i] = data.shape[i];
    if (shape[i] != -1) known = checked_count({known, shape[i]}, kMaxElements, node.where());
  }
  const auto inferred = std::find(shape.begin(), shape.end(), -1);
  if (inferred != shape.end()) *inferred = known == 0 ? 0 : static_cast<std::int64_t>(data.size()) / known;
  return reshaped(data, std::move(shape), node);
}

Literal fold_squeeze(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  return reshaped(data, squeezed_shape(node, data.shape), node);
}

Literal fold_unsqueeze(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  return reshaped(data, unsqueezed_shape(node, data.shape), node);
}

Literal fold_transpose(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  const std::vector<std::int64_t> strides = dense_strides(data.shape);
  View view;
  for (const int axis : transpose_order(node, data.shape.size())) {
    view.shape.push_back(data.shape[static_cast<std::size_t>(axis)]);
    view.strides.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  return pick(data, view, node.where());
}

Literal fold_slice(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  View view{data.shape, dense_strides(data.shape), 0};
  for (const AxisRange& range : slice_ranges(node, data.shape)) {
    const auto axis = static_cast<std::size_t>(range.axis);
    view.offset += range.start * view.strides[axis];
    view.shape[axis] = range.count();
    view.strides[axis] *= range.step;
  }
  return pick(data, view, node.where());
}

Literal fold_expand(const OnnxNode& node) {
  const Literal& data = node.literal(0);
  const ir::Shape shape = broadcast_shape(node, data.shape, node.integers(1));
  return pick(data, broadcast_view(node, data.shape, shape), node.where());
}

Literal fold_constant_of_shape(const OnnxNode& node) {
  const ir::Shape shape = node.integers(0);
  const auto count = static_cast<std::size_t>(checked_count(shape, kMaxFilled, node.where()));
  node.require_folds(count);
  const onnx::TensorProto* proto = node.attributes().tensor("value");
  const Literal fill = proto == nullptr ? Literal{{1}, Floats{0.0f}} : read_literal(*proto, node.where());
  if (fill.size() != 1) node.reject("attribute 'value' must hold one element");
  return std::visit(
      [&](const auto& values) {
        return Literal{shape, std::decay_t<decltype(values)>(count, values[0]), fill.range};
      },
      fill.data);
}

// Row-major concatenation: the blocks behind the axis, input after input, for each index before it.
Literal fold_concat(const OnnxNode& node) {
  Literal out{node.literal(0).shape, node.literal(0).data};
  const auto axis = static_cast<std::size_t>(
      node.axis(node.attributes().integer("axis", 1, -kMaxExtent, kMaxExtent), out.shape.size()));
  std::vector<const Literal*> parts;
  out.shape[axis] = 0;
  for (std::size_t i = 0; i < node.input_count(); ++i) {
    const Literal& part = node.literal(i);
    ir::Shape expected = part.shape;
    if (expected.size() == out.shape.size()) expected[axis] = out.shape[axis];
    if (expected != out.shape) node.reject("shapes differ: " + ir::shape_text(part.shape));
    if (part.is_float() != out.is_float()) node.reject("floats and integers in one Concat");
    out.shape[axis] += part.shape[axis];
    parts.push_back(&part);
  }
  checked_count(out.shape, kMaxFolded, node.where());
  const std::int64_t outer =
      std::accumulate(out.shape.begin(), out.shape.begin() + static_cast<std::ptrdiff_t>(axis),
                      std::int64_t{1}, std::multiplies<>());
  std::visit(
      [&](auto& values) {
        values.clear();
        for (std::int64_t o = 0; o < outer; ++o) {
          for (const Literal* part : parts) {
            const auto& from = std::get<std::decay_t<decltype(values)>>(part->data);
            const auto block = static_cast<std::ptrdiff_t>(part->size()) / static_cast<std::ptrdiff_t>(outer);
            values.insert(values.end(), from.begin() + o * block, from.begin() + (o + 1) * block);
          }
        }
      },
      out.data);
  return out;
}

struct FoldEntry {
  std::string_view op;
  Fold fold;
};

constexpr std::array kFolds = {
    FoldEntry{"Add", fold_add},
    FoldEntry{"Cast", fold_cast},
    FoldEntry{"Clip", fold_clip},
    FoldEntry{"Concat", fold_concat},
    FoldEntry{"ConstantOfShape", fold_constant_of_shape},
    FoldEntry{"DequantizeLinear", fold_dequantize_linear},
    FoldEntry{"Div", fold_div},
    FoldEntry{"Expand", fold_expand},
    FoldEntry{"Gather", fold_gather},
    FoldEntry{"Identity", fold_identity},
    FoldEntry{"Mul", fold_mul},
    FoldEntry{"QuantizeLinear", fold_quantize_linear},
    FoldEntry{"Reshape", fold_reshape},
    FoldEntry{"Slice", fold_slice},
    FoldEntry{"Squeeze", fold_squeeze},
    FoldEntry{"Sub", fold_sub},
    FoldEntry{"Transpose", fold_transpose},
    FoldEntry{"Unsqueeze", fold_unsqueeze},
    FoldEntry{"qonnx.custom_op.general.Quant", fold_quant},
};

}  // namespace

Fold find_fold(std::string_view op) {
  const auto it = std::find_if(kFolds.begin(), kFolds.end(), [&](const FoldEntry& e) { return e.op == op; });
  return it == kFolds.end() ? nullptr : it->fold;
}

std::vector<std::int64_t> dense_strides(const ir::Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

ir::Shape broadcast_shape(const OnnxNode& node, const ir::Shape& a, const ir::Shape& b) {
  ir::Shape out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out.size(); ++i) {  // from the last dimension on
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      node.reject("shapes " + ir::shape_text(a) + " and " + ir::shape_text(b) + " do not broadcast");
    }
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

View broadcast_view(const OnnxNode& node, const ir::Shape& from, const ir::Shape& to) {
  BITLINE_CHECK(broadcast_shape(node, from, to) == to);
  View view{to, std::vector<std::int64_t>(to.size(), 0), 0};
  const std::vector<std::int64_t> strides = dense_strides(from);
  const std::size_t skipped = to.size() - from.size();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] == to[skipped + i]) view.strides[skipped + i] = strides[i];
  }
  return view;
}

std::vector<std::size_t> positions(const View& view, const Where& where) {
  const auto count = static_cast<std::size_t>(checked_count(view.shape, kMaxFolded, where));
  std::vector<std::size_t> out(count);
  ir::Shape index(view.shape.size(), 0);
  std::int64_t position = view.offset;
  for (std::size_t n = 0; n < count; ++n) {
    out[n] = static_cast<std::size_t>(position);
    for (std::size_t d = index.size(); d-- > 0;) {
      position += view.strides[d];
      if (++index[d] < view.shape[d]) break;
      position -= index[d] * view.strides[d];
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace bitline::frontend
