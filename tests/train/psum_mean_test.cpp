// ADC centres follow the partial sums: the mean without the sums against the mean of the sums.
#include "bitline/train/psum_mean.h"

#include <algorithm>
#include <cmath>

#include "random_layer.h"
#include "training_case.h"
#include <gtest/gtest.h>

#include "bitline/train/graph_net.h"

namespace bitline::train {
namespace {

// From every integer sum of the reference kernel, by converter group.
std::vector<double> mean_of_sums(const LayerCase& c) {
  quant::CimLayer layer = current_layer(c.spec, c.tensors);
  const quant::CimConfig config = layer.config;
  layer.config.adc_levels = quant::kIdealAdc;
  const sim::LayerProgram program =
      sim::compile_layer("layer", c.spec.shape, to_floats(c.tensors.weight), {}, layer);
  sim::LayerTrace trace;
  sim::run_layer(program, *sim::choose_kernel("reference", program).prepare(program), to_ir(c.x), &trace);
  const quant::GroupMap converters = mapping::psum_groups(program.tiling, config);
  const quant::GroupMap scales = mapping::weight_groups(program.tiling, config);
  std::vector<double> sums(static_cast<std::size_t>(converters.count()), 0.0), counts(sums.size(), 0.0);
  const auto& grid = program.tiling.grid;
  for (std::size_t k = 0; k < trace.adc_codes.size();) {
    for (int t = 0; t < grid.tiles; ++t) {
      for (std::size_t i = 0; i < program.input_slices.size(); ++i) {
        for (int j = 0; j < grid.slices; ++j) {
          for (int o = 0; o < grid.outputs; ++o, ++k) {
            const auto group = static_cast<std::size_t>(converters.group(t, j, o));
            const auto scale = static_cast<std::size_t>(scales.group(t, j, o));
            sums[group] += static_cast<double>(trace.adc_codes[k]) *
                           static_cast<double>(layer.activation_scale * layer.weight_scale[scale]);
            counts[group] += 1.0;
          }
        }
      }
    }
  }
  for (std::size_t g = 0; g < sums.size(); ++g) sums[g] /= counts[g];
  return sums;
}

TEST(PsumMean, EqualsTheMeanOfEverySum) {
  int checked = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    LayerCase c = random_layer(seed);
    if (c.spec.config.adc_levels == quant::kIdealAdc) continue;
    if (seed % 3 == 0) add_offset(c, 0.4f, seed);  // padding is not zero
    const std::vector<double> expected = mean_of_sums(c);
    const std::vector<float> given = mean_psums(c.spec, c.tensors, c.x);
    ASSERT_EQ(given.size(), expected.size());
    double largest = 0.0;
    for (const double value : expected) largest = std::max(largest, std::fabs(value));
    for (std::size_t g = 0; g < given.size(); ++g)
      ASSERT_NEAR(static_cast<double>(given[g]), expected[g], 1e-5 * largest + 1e-6)
          << "seed " << seed << " group " << g << " " << c.spec.config.text();
    ++checked;
  }
  EXPECT_GT(checked, 100);
}

std::vector<float> centres(const GraphNet& net) {
  std::vector<float> out;
  for (const auto& [name, layer] : net.export_model().layers)
    out.insert(out.end(), layer.psum_centre.begin(), layer.psum_centre.end());
  return out;
}

TEST(PsumMean, CentresMoveWithTheRunningMean) {
  const Digits digits(64, 16);
  const ir::Tensor images = digits.images(32);
  const GraphNet fixed(calibrated(float_start().graph, small_array("W4A4P3"), images), {"cpu", "auto"});
  GraphNet net(calibrated(float_start().graph, small_array("W4A4P3"), images), {"cpu", "auto"});
  const std::vector<float> start = centres(net);
  std::vector<BatchStatistics> first(1), second(1);
  const torch::Tensor batch = to_torch(images);
  net.forward(batch, BatchNormMode::kBatch, first.data());
  net.update_running(first, 0.25);
  EXPECT_EQ(centres(net), start);  // the first batch only says where the sums are
  second = first;
  for (auto& [name, mean] : second[0].psum_mean) mean = mean + 0.8f;
  net.update_running(second, 0.25);
  const std::vector<float> moved = centres(net);
  ASSERT_FALSE(moved.empty());
  for (std::size_t i = 0; i < moved.size(); ++i) EXPECT_NEAR(moved[i], start[i] + 0.2f, 1e-5);
  BatchStatistics frozen;
  fixed.forward(batch, BatchNormMode::kFixed, &frozen);
  EXPECT_TRUE(frozen.psum_mean.empty());
}

}  // namespace
}  // namespace bitline::train
