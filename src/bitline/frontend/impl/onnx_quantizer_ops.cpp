// Quantizers: Quant of QONNX, QuantizeLinear, DequantizeLinear. On constants they are folded; on activations
// they wait for the layer that reads them (Quantized in onnx_draft.h).
#include <algorithm>
#include <array>
#include <cmath>

#include "bitline/frontend/impl/onnx_fold.h"
#include "bitline/frontend/impl/onnx_plan.h"
#include "bitline/quant/lsq.h"

namespace bitline::frontend {

namespace {

constexpr std::int64_t kMostFoldedBits = 22;  // round_half_even counts that far

void check_scale(const OnnxNode& node, float scale) {
  if (!std::isfinite(scale)) node.reject("its scale is " + std::to_string(scale));
  if (!(scale > 0.0f)) node.refuse("its scale is " + std::to_string(scale) + ", expected a positive number");
}

float one_number(const OnnxNode& node, std::size_t i, const char* what) {
  const Floats values = node.tensor(i).data;
  if (values.size() != 1) {
    node.refuse(std::string("its ") + what + " holds " + std::to_string(values.size()) +
                " numbers; an activation can have one");
  }
  return values[0];
}

std::int64_t whole_number(const OnnxNode& node, float value, const char* what) {
  constexpr float kLargest = 4194304.0f;
  if (!(std::abs(value) <= kLargest) || value != std::floor(value))
    node.refuse(std::string("its ") + what + " is " + std::to_string(value) + ", expected a whole number");
  return static_cast<std::int64_t>(value);
}

// Quant: x, scale, zero_point, bit_width; attributes signed, narrow, rounding_mode.
quant::CodeRange quant_range(const OnnxNode& node) {
  const std::string rounding = node.attributes().text("rounding_mode", "ROUND");
  if (rounding != "ROUND" && rounding != "HALF_EVEN")
    node.refuse("rounding_mode '" + rounding + "', expected ROUND (half to even)");
  const std::int64_t bits = whole_number(node, one_number(node, 3, "bit_width"), "bit_width");
  if (bits < 1 || bits > kMostFoldedBits)
    node.refuse("a bit_width of " + std::to_string(bits) + ", expected 1 to " +
                std::to_string(kMostFoldedBits));
  const int narrow = node.attributes().flag("narrow", false) ? 1 : 0;
  const bool is_signed = node.attributes().flag("signed", true);
  if (is_signed && bits == 1)
    node.refuse(
        "a signed bit_width of 1 has the codes -1 and 1, which no layer has; -1 and 0 are unsigned ones "
        "with a zero point of 1");
  const int magnitude = 1 << (is_signed ? bits - 1 : bits);
  const quant::CodeRange range{is_signed ? -magnitude + narrow : 0, magnitude - 1 - (is_signed ? 0 : narrow)};
  return range;
}

// A scale (or zero point) for each element of a literal: by broadcasting, or along the axis of a
// (De)QuantizeLinear.
Floats spread(const OnnxNode& node, std::size_t i, const ir::Shape& to) {
  const bool blocks =
      node.op_type() != "Quant" && node.attributes().integer("block_size", 0, 0, kMaxExtent) != 0;
  if (blocks) node.refuse("blocks of scales");
  const ir::Tensor values = node.tensor(i);
  ir::Shape from = values.shape;
  if (node.op_type() != "Quant" && values.size() > 1) {
    const int axis = node.axis(node.attributes().integer("axis", 1, -kMaxExtent, kMaxExtent), to.size());
    from.assign(to.size(), 1);
    from[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(values.size());
  }
  if (values.size() == 1) from.clear();
  if (broadcast_shape(node, from, to) != to) {
    node.reject("its scale of shape " + ir::shape_text(values.shape) + " does not fit a tensor of shape " +
                ir::shape_text(to));
  }
  Floats out;
  for (const std::size_t source : positions(broadcast_view(node, from, to), node.where()))
    out.push_back(values.data[source]);
  return out;
}

struct LiteralQuantizer {
  Floats scales;
  Floats zero_points;
};

LiteralQuantizer literal_quantizer(const OnnxNode& node, const ir::Shape& shape) {
  LiteralQuantizer q{spread(node, 1, shape), {}};
  for (const float scale : q.scales) check_scale(node, scale);
  q.zero_points = node.has_input(2) ? spread(node, 2, shape) : Floats(q.scales.size(), 0.0f);
  for (const float zero : q.zero_points) whole_number(node, zero, "zero point");
  return q;
}

// The one range of codes that grids have, or nothing when zero points differ.
std::optional<quant::CodeRange> grid_range(const std::optional<quant::CodeRange>& stored,
                                           const Floats& zero_points) {
  if (!stored || zero_points.empty()) return std::nullopt;
  const float zero = zero_points[0];
  if (std::any_of(zero_points.begin(), zero_points.end(), [&](float z) { return z != zero; }))
    return std::nullopt;
  return quant::CodeRange{stored->low - static_cast<int>(zero), stored->high - static_cast<int>(zero)};
}

Literal on_grid(const ir::Shape& shape, Floats values, std::optional<quant::CodeRange> range, Floats scales) {
  Literal out{shape, std::move(values)};
  if (!range) return out;
  out.range = range;
  out.scales = std::make_shared<const Floats>(std::move(scales));
  return out;
}

// The range of the type that QuantizeLinear writes: that of its zero point.
quant::CodeRange written_range(const OnnxNode& node) {
  if (node.attributes().integer("output_dtype", 0, 0, 64) != 0) node.refuse("attribute 'output_dtype'");
  if (!node.has_input(2)) return quant::unsigned_range(8);
  const Literal& zero = node.literal(2);
  if (!zero.range) node.refuse("its zero point has neither four nor eight bits");
  return *zero.range;
}

Quantized quantized_activation(OnnxNode& node, quant::CodeRange range) {
  Quantized q;
  q.value = node.activation(0);
  q.scale = one_number(node, 1, "scale");
  check_scale(node, q.scale);
  if (node.has_input(2)) q.zero_point = whole_number(node, one_number(node, 2, "zero point"), "zero point");
  q.range = range;
  q.node = node.name();
  return q;
}

void convert_quant(OnnxNode& node) {
  node.finish(checked_codes(node, quantized_activation(node, quant_range(node))));
}

void convert_quantize_linear(OnnxNode& node) {
  Quantized q = quantized_activation(node, written_range(node));
  q.codes = true;
  node.finish(std::move(q));
}

void convert_dequantize_linear(OnnxNode& node) {
  const Quantized* codes = node.find_quantized(0);
  if (codes == nullptr || !codes->codes) node.refuse("its input comes from no QuantizeLinear");
  Quantized q = *codes;
  q.codes = false;
  const float zero = node.has_input(2) ? one_number(node, 2, "zero point") : 0.0f;
  if (one_number(node, 1, "scale") != q.scale || zero != static_cast<float>(q.zero_point))
    node.refuse("its scale or zero point is not that of '" + q.node + "'");
  node.finish(checked_codes(node, std::move(q)));
}

constexpr std::array kOps = {
    Converter{"qonnx.custom_op.general.Quant", convert_quant, Reads::kQuantizer},
    Converter{"QuantizeLinear", convert_quantize_linear, Reads::kQuantizer},
    Converter{"DequantizeLinear", convert_dequantize_linear, Reads::kQuantizer},
};

}  // namespace

Literal fold_quant(const OnnxNode& node) {
  const ir::Tensor x = node.tensor(0);
  const quant::CodeRange range = quant_range(node);
  LiteralQuantizer q = literal_quantizer(node, x.shape);
  Floats values(x.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float zero = q.zero_points[i];
    values[i] = q.scales[i] * quant::lsq_code(x.data[i], q.scales[i], static_cast<float>(range.low) - zero,
                                              static_cast<float>(range.high) - zero);
  }
  const auto grid = grid_range(range, q.zero_points);
  return on_grid(x.shape, std::move(values), grid, std::move(q.scales));
}

Literal fold_quantize_linear(const OnnxNode& node) {
  const ir::Tensor x = node.tensor(0);
  const quant::CodeRange range = written_range(node);
  const LiteralQuantizer q = literal_quantizer(node, x.shape);
  Integers codes(x.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const float zero = q.zero_points[i];
    codes[i] = static_cast<std::int64_t>(zero + quant::lsq_code(x.data[i], q.scales[i],
                                                                static_cast<float>(range.low) - zero,
                                                                static_cast<float>(range.high) - zero));
  }
  return {x.shape, std::move(codes), range};
}

Literal fold_dequantize_linear(const OnnxNode& node) {
  const Literal& codes = node.literal(0);
  if (codes.is_float()) node.reject("its input holds floats, expected integers");
  LiteralQuantizer q = literal_quantizer(node, codes.shape);
  Floats values(codes.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto code = static_cast<double>(std::get<Integers>(codes.data)[i]);
    values[i] = static_cast<float>(code - static_cast<double>(q.zero_points[i])) * q.scales[i];
  }
  const auto grid = grid_range(codes.range, q.zero_points);
  return on_grid(codes.shape, std::move(values), grid, std::move(q.scales));
}

Literal fold_clip(const OnnxNode& node) {
  Literal out = node.literal(0);
  if (out.is_float()) node.refuse("it clips a constant of floats");
  const quant::CodeRange all{std::numeric_limits<int>::min(), std::numeric_limits<int>::max()};
  const quant::CodeRange range = clipped_range(node, out.range.value_or(all));
  for (std::int64_t& value : std::get<Integers>(out.data))
    value = std::clamp<std::int64_t>(value, range.low, range.high);
  if (out.range) out.range = range;
  return out;
}

std::span<const Converter> quantizer_ops() {
  return kOps;
}

}  // namespace bitline::frontend
