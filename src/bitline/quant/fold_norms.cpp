#include "bitline/quant/fold_norms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/ir/fold.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::quant {

namespace {

constexpr float kNothing = 1e-30f;  // a factor below this would leave no scale that fp32 can hold

// Groups of scales before and after, and how they lie in a vector: [set][group][value].
struct Regrouped {
  GroupMap from, to;
  int sets = 1;
  int values = 1;

  std::size_t at(const GroupMap& groups, int set, int group) const {
    return static_cast<std::size_t>((set * groups.count() + group) * values);
  }
};

// scales[group] * factor[output], for groups that tell outputs apart.
std::vector<float> scaled(const std::vector<float>& scales, const Regrouped& groups, const ColumnGrid& grid,
                          const std::vector<float>& factor) {
  const std::size_t expected = groups.at(groups.from, groups.sets, 0);
  if (scales.size() != expected)
    bad_input("it has " + std::to_string(scales.size()) + " scales, expected " + std::to_string(expected));
  std::vector<float> out(groups.at(groups.to, groups.sets, 0));
  for (int set = 0; set < groups.sets; ++set) {
    for (int t = 0; t < grid.tiles; ++t) {
      for (int j = 0; j < grid.slices; ++j) {
        for (int o = 0; o < grid.outputs; ++o) {
          const std::size_t from = groups.at(groups.from, set, groups.from.group(t, j, o));
          const std::size_t to = groups.at(groups.to, set, groups.to.group(t, j, o));
          for (std::size_t v = 0; v < static_cast<std::size_t>(groups.values); ++v)
            out[to + v] = scales[from + v] * factor[static_cast<std::size_t>(o)];
        }
      }
    }
  }
  return out;
}

// Products that underflow or overflow are the nearest scale there is.
std::vector<float> scaled_positive(const std::vector<float>& scales, const Regrouped& groups,
                                   const ColumnGrid& grid, const std::vector<float>& factor) {
  std::vector<float> out = scaled(scales, groups, grid, factor);
  for (float& scale : out)
    scale = std::clamp(scale, std::numeric_limits<float>::min(), std::numeric_limits<float>::max());
  return out;
}

// Steps, centres and levels of converters.
void scale_converters(CimLayer& layer, const ColumnGrid& grid, const std::vector<float>& factor) {
  const Granularity by = by_output(layer.config.psum_granularity);
  Regrouped groups{
      {layer.config.psum_granularity, grid, false}, {by, grid, false}, range_sets(layer.config), 1};
  layer.config.psum_granularity = by;
  if (layer.config.adc_levels == kIdealAdc) return;
  layer.psum_step = scaled_positive(layer.psum_step, groups, grid, factor);
  layer.psum_centre = scaled(layer.psum_centre, groups, grid, factor);
  if (!layer.config.free_levels) return;
  groups.values = layer.config.adc_levels;
  layer.psum_levels = scaled(layer.psum_levels, groups, grid, factor);
}

void multiply_rows(ir::Tensor& weight, const std::vector<float>& factor) {
  const std::size_t row = weight.size() / factor.size();
  for (std::size_t i = 0; i < weight.size(); ++i) weight.data[i] *= factor[i / row];
}

// How a layer and its norm look afterwards.
struct FoldedLayer {
  ir::Tensor weight, bias;
  ir::Tensor sign;      // per channel 1, -1 or 0; empty when all are 1
  ir::Tensor constant;  // what is added behind the sign: beta where it is 0; empty when that is nowhere
};

ir::Tensor per_channel(const ir::Node& layer, std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  const bool is_conv = std::holds_alternative<ir::Conv>(layer.op);
  return {is_conv ? ir::Shape{count, 1, 1} : ir::Shape{count}, std::move(values)};
}

FoldedLayer fold(const ir::Graph& graph, const ir::FoldableNorm& fold, CimLayer& layer) {
  const ir::NormParameters norm = ir::norm_parameters(graph, fold);
  const std::size_t count = norm.factor.size();
  std::vector<float> factor(count), bias(count), sign(count), constant(count, 0.0f);
  for (std::size_t c = 0; c < count; ++c) {
    const auto magnitude = static_cast<float>(std::abs(norm.factor[c]));
    const bool is_zero = magnitude < kNothing;
    sign[c] = is_zero ? 0.0f : std::copysign(1.0f, static_cast<float>(norm.factor[c]));
    factor[c] = is_zero ? 1.0f : magnitude;
    (is_zero ? constant : bias)[c] = static_cast<float>(norm.offset[c]) * (is_zero ? 1.0f : sign[c]);
  }
  FoldedLayer out{graph.constant(fold.layer->inputs[1]), ir::Tensor{}, ir::Tensor{}, ir::Tensor{}};
  scale_outputs(layer, out.weight, factor);
  out.bias = {{static_cast<std::int64_t>(count)}, std::move(bias)};
  const auto is = [](float value) { return [value](float x) { return x == value; }; };
  if (std::any_of(sign.begin(), sign.end(), is(0.0f)))
    out.constant = per_channel(*fold.layer, std::move(constant));
  if (!std::all_of(sign.begin(), sign.end(), is(1.0f))) out.sign = per_channel(*fold.layer, std::move(sign));
  return out;
}

// A copy of the graph in which folded layers stand for themselves and their norms.
class Copy {
 public:
  explicit Copy(const ir::Graph& from)
      : from_(from), names_(from), ids_(static_cast<std::size_t>(from.value_count()), -1) {
    id(from.input()) = graph_.add_input(from.value_name(from.input()), from.input_shape());
    for (const auto& [value, tensor] : from.constants())
      id(value) = graph_.add_constant(from.value_name(value), tensor);
  }

  void node(const ir::Node& node) {
    std::vector<ir::ValueId> inputs;
    for (const ir::ValueId input : node.inputs) inputs.push_back(id(input));
    id(node.output) = graph_.add_node(node.name, node.op, std::move(inputs));
  }

  void folded(const ir::FoldableNorm& fold, FoldedLayer parts) {
    const ir::Node& layer = *fold.layer;
    const ir::ValueId weight = graph_.add_constant(names_.weight(layer), std::move(parts.weight));
    const ir::ValueId bias = graph_.add_constant(names_.bias(layer), std::move(parts.bias));
    ir::ValueId out = graph_.add_node(layer.name, layer.op, {id(layer.inputs[0]), weight, bias});
    if (parts.sign.size() > 0)
      out = with_constant(layer.name + ".sign", ir::Mul{}, out, std::move(parts.sign));
    if (parts.constant.size() > 0)
      out = with_constant(layer.name + ".constant", ir::Add{}, out, std::move(parts.constant));
    id(fold.norm->output) = out;
  }

  ir::Graph finish() {
    graph_.set_output(id(from_.output()));
    return ir::remove_dead_code(graph_);
  }

 private:
  ir::ValueId& id(ir::ValueId value) { return ids_[static_cast<std::size_t>(value)]; }

  ir::ValueId with_constant(const std::string& name, ir::Op op, ir::ValueId x, ir::Tensor values) {
    const ir::ValueId constant = graph_.add_constant(name + ".values", std::move(values));
    return graph_.add_node(name, std::move(op), {x, constant});
  }

  const ir::Graph& from_;
  ir::ParameterNames names_;
  ir::Graph graph_;
  std::vector<ir::ValueId> ids_;
};

}  // namespace

Granularity by_output(Granularity granularity) {
  return partition(granularity).by_tile ? Granularity::kColumn : Granularity::kChannel;
}

void scale_outputs(CimLayer& layer, ir::Tensor& weight, const std::vector<float>& factor) {
  const ColumnGrid grid = column_grid(weight.shape, layer.config);
  const bool shared = !layer.config.slice_scales;
  const std::vector<int> codes = shared ? weight_codes(weight, layer) : std::vector<int>{};
  const Granularity weights = by_output(layer.config.weight_granularity);
  layer.weight_scale = scaled_positive(
      layer.weight_scale, {{layer.config.weight_granularity, grid, shared}, {weights, grid, shared}}, grid,
      factor);
  layer.config.weight_granularity = weights;
  scale_converters(layer, grid, factor);
  if (!shared) return multiply_rows(weight, factor);
  const std::vector<float> scales = weight_scales(weight.shape, layer);
  for (std::size_t i = 0; i < codes.size(); ++i) weight.data[i] = static_cast<float>(codes[i]) * scales[i];
}

QuantizedModel fold_batch_norm(const QuantizedModel& model) {
  QuantizedModel out{ir::Graph{}, model.layers, model.notes};
  std::map<const ir::Node*, ir::FoldableNorm> folds;
  std::set<const ir::Node*> vanishing;
  for (const ir::FoldableNorm& fold : ir::foldable_norms(model.graph)) {
    if (out.layers.count(fold.layer->name) == 0) continue;
    folds.emplace(fold.layer, fold);
    vanishing.insert(fold.norm);
  }
  Copy copy(model.graph);
  for (const ir::Node& node : model.graph.nodes()) {
    if (vanishing.count(&node) != 0) continue;
    const auto it = folds.find(&node);
    if (it == folds.end()) {
      copy.node(node);
    } else {
      copy.folded(it->second, fold(model.graph, it->second, out.layers.at(node.name)));
    }
  }
  out.graph = copy.finish();
  // A norm behind a norm: it stands behind the layer now.
  if (!folds.empty()) return fold_batch_norm(out);
  out.graph = ir::fold_batch_norm(out.graph);
  return out;
}

}  // namespace bitline::quant
