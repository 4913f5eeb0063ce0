#include "bitline/frontend/impl/onnx_plan.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "bitline/frontend/impl/plan_json.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::frontend {

namespace {

constexpr int kMostBitsACycle = 8;
constexpr std::int64_t kMostRows = 1 << 16;

std::string range_text(quant::CodeRange range) {
  return std::to_string(range.low) + " to " + std::to_string(range.high);
}

quant::CodeRange moved(quant::CodeRange range, std::int64_t zero_point) {
  const auto offset = static_cast<int>(zero_point);
  return {range.low - offset, range.high - offset};
}

struct ActivationCodes {
  int bits;
  bool is_signed;
};

std::optional<ActivationCodes> activation_codes(quant::CodeRange range) {
  for (int bits = 1; bits <= quant::kMaxBits; ++bits) {
    if (range == quant::unsigned_range(bits)) return ActivationCodes{bits, false};
    if (range == quant::signed_range(bits)) return ActivationCodes{bits, true};
  }
  return std::nullopt;
}

// Bits and encoding of weights with these codes.
bool set_weight_codes(quant::CodeRange range, quant::CimConfig& config) {
  for (int bits = 1; bits <= quant::kMaxBits; ++bits) {
    config.weight_bits = bits;
    config.encoding = "twos-complement";
    if (range == quant::signed_range(bits)) return true;
    config.encoding = "differential";
    if (bits > 1 && range == quant::strict_range(bits)) return true;
  }
  return false;
}

// Scales of a weight [output][channel][place in the window].
class ScaleTable {
 public:
  ScaleTable(const ir::Shape& weight, const Floats& scales)
      : outputs_(static_cast<std::size_t>(weight[0])),
        channels_(static_cast<std::size_t>(weight[1])),
        window_(scales.size() / (outputs_ * channels_)),
        scales_(scales) {}

  std::size_t window() const { return window_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t channels() const { return channels_; }
  float at(std::size_t o, std::size_t c) const { return scales_[(o * channels_ + c) * window_]; }

  bool one_a_window() const {
    for (std::size_t i = 0; i < scales_.size(); ++i) {
      if (scales_[i] != scales_[i / window_ * window_]) return false;
    }
    return true;
  }
  bool one() const {
    return std::all_of(scales_.begin(), scales_.end(), [&](float scale) { return scale == scales_[0]; });
  }
  // The largest number of channels such that scales only change from one such block to the next.
  std::size_t block() const {
    std::size_t block = 0;
    for (std::size_t o = 0; o < outputs_; ++o) {
      for (std::size_t c = 1; c < channels_; ++c) {
        if (at(o, c) != at(o, c - 1)) block = std::gcd(block, c);
      }
    }
    return block == 0 ? channels_ : block;
  }

 private:
  std::size_t outputs_, channels_, window_;
  const Floats& scales_;
};

void set_scales(const OnnxNode& node, const ScaleTable& table, quant::CimLayer& layer) {
  if (!table.one_a_window()) node.refuse("its weight has different scales within a kernel window");
  const std::size_t block = table.block();
  const bool by_tile = block < table.channels();
  layer.config.weight_granularity = by_tile       ? quant::Granularity::kColumn
                                    : table.one() ? quant::Granularity::kLayer
                                                  : quant::Granularity::kChannel;
  const auto window = static_cast<std::int64_t>(table.window());
  const std::int64_t rows = by_tile ? static_cast<std::int64_t>(block) * window
                                    : std::max<std::int64_t>(layer.config.array_rows, window);
  if (rows > kMostRows) node.refuse("its weight scales ask for arrays of " + std::to_string(rows) + " rows");
  layer.config.array_rows = static_cast<int>(rows);
  if (table.one()) {
    layer.weight_scale = {table.at(0, 0)};
    return;
  }
  for (std::size_t c = 0; c < table.channels(); c += block) {
    for (std::size_t o = 0; o < table.outputs(); ++o) layer.weight_scale.push_back(table.at(o, c));
  }
}

[[noreturn]] void contradiction(const std::string& what, const std::string& path, const std::string& node) {
  bad_input("the metadata 'bitline.quantization' and the nodes have different " + what, {path, 0, 0, node},
            "remove the metadata to read the nodes alone");
}

void compare(const ir::Tensor& weight, const quant::CimLayer& planned, const quant::CimLayer& found,
             const std::string& path, const std::string& node) {
  if (planned.activation_scale != found.activation_scale) contradiction("input scales", path, node);
  if (quant::activation_range(planned) != quant::activation_range(found))
    contradiction("input codes", path, node);
  if (quant::weight_range(planned.config) != quant::weight_range(found.config))
    contradiction("weight codes", path, node);
  if (quant::weight_scales(weight.shape, planned) != quant::weight_scales(weight.shape, found))
    contradiction("weight scales", path, node);
}

}  // namespace

Value checked_codes(OnnxNode& node, Quantized quantized) {
  const quant::CodeRange range = moved(quantized.range, quantized.zero_point);
  if (activation_codes(range)) return quantized;
  node.note_refusal(
      "its codes, less the zero point, are " + range_text(range) +
      ", expected those of 1 to 16 bits, unsigned (0 to 2^b - 1) or signed (-2^(b-1) to 2^(b-1) - 1)");
  return quantized.value;
}

quant::CimLayer planned_layer(const OnnxNode& node, const Quantized& input, const WeightGrid* grid,
                              const ir::Shape& weight) {
  if (grid == nullptr)
    node.refuse("its input is quantized by '" + input.node + "', but its weight is no quantized constant");
  if (weight.size() == 2 && node.shape(0).size() != 2)
    node.refuse("its input is quantized by '" + input.node + "' and has shape " +
                ir::shape_text(node.shape(0)) + ", expected [N, K]");
  const auto codes = activation_codes(moved(input.range, input.zero_point));
  BITLINE_CHECK(codes.has_value());
  quant::CimLayer layer;
  layer.config.adc_levels = quant::kIdealAdc;
  layer.config.activation_bits = codes->bits;
  if (codes->bits > kMostBitsACycle) layer.config.dac_bits = kMostBitsACycle;
  layer.activation_signed = codes->is_signed;
  layer.activation_scale = input.scale;
  if (!set_weight_codes(grid->range, layer.config)) {
    node.refuse("its weight has codes " + range_text(grid->range) +
                ", expected those of 1 to 16 signed bits");
  }
  set_scales(node, {weight, *grid->scales}, layer);
  return layer;
}

quant::CodeRange clipped_range(const OnnxNode& node, quant::CodeRange range) {
  const auto bound = [&](std::size_t i, int fallback) {
    if (!node.has_input(i)) return fallback;
    const Integers values = node.integers(i);
    if (values.size() != 1) node.reject("its bounds are not one number each");
    return static_cast<int>(std::clamp<std::int64_t>(values[0], range.low, range.high));
  };
  const int high = bound(2, range.high);
  return {std::min(bound(1, range.low), high), high};  // as ONNX: with min above max all become max
}

void adopt_plan(const std::string& metadata, const std::string& path, quant::QuantizedModel& model) {
  quant::QuantizedModel planned;
  read_plan(io::parse_json(metadata, path), planned);
  for (const auto& [name, layer] : planned.layers) {
    if (model.layers.count(name) == 0) contradiction("layers", path, name);
  }
  for (const auto& [name, layer] : model.layers) {
    const auto it = planned.layers.find(name);
    if (it == planned.layers.end()) contradiction("layers", path, name);
    const ir::Tensor& weight = model.graph.constant(model.graph.find_node(name)->inputs[1]);
    compare(weight, it->second, layer, path, name);
  }
  model.layers = std::move(planned.layers);
  model.notes = std::move(planned.notes);
}

}  // namespace bitline::frontend
