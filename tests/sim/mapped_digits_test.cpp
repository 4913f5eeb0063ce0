// Mappings that hold every bit of the weights, but not the digits of the integer program.
#include <algorithm>

#include "base/error_of.h"
#include "sim/mapped_case.h"
#include <gtest/gtest.h>

#include "bitline/mapping/verify_mapping.h"

namespace bitline::sim {
namespace {

using mapping::Chip;
using mapping::Mapping;

quant::QuantizedModel quantized_for(const Chip& chip) {
  quant::CimConfig config = mapping::config_for(chip, 4);
  config.dac_bits = 0;
  return calibrated(random_chain({{8, 12, 3}, {12, 10, 3, 2}, {10, 6, 1}}, 6, 1), config, 3);
}

// The verifier takes any slices that are the bits of the weight; the integer program has its own.
TEST(MappedNetwork, OtherDigitsThanTheLayerHasAreRefused) {
  const Chip chip = mapping::small_chip(27, 16, 2);
  const quant::QuantizedModel model = quantized_for(chip);
  const Mapping mapping = map_network(model, chip, {});
  const auto error = [&](const Mapping& m) {
    EXPECT_TRUE(mapping::verify_mapping(m, model).empty());
    return error_of([&] { MappedNetwork(model, m); });
  };
  Mapping other = mapping;
  std::reverse(other.layers[1].slices.begin(), other.layers[1].slices.end());
  EXPECT_EQ(error(other),
            "node 'conv1': the mapping cuts the weights into other slices than the layer is quantized for "
            "(expected 2 from the lowest bit up, of 2 bits each but the last)");
  Chip single = chip;
  single.cell_bits = 1;
  other = map_network(quantized_for(single), single, {});
  ASSERT_EQ(other.layers[0].slices.size(), 4U);
  other.chip = chip;
  EXPECT_NE(error(other).find("node 'conv0': the mapping cuts the weights into other slices"),
            std::string::npos);
  other = mapping;
  other.layers[2].input_cycles = 4;
  EXPECT_EQ(error(other),
            "node 'conv2': the mapping has 4 input cycles, but the layer takes 1 (map this network anew)");
}

}  // namespace
}  // namespace bitline::sim
