#include "bitline/sim/calibrate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "bitline/base/error.h"
#include "bitline/quant/mse.h"
#include "bitline/sim/bias_correction.h"
#include "bitline/sim/compensate.h"
#include "bitline/sim/network.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

constexpr std::size_t kActivationSample = 200'000;  // values looked at for an activation scale
constexpr std::size_t kPsumSample = 100'000'000;    // partial sums kept for the histograms of a layer
constexpr double kHistogramBins = 4096.0;

using quant::CimLayer;

void require_finite(const ir::Tensor& x, const std::string& node) {
  const auto bad = [](float v) { return !std::isfinite(v); };
  if (std::any_of(x.data.begin(), x.data.end(), bad)) {
    bad_input("calibration met a value that is not finite", Where{{}, 0, 0, node},
              "check the weights and the input scaling");
  }
}

void calibrate_activation(const ir::Tensor& x, CimLayer& layer) {
  const std::size_t stride = std::max<std::size_t>(1, x.size() / kActivationSample);
  std::vector<float> sample;
  for (std::size_t i = 0; i < x.size(); i += stride) sample.push_back(x.data[i]);
  layer.activation_signed = *std::min_element(x.data.begin(), x.data.end()) < 0.0f;
  layer.activation_scale = quant::mse_scale(sample, quant::activation_range(layer));
}

struct GroupSums {
  float low = std::numeric_limits<float>::max();
  float high = std::numeric_limits<float>::lowest();
  double unit = 0.0;      // smallest distance of two sums of one column
  bool same_unit = true;  // all columns have it, so sums of the group lie on one grid
  quant::Histogram histogram;
};

// The partial sums of a layer on the calibration images, under an ideal converter.
class PsumStatistics {
 public:
  PsumStatistics(const LayerProgram& program, const quant::CimLayer& layer)
      : groups_(psum_groups(program.tiling, layer.config)), sums_(static_cast<std::size_t>(groups_.count())) {
    const quant::GroupMap weights = weight_groups(program.tiling, layer.config);
    const auto& grid = program.tiling.grid;
    for (int t = 0; t < grid.tiles; ++t) {
      for (std::size_t i = 0; i < program.input_slices.size(); ++i) {
        for (int j = 0; j < grid.slices; ++j) {
          for (int o = 0; o < grid.outputs; ++o) {
            const float unit =
                layer.activation_scale * layer.weight_scale[static_cast<std::size_t>(weights.group(t, j, o))];
            const int shift =
                program.weight_slices[static_cast<std::size_t>(j)].shift + program.input_slices[i].shift;
            columns_.push_back(
                {static_cast<std::size_t>(groups_.group(t, j, o)), unit, std::int64_t{1} << (2 * shift)});
          }
        }
      }
    }
  }

  void fit(const std::vector<std::vector<float>>& traces, int levels, CimLayer& layer) {
    find_limits(traces);
    fill(traces);
    for (GroupSums& group : sums_) {
      const quant::AdcRange range = quant::mse_adc_range(group.histogram, levels);
      layer.psum_step.push_back(static_cast<float>(range.step));
      layer.psum_centre.push_back(static_cast<float>(range.centre));
    }
  }

 private:
  struct ColumnUse {
    std::size_t group;
    float unit;           // output per integer of the sum
    std::int64_t weight;  // significance squared
  };

  template <class Visit>
  void for_each_sum(const std::vector<std::vector<float>>& traces, Visit&& visit) const {
    for (const std::vector<float>& trace : traces) {
      for (std::size_t i = 0; i < trace.size(); i += columns_.size()) {
        for (std::size_t c = 0; c < columns_.size(); ++c) visit(columns_[c], trace[i + c] * columns_[c].unit);
      }
    }
  }

  void find_limits(const std::vector<std::vector<float>>& traces) {
    for_each_sum(traces, [this](const ColumnUse& column, float sum) {
      GroupSums& group = sums_[column.group];
      group.low = std::min(group.low, sum);
      group.high = std::max(group.high, sum);
    });
    for (const ColumnUse& column : columns_) {
      GroupSums& group = sums_[column.group];
      const auto mine = static_cast<double>(column.unit);
      group.same_unit = group.same_unit && (group.unit == 0.0 || group.unit == mine);
      group.unit = group.unit == 0.0 ? mine : std::min(group.unit, mine);
    }
    for (GroupSums& group : sums_) {
      const double range = static_cast<double>(group.high) - static_cast<double>(group.low);
      group.histogram.first = static_cast<double>(group.low);
      const double finest = range / kHistogramBins;
      group.histogram.width = group.same_unit || finest == 0.0 ? std::max(group.unit, finest) : finest;
      group.histogram.counts.assign(static_cast<std::size_t>(std::lround(range / group.histogram.width)) + 1,
                                    0);
    }
  }

  void fill(const std::vector<std::vector<float>>& traces) {
    for_each_sum(traces, [this](const ColumnUse& column, float sum) {
      quant::Histogram& h = sums_[column.group].histogram;
      const double bin = (static_cast<double>(sum) - h.first) / h.width + 0.5;
      h.counts[std::min(h.counts.size() - 1, static_cast<std::size_t>(bin))] += column.weight;
    });
  }

  quant::GroupMap groups_;
  std::vector<ColumnUse> columns_;  // in the order of a pixel's trace
  std::vector<GroupSums> sums_;
};

class Calibrator {
 public:
  Calibrator(const ir::Graph& graph, const CalibrateOptions& options, const Context& context)
      : graph_(graph), corrected_(graph), options_(options), context_(context) {
    quant::validate(options.config);
    for (const std::string& name : mapping::select_layers(graph, options.policy)) selected_.insert(name);
  }

  quant::QuantizedModel run(const ir::Tensor& images) {
    if (images.size() == 0) bad_input("calibration got no images", {}, "give at least one");
    const auto hook = [this](const ir::Node& node,
                             const ir::Operands& operands) -> std::optional<ir::Tensor> {
      if (selected_.count(node.name) == 0) return std::nullopt;
      context_.check_cancelled();
      return take_layer(node, operands);
    };
    if (options_.compensate) remember_float_means(images);
    require_finite(ir::run_graph(graph_, images, hook), "output");
    return {std::move(corrected_), std::move(layers_), {}};
  }

 private:
  // What the float network's layers give, for the correction of biases.
  void remember_float_means(const ir::Tensor& images) {
    ir::run_graph(graph_, images, [this](const ir::Node& node, const ir::Operands& operands) {
      std::optional<ir::Tensor> y;
      if (selected_.count(node.name) == 0 || node.inputs.size() <= 2) return y;
      context_.check_cancelled();
      y = ir::run_node(node, operands);
      float_means_[node.name] = channel_means(*y);
      return y;
    });
  }

  ir::Tensor take_layer(const ir::Node& node, const ir::Operands& operands) {
    const ir::Tensor& x = *operands[0];
    require_finite(x, node.name);
    CimLayer layer = scales_of(node, x);
    if (options_.compensate && !options_.config.slice_scales)
      compensate_weights(*mapping::layer_shape(graph_, node), x, layer,
                         corrected_.constant(node.inputs[1]).data);
    if (options_.config.adc_levels != quant::kIdealAdc) fit_converters(node, x, layer);
    layer.config = options_.config;
    ir::Tensor y = run_all(compile_node(corrected_, node, layer), x, nullptr);
    if (node.inputs.size() > 2) {
      ir::Tensor& bias = corrected_.constant(node.inputs[2]);
      if (options_.compensate) {
        correct_bias(float_means_.at(node.name), y, bias);
      } else {
        correct_bias(ir::run_node(node, operands), y, bias);
      }
    }
    layers_.emplace(node.name, std::move(layer));
    return y;
  }

  // Activation and weight scales, calibrated here or kept from before; an ideal converter for now.
  CimLayer scales_of(const ir::Node& node, const ir::Tensor& x) const {
    CimLayer layer;
    if (options_.keep != nullptr && options_.keep->count(node.name) != 0) {
      layer = options_.keep->at(node.name);
      layer.psum_step.clear();
      layer.psum_centre.clear();
    }
    const bool fresh = layer.weight_scale.empty();
    layer.config = options_.config;
    layer.config.adc_levels = quant::kIdealAdc;
    if (!fresh) return layer;
    calibrate_activation(x, layer);
    const mapping::LayerShape shape = *mapping::layer_shape(graph_, node);
    const ir::Tensor& weight = graph_.constant(node.inputs[1]);
    require_finite(weight, node.name);
    const mapping::LayerTiling tiling = mapping::tile_layer(shape, layer.config, node.name);
    layer.weight_scale = calibrate_weights(tiling, layer.config, weight.data);
    return layer;
  }

  void fit_converters(const ir::Node& node, const ir::Tensor& x, CimLayer& layer) {
    const LayerProgram program = compile_node(corrected_, node, layer);
    std::vector<std::vector<float>> traces;
    run_all(program, x, &traces);
    PsumStatistics(program, layer).fit(traces, options_.config.adc_levels, layer);
  }

  // Runs the layer on all images in parallel. With `traces`, keeps the sums of as many images as fit.
  ir::Tensor run_all(const LayerProgram& program, const ir::Tensor& x,
                     std::vector<std::vector<float>>* traces) {
    const auto prepared = choose_kernel("auto", program).prepare(program);
    const std::int64_t images = x.dim(0);
    const ir::Tensor first = run_one(program, *prepared, x, 0, nullptr);
    ir::Shape shape = first.shape;
    shape[0] = images;
    ir::Tensor y(shape);
    const std::size_t sums =
        first.size() * static_cast<std::size_t>(program.tiling.grid.tiles * program.tiling.grid.slices) *
        program.input_slices.size();
    const std::int64_t traced = std::min<std::int64_t>(
        images, static_cast<std::int64_t>(std::max<std::size_t>(1, kPsumSample / sums)));
    if (traces != nullptr) traces->resize(static_cast<std::size_t>(traced));
    for_each_piece(traces != nullptr ? traced : images, context_.threads, [&](std::int64_t n) {
      std::vector<float>* trace = traces != nullptr ? &(*traces)[static_cast<std::size_t>(n)] : nullptr;
      const ir::Tensor one = run_one(program, *prepared, x, n, trace);
      std::copy(one.data.begin(), one.data.end(), y.data.begin() + n * static_cast<std::int64_t>(one.size()));
    });
    return y;
  }

  static ir::Tensor run_one(const LayerProgram& program, const PreparedLayer& prepared, const ir::Tensor& x,
                            std::int64_t n, std::vector<float>* trace) {
    const std::size_t each = x.size() / static_cast<std::size_t>(x.dim(0));
    ir::Shape shape = x.shape;
    shape[0] = 1;
    const auto begin = x.data.begin() + n * static_cast<std::int64_t>(each);
    const ir::Tensor image(shape, {begin, begin + static_cast<std::int64_t>(each)});
    LayerTrace layer_trace;
    ir::Tensor y = run_layer(program, prepared, image, trace == nullptr ? nullptr : &layer_trace);
    if (trace != nullptr) *trace = std::move(layer_trace.adc_codes);
    return y;
  }

  const ir::Graph& graph_;
  ir::Graph corrected_;  // the same with corrected biases
  const CalibrateOptions& options_;
  const Context& context_;
  std::set<std::string> selected_;
  std::map<std::string, CimLayer> layers_;
  std::map<std::string, std::vector<double>> float_means_;  // by node and output channel
};

}  // namespace

std::vector<float> calibrate_weights(const mapping::LayerTiling& tiling, const quant::CimConfig& config,
                                     std::span<const float> weight) {
  const quant::GroupMap groups = weight_groups(tiling, config);
  std::vector<std::vector<float>> members(static_cast<std::size_t>(groups.count()));
  for_each_cell(tiling, groups,
                [&](std::size_t, std::int64_t, int slice, int, std::size_t index, std::size_t group) {
                  if (slice == 0 || config.slice_scales) members[group].push_back(weight[index]);
                });
  std::vector<float> scales;
  for (const std::vector<float>& values : members)
    scales.push_back(quant::mse_scale(values, quant::weight_range(config)));
  return scales;
}

quant::QuantizedModel calibrate(const ir::Graph& graph, const ir::Tensor& images,
                                const CalibrateOptions& options, const Context& context) {
  return Calibrator(graph, options, context).run(images);
}

}  // namespace bitline::sim
