// What training sees of partial sums, and how it moves the steps of converters.
#include "bitline/train/psum_view.h"

#include <set>

#include "random_layer.h"
#include "training_case.h"

#include "bitline/quant/quantizer.h"
#include "bitline/train/scale_motion.h"

namespace bitline::train {
namespace {

using torch::Tensor;

// A layer with converters whose sums of the first two images are few enough to be seen all.
LayerCase with_psum_policy(const char* text, std::uint64_t seed) {
  LayerCase c = random_layer(seed);
  c.spec.quantizers.psums = quant::parse_quantizer(text);
  if (seed % 3 == 0) add_offset(c, 0.4f, seed);
  c.x = c.x.detach().slice(2, 0, 3).slice(3, 0, 3).contiguous();
  return c;
}

struct SeenPsum {
  std::size_t group;
  double value, significance;
};

// All sums of a layer, from the composed operator with an ideal converter.
std::vector<SeenPsum> all_psums(const LayerCase& c) {
  const quant::CimLayer layer = current_layer(c.spec, c.tensors);
  CimSpec ideal = c.spec;
  ideal.config.adc_levels = quant::kIdealAdc;
  sim::LayerTrace trace;
  composed_cim(ideal, c.tensors, c.x, &trace);
  const mapping::LayerTiling tiling = mapping::tile_layer(c.spec.shape, c.spec.config, "layer");
  const quant::GroupMap sums = psum_groups(tiling, c.spec.config),
                        scales = weight_groups(tiling, c.spec.config);
  const sim::LayerProgram program =
      sim::compile_layer("layer", c.spec.shape, to_floats(c.tensors.weight), {}, layer);
  std::vector<SeenPsum> out;
  while (out.size() < trace.adc_codes.size()) {
    for (int t = 0; t < tiling.grid.tiles; ++t) {
      for (const quant::BitSlice& cycle : program.input_slices) {
        for (int j = 0; j < tiling.grid.slices; ++j) {
          const int shift = cycle.shift + program.weight_slices[static_cast<std::size_t>(j)].shift;
          for (int o = 0; o < tiling.grid.outputs; ++o) {
            const double scale = layer.weight_scale[static_cast<std::size_t>(scales.group(t, j, o))];
            out.push_back({static_cast<std::size_t>(sums.group(t, j, o)),
                           double(layer.activation_scale) * scale * double(trace.adc_codes[out.size()]),
                           std::ldexp(1.0, 2 * shift)});
          }
        }
      }
    }
  }
  return out;
}

constexpr std::size_t kSeenPixels = 32;  // of the sampler

std::size_t columns_and_cycles(const LayerCase& c) {
  const mapping::LayerTiling tiling = mapping::tile_layer(c.spec.shape, c.spec.config, "layer");
  return static_cast<std::size_t>(tiling.grid.columns() * quant::input_cycles(c.spec.config));
}

TEST(PsumView, PlacesAreSpreadOverColumnsAndRows) {
  EXPECT_EQ(spread_places(32, 1), std::vector<std::int64_t>{0});
  for (const std::int64_t side : {2, 3, 7, 8, 14, 16, 28, 32, 56, 112, 224}) {
    const std::int64_t pixels = 2 * side * side;
    std::set<std::int64_t> places, columns, rows, images;
    for (const std::int64_t place : spread_places(32, pixels)) {
      ASSERT_LT(place, pixels);
      places.insert(place);
      columns.insert(place % side);
      rows.insert(place / side % side);
      images.insert(place / (side * side));
    }
    EXPECT_EQ(places.size(), static_cast<std::size_t>(std::min<std::int64_t>(32, pixels)));
    EXPECT_EQ(columns.size(), static_cast<std::size_t>(std::min<std::int64_t>(32, side))) << side;
    EXPECT_GE(rows.size(), static_cast<std::size_t>(std::min<std::int64_t>(16, side))) << side;
    EXPECT_EQ(images.size(), 2u) << side;
  }
}

// Errors and ranges of the sampler against those of all sums.
TEST(PsumView, EqualsTheSumsOfTheComposedOperator) {
  int checked = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    const LayerCase c = with_psum_policy("ssg", seed), range = with_psum_policy("minmax", seed);
    if (c.spec.config.adc_levels == quant::kIdealAdc) continue;
    const std::vector<SeenPsum> sums = all_psums(c);
    if (sums.size() > kSeenPixels * columns_and_cycles(c)) continue;  // the sampler leaves some out
    const quant::CimLayer layer = current_layer(c.spec, c.tensors);
    const PsumView view = view_psums(c.spec, c.tensors, c.x);
    const std::vector<float> steps = view_psums(range.spec, range.tensors, range.x).range_step;
    const double middle = 0.5 * (c.spec.config.adc_levels - 1);
    std::vector<double> error(layer.psum_step.size(), 0.0), bigger = error, weight = error, reach = error;
    for (const SeenPsum& sum : sums) {
      const double s = layer.psum_step[sum.group], from_centre = sum.value - layer.psum_centre[sum.group];
      const auto squared = [&](double step) {
        const double v = std::min(std::max(from_centre / step + middle, 0.0), 2.0 * middle);
        return std::pow(from_centre - step * (std::nearbyint(v) - middle), 2.0);
      };
      error[sum.group] += sum.significance * squared(s);
      bigger[sum.group] += sum.significance * squared(2.0 * s);
      weight[sum.group] += sum.significance;
      reach[sum.group] = std::max(reach[sum.group], std::fabs(from_centre));
    }
    for (std::size_t i = 0; i < error.size(); ++i) {
      ASSERT_NEAR(view.errors[i].here, error[i] / weight[i], 1e-4 * (1e-3 + error[i] / weight[i])) << seed;
      ASSERT_NEAR(view.errors[i].bigger, bigger[i] / weight[i], 1e-4 * (1e-3 + bigger[i] / weight[i]))
          << seed;
      if (reach[i] > 0.0) {
        ASSERT_NEAR(double(steps[i]) * middle, reach[i], 1e-5 * (1.0 + reach[i])) << seed;
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 200);
}

TEST(PsumView, PoliciesMoveSteps) {
  int moved = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const char* text : {"llsq", "ssg"}) {
      for (const float factor : {64.0f, 0.03f}) {
        LayerCase c = with_psum_policy(text, seed);
        if (c.spec.config.adc_levels < 8) continue;  // too coarse for a clear direction
        c.tensors.step_s0 = c.tensors.step_s0 * factor;
        const PsumView view = view_psums(c.spec, c.tensors, c.x);
        const Tensor du = psum_step_gradient(c.spec, c.tensors, Tensor(), {{view, view}});
        EXPECT_GE((factor > 1.0f ? du : -du).sum().item<float>(), 0.0f) << text << " " << seed;
        moved += du.abs().sum().item<float>() > 0.0f ? 1 : 0;
      }
    }
  }
  EXPECT_GT(moved, 30);
}

TEST(PsumView, TaskGradientsAreLeftAloneOrDroppedOrJoined) {
  std::uint64_t seed = 1;
  while (random_layer(seed).spec.config.adc_levels == quant::kIdealAdc) ++seed;
  const LayerCase lsq = with_psum_policy("lsq", seed), mse = with_psum_policy("mse", seed);
  const LayerCase ssg = with_psum_policy("ssg", seed), both = with_psum_policy("ssg-task", seed);
  const Tensor task = torch::ones_like(lsq.tensors.step_u.detach());
  const PsumView view = view_psums(ssg.spec, ssg.tensors, ssg.x);
  EXPECT_TRUE(view_psums(lsq.spec, lsq.tensors, lsq.x).errors.empty());
  EXPECT_TRUE(psum_step_gradient(lsq.spec, lsq.tensors, task, {}).is_same(task));
  EXPECT_EQ(psum_step_gradient(mse.spec, mse.tensors, task, {}).abs().sum().item<float>(), 0.0f);
  const Tensor simulated = psum_step_gradient(ssg.spec, ssg.tensors, task, {{view}});
  EXPECT_TRUE(torch::allclose(psum_step_gradient(both.spec, both.tensors, task, {{view}}), task + simulated));
}

TEST(PsumView, RangesAreFollowed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    LayerCase c = with_psum_policy("minmax", seed);
    if (c.spec.config.adc_levels == quant::kIdealAdc) continue;
    const PsumView view = view_psums(c.spec, c.tensors, c.x);
    for (int i = 0; i < 200; ++i) follow_psum_ranges(c.spec, c.tensors, {{view}}, 0.1);
    const std::vector<float> steps = current_layer(c.spec, c.tensors).psum_step;
    for (std::size_t i = 0; i < steps.size(); ++i)
      EXPECT_NEAR(steps[i], view.range_step[i], 1e-4f * view.range_step[i]) << seed;
  }
}

}  // namespace
}  // namespace bitline::train
