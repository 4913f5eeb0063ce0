// What the codes of converters are said to be, for a layer small enough to work out.
#include "bitline/sim/converter_use.h"

#include <gtest/gtest.h>

namespace bitline::sim {
namespace {

// Two outputs of three inputs, weights of two bits in cells of one: an output that adds its inputs, one of
// zeros.
quant::QuantizedModel adder() {
  quant::QuantizedModel model;
  const ir::ValueId x = model.graph.add_input("x", {ir::kBatch, 3});
  const ir::ValueId w = model.graph.add_constant("fc.weight", ir::Tensor({2, 3}, {1, 1, 1, 0, 0, 0}));
  model.graph.set_output(model.graph.add_node("fc", ir::Linear{}, {x, w}));
  quant::CimLayer& layer = model.layers["fc"];
  layer.config.weight_bits = layer.config.activation_bits = 2;
  layer.config.cell_bits = 1;
  layer.config.adc_levels = 4;
  layer.config.weight_granularity = layer.config.psum_granularity = quant::Granularity::kLayer;
  layer.weight_scale = {1.0f};
  layer.psum_step = {1.0f, 1.0f};
  layer.psum_centre = {1.5f, 1.5f};  // so that a code is its sum
  return model;
}

TEST(ConverterUse, OfALayerWorkedOutByHand) {
  const Network network(adder());
  ConverterCensus census(network);
  for (const ir::Tensor& batch :
       {ir::Tensor({3, 3}, {0, 0, 0, 1, 0, 0, 1, 1, 0}), ir::Tensor({1, 3}, {3, 3, 0})}) {
    Trace trace;
    network.forward(batch, &trace);
    census.add(trace);
  }
  const std::vector<ConverterUse> uses = census.uses();
  ASSERT_EQ(uses.size(), 2u);
  const ConverterUse &low = uses[0], &sign = uses[1];
  EXPECT_EQ(low.layer, "fc");
  EXPECT_EQ(low.shift, 0);
  EXPECT_EQ(low.columns, 2);
  EXPECT_EQ(low.conversions, 8);
  EXPECT_EQ(low.lowest, 5.0 / 8.0);  // the sums are 0, 1, 2, 6 and four times 0
  EXPECT_EQ(low.highest, 1.0 / 8.0);
  EXPECT_EQ(low.constant, 0.5);
  EXPECT_EQ(low.information, 1.0);  // two bits and none
  EXPECT_EQ(sign.shift, 1);
  EXPECT_EQ(sign.lowest, 1.0);
  EXPECT_EQ(sign.constant, 1.0);
  EXPECT_EQ(sign.information, 0.0);
}

TEST(ConverterUse, LeavesIdealConvertersOut) {
  quant::QuantizedModel model = adder();
  model.layers["fc"].config.adc_levels = quant::kIdealAdc;
  model.layers["fc"].psum_step.clear();
  model.layers["fc"].psum_centre.clear();
  const Network network(model);
  Trace trace;
  network.forward(ir::Tensor({1, 3}, {1, 2, 3}), &trace);
  ConverterCensus census(network);
  census.add(trace);
  EXPECT_TRUE(census.uses().empty());
}

}  // namespace
}  // namespace bitline::sim
