// The codes of quant/weight_codes.h are those in the simulator's cells, under the scales of mapping's groups.
#include "bitline/quant/weight_codes.h"

#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/quant/encoding.h"

namespace bitline::differential {
namespace {

void expect_codes_in_cells(const sim::RandomLayer& random) {
  const mapping::LayerShape& shape = random.shape;
  const ir::Tensor weight(
      {shape.out_channels, shape.group_inputs(), shape.window.kernel[0], shape.window.kernel[1]},
      random.weight);
  const sim::LayerProgram program = random.compile();
  const auto codes = quant::weight_codes(weight, random.layer);
  const auto entries =
      quant::scale_entries(weight.shape, quant::scale_block(weight.shape, random.layer.config));
  const auto& encoding = quant::weight_encoding(random.layer.config.encoding);
  std::size_t cell = 0, different = 0;
  sim::for_each_cell(program.tiling, mapping::weight_groups(program.tiling, random.layer.config),
                     [&](std::size_t, std::int64_t, int slice, int, std::size_t index, std::size_t group) {
                       const auto& bits = program.weight_slices[static_cast<std::size_t>(slice)];
                       different += program.cells[cell++] != encoding.digit(codes[index], bits);
                       different += entries[index] != group;
                     });
  EXPECT_EQ(cell, program.cells.size());
  EXPECT_EQ(different, 0u);
}

TEST(WeightCodes, AreThoseOfTheCells) {
  int checked = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const auto make : {sim::random_convolution, sim::random_depthwise, sim::random_linear}) {
      const sim::RandomLayer random = make(seed);
      if (random.layer.config.slice_scales) continue;
      SCOPED_TRACE(random.text());
      expect_codes_in_cells(random);
      ++checked;
    }
  }
  EXPECT_GT(checked, 200);
}

}  // namespace
}  // namespace bitline::differential
