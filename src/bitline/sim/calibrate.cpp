#include "bitline/sim/calibrate.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "bitline/base/error.h"
#include "bitline/ir/constants.h"
#include "bitline/quant/value_sample.h"
#include "bitline/sim/bias_correction.h"
#include "bitline/sim/compensate.h"
#include "bitline/sim/network.h"
#include "bitline/sim/parallel.h"
#include "bitline/sim/psum_statistics.h"

namespace bitline::sim {

namespace {

using quant::CimLayer;

void require_finite(const ir::Tensor& x, const std::string& node) {
  const auto bad = [](float v) { return !std::isfinite(v); };
  if (std::any_of(x.data.begin(), x.data.end(), bad)) {
    bad_input("calibration met a value that is not finite", Where{{}, 0, 0, node},
              "check the weights and the input scaling");
  }
}

class Calibrator {
 public:
  Calibrator(const ir::Graph& graph, const CalibrateOptions& options, const Context& context)
      : options_(options), context_(context) {
    quant::validate(options.config);
    for (const mapping::PlacedLayer& layer : mapping::place_layers(graph, options.policy)) {
      const bool digital = layer.placement == mapping::Placement::kDigital;
      selected_.emplace(layer.name, digital ? quant::digital_config() : options.config);
      quantized_.insert(graph.find_node(layer.name)->output);
    }
    ir::OwnedConstants owned = ir::own_constants(graph, [this](const ir::Node& node) {
      return selected_.count(node.name) != 0 || std::holds_alternative<ir::BatchNorm>(node.op);
    });
    graph_ = std::move(owned.graph);
    corrected_ = graph_;
    original_ = std::move(owned.original);
  }

  quant::QuantizedModel run(const ir::Tensor& images) {
    if (images.size() == 0) bad_input("calibration got no images", {}, "give at least one");
    const auto hook = [this](const ir::Node& node, const ir::Operands& operands,
                             ir::Tensor*) -> std::optional<ir::Tensor> {
      if (selected_.count(node.name) != 0) {
        context_.check_cancelled();
        return take_layer(node, operands);
      }
      if (options_.re_estimate_batch_norm && std::holds_alternative<ir::BatchNorm>(node.op) &&
          quantized_.count(node.inputs[0]) != 0)
        return re_estimate(node, operands);
      return std::nullopt;
    };
    if (options_.compensate) remember_float_means(images);
    require_finite(ir::run_graph(graph_, images, hook), "output");
    return {ir::rejoin_constants(std::move(corrected_), original_), std::move(layers_), {}};
  }

 private:
  // What the float network's layers give, for the correction of biases.
  void remember_float_means(const ir::Tensor& images) {
    ir::run_graph(graph_, images, [this](const ir::Node& node, const ir::Operands& operands, ir::Tensor*) {
      std::optional<ir::Tensor> y;
      if (selected_.count(node.name) == 0 || node.inputs.size() <= 2) return y;
      context_.check_cancelled();
      y = ir::run_node(node, operands);
      float_means_[node.name] = channel_means(*y);
      return y;
    });
  }

  ir::Tensor re_estimate(const ir::Node& node, ir::Operands operands) {
    ir::Tensor& mean = corrected_.constant(node.inputs[3]);
    ir::Tensor& variance = corrected_.constant(node.inputs[4]);
    const std::vector<double> means = channel_means(*operands[0]), squares = channel_variances(*operands[0]);
    mean.data.assign(means.begin(), means.end());
    variance.data.assign(squares.begin(), squares.end());
    operands[3] = &mean;
    operands[4] = &variance;
    return ir::run_node(node, operands);
  }

  // A layer with its converters, and what it gives on all images with its bias as it was.
  struct Fitted {
    CimLayer layer;
    ir::Tensor y;
  };

  ir::Tensor take_layer(const ir::Node& node, const ir::Operands& operands) {
    const ir::Tensor& x = *operands[0];
    require_finite(x, node.name);
    const CimLayer scales = scales_of(node, x);
    const bool has_bias = node.inputs.size() > 2;
    const bool compensates = options_.compensate && !selected_.at(node.name).slice_scales;
    ir::Tensor expected;
    if (compensates || (has_bias && !options_.compensate)) expected = ir::run_node(node, operands);
    Fitted fitted = compensates ? fit_compensated(node, x, scales, expected) : fit(node, x, scales);
    if (has_bias) {
      ir::Tensor& bias = corrected_.constant(node.inputs[2]);
      if (options_.compensate) {
        correct_bias(float_means_.at(node.name), fitted.y, bias);
      } else {
        correct_bias(expected, fitted.y, bias);
      }
    }
    layers_.emplace(node.name, std::move(fitted.layer));
    return std::move(fitted.y);
  }

  Fitted fit(const ir::Node& node, const ir::Tensor& x, CimLayer layer) {
    const quant::CimConfig& config = selected_.at(node.name);
    if (config.adc_levels != quant::kIdealAdc) fit_converters(node, x, layer);
    layer.config = config;
    ir::Tensor y = run_all(compile_node(corrected_, node, layer), x, nullptr);
    return {std::move(layer), std::move(y)};
  }

  // Rounding knows nothing of converters and of what quantizing the inputs costs: what it gains is measured.
  Fitted fit_compensated(const ir::Node& node, const ir::Tensor& x, const CimLayer& scales,
                         const ir::Tensor& expected) {
    const bool has_bias = node.inputs.size() > 2;
    Fitted nearest = fit(node, x, scales);
    ir::Tensor& weight = corrected_.constant(node.inputs[1]);
    std::vector<float> before = weight.data;
    const std::int64_t kept = compensate_weights(*mapping::layer_shape(graph_, node), x, scales, weight.data);
    Fitted compensated = fit(node, x, scales);
    if (error_beside_bias(expected, compensated.y, has_bias) >
        error_beside_bias(expected, nearest.y, has_bias)) {
      weight.data = std::move(before);
      context_.log(LogLevel::kInfo,
                   "layer " + node.name + ": compensation undone, rounding to nearest leaves less error");
      return nearest;
    }
    if (kept > 0)
      context_.log(LogLevel::kInfo, "layer " + node.name + ": " + std::to_string(kept) +
                                        " outputs stay rounded to nearest, which is better there");
    return compensated;
  }

  // Activation and weight scales, calibrated here or kept from before; an ideal converter for now.
  CimLayer scales_of(const ir::Node& node, const ir::Tensor& x) const {
    CimLayer layer;
    if (options_.keep != nullptr && options_.keep->count(node.name) != 0) {
      layer = options_.keep->at(node.name);
      layer.psum_step.clear();
      layer.psum_centre.clear();
      layer.psum_levels.clear();
    }
    const bool fresh = layer.weight_scale.empty();
    layer.config = selected_.at(node.name);
    layer.config.adc_levels = quant::kIdealAdc;
    layer.config.cycle_ranges = layer.config.free_levels = false;
    if (!fresh) return layer;
    choose_activation_codes(x.data, options_.activation_range, options_.activations, layer);
    const mapping::LayerShape shape = *mapping::layer_shape(graph_, node);
    const ir::Tensor& weight = graph_.constant(node.inputs[1]);
    require_finite(weight, node.name);
    const mapping::LayerTiling tiling = mapping::tile_layer(shape, layer.config, node.name);
    layer.weight_scale = calibrate_weights(tiling, layer.config, options_.weight_range, weight.data);
    return layer;
  }

  void fit_converters(const ir::Node& node, const ir::Tensor& x, CimLayer& layer) {
    const LayerProgram program = compile_node(corrected_, node, layer);
    PsumTraces traces;
    run_all(program, x, &traces);
    const quant::CimConfig& config = selected_.at(node.name);
    layer.config = config;
    const auto histograms = psum_histograms(program, layer, traces, context_.threads);
    const auto levels = static_cast<std::size_t>(config.adc_levels);
    layer.psum_step.resize(histograms.size());
    layer.psum_centre.resize(histograms.size());
    layer.psum_levels.resize(config.free_levels ? histograms.size() * levels : 0);
    for_each_piece(static_cast<std::int64_t>(histograms.size()), context_.threads, [&](std::int64_t group) {
      const auto g = static_cast<std::size_t>(group);
      const quant::AdcRange range =
          quant::choose_adc_range(options_.adc_range, histograms[g], config.adc_levels);
      layer.psum_step[g] = static_cast<float>(range.step);
      layer.psum_centre[g] = static_cast<float>(range.centre);
      if (!config.free_levels) return;
      const std::vector<double> own = quant::lloyd_max_levels(histograms[g], config.adc_levels, range);
      std::copy(own.begin(), own.end(), layer.psum_levels.begin() + static_cast<std::ptrdiff_t>(g * levels));
    });
  }

  // Runs the layer on all images in parallel; with `traces`, on as many of them, spread over all, as sums
  // fit.
  ir::Tensor run_all(const LayerProgram& program, const ir::Tensor& x, PsumTraces* traces) {
    const auto prepared = choose_kernel("auto", program).prepare(program);
    const std::int64_t images = x.dim(0);
    const ir::Tensor first = run_one(program, *prepared, x, 0, nullptr);
    ir::Shape shape = first.shape;
    shape[0] = images;
    ir::Tensor y(shape);
    const std::size_t sums =
        first.size() * static_cast<std::size_t>(program.tiling.grid.tiles * program.tiling.grid.slices) *
        program.input_slices.size();
    const auto all = static_cast<std::size_t>(images);
    const std::size_t most = traces != nullptr ? std::max<std::size_t>(1, options_.most_psums / sums) : all;
    const std::vector<std::size_t> taken = quant::sample_places(all, most);
    if (traces != nullptr) traces->resize(taken.size());
    for_each_piece(std::ssize(taken), context_.threads, [&](std::int64_t piece) {
      const auto place = static_cast<std::size_t>(piece);
      const auto n = static_cast<std::int64_t>(taken[place]);
      const ir::Tensor one =
          run_one(program, *prepared, x, n, traces != nullptr ? &(*traces)[place] : nullptr);
      std::copy(one.data.begin(), one.data.end(), y.data.begin() + n * static_cast<std::int64_t>(one.size()));
    });
    return y;
  }

  static ir::Tensor run_one(const LayerProgram& program, const PreparedLayer& prepared, const ir::Tensor& x,
                            std::int64_t n, std::vector<float>* trace) {
    LayerTrace layer_trace;
    ir::Tensor y =
        run_layer(program, prepared, ir::take_images(x, n, 1), trace == nullptr ? nullptr : &layer_trace);
    if (trace != nullptr) *trace = std::move(layer_trace.adc_codes);
    return y;
  }

  ir::Graph graph_;                              // whose layers share no constant
  ir::Graph corrected_;                          // the same with rounded weights and corrected biases
  std::map<ir::ValueId, ir::ValueId> original_;  // of constants that layers got for themselves
  const CalibrateOptions& options_;
  const Context& context_;
  std::map<std::string, quant::CimConfig> selected_;
  std::set<ir::ValueId> quantized_;  // outputs of the selected layers
  std::map<std::string, CimLayer> layers_;
  std::map<std::string, std::vector<double>> float_means_;  // by node and output channel
};

}  // namespace

std::vector<float> calibrate_weights(const mapping::LayerTiling& tiling, const quant::CimConfig& config,
                                     const quant::RangeSpec& range, std::span<const float> weight) {
  const quant::GroupMap groups = weight_groups(tiling, config);
  std::vector<std::vector<float>> members(static_cast<std::size_t>(groups.count()));
  for_each_cell(tiling, groups,
                [&](std::size_t, std::int64_t, int slice, int, std::size_t index, std::size_t group) {
                  if (slice == 0 || config.slice_scales) members[group].push_back(weight[index]);
                });
  std::vector<float> scales;
  for (const std::vector<float>& values : members)
    scales.push_back(quant::choose_scale(range, values, quant::weight_range(config)));
  return scales;
}

quant::QuantizedModel calibrate(const ir::Graph& graph, const ir::Tensor& images,
                                const CalibrateOptions& options, const Context& context) {
  return Calibrator(graph, options, context).run(images);
}

}  // namespace bitline::sim
