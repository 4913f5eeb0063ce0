// Exported and read back, a network answers as before: packed and with bitline's metadata bit for bit, from
// the ONNX nodes alone as behind ideal ADCs.
#include "bitline/frontend/export.h"

#include <cmath>

#include "fuzz/memory_file.h"
#include "quantized_net.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "bitline/base/error.h"
#include "bitline/frontend/model.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::differential {
namespace {

constexpr std::uint64_t kSeeds = 24;

quant::QuantizedModel read_back(const frontend::ExportFormat& format, std::span<const std::byte> bytes) {
  const std::string path = std::string("m") + format.ending;
  fuzz::MemoryFile fs(path, bytes);
  return frontend::load_model(fs, path, 0, 1);
}

std::vector<std::byte> without_metadata(std::span<const std::byte> bytes) {
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  proto.clear_metadata_props();
  const std::string text = proto.SerializeAsString();
  const auto out = std::as_bytes(std::span(text));
  return {out.begin(), out.end()};
}

void expect_same_layers(const quant::QuantizedModel& model, const quant::QuantizedModel& back) {
  ASSERT_EQ(back.layers.size(), model.layers.size());
  for (const auto& entry : model.layers) {
    const std::string& name = entry.first;
    const quant::CimLayer& layer = entry.second;
    const quant::CimLayer& other = back.layers.at(name);
    EXPECT_EQ(other.config, layer.config) << name;
    EXPECT_EQ(other.activation_scale, layer.activation_scale) << name;
    EXPECT_EQ(other.activation_signed, layer.activation_signed) << name;
    EXPECT_EQ(other.weight_scale, layer.weight_scale) << name;
    EXPECT_EQ(other.psum_step, layer.psum_step) << name;
    EXPECT_EQ(other.psum_centre, layer.psum_centre) << name;
    const auto weight = [&name](const quant::QuantizedModel& m) {
      return m.graph.constant(m.graph.find_node(name)->inputs[1]);
    };
    EXPECT_EQ(quant::weight_codes(weight(back), other), quant::weight_codes(weight(model), layer)) << name;
  }
  EXPECT_EQ(back.notes, model.notes);
}

bool fits_qdq(const quant::QuantizedModel& model) {
  for (const auto& [name, layer] : model.layers) {
    const auto granularity = layer.config.weight_granularity;
    if (granularity != quant::Granularity::kLayer && granularity != quant::Granularity::kChannel)
      return false;
  }
  return true;
}

class Export : public testing::TestWithParam<const char*> {
 protected:
  const frontend::ExportFormat& format() const { return frontend::export_format(GetParam()); }
  bool takes(const quant::QuantizedModel& model) const {
    return format().name != std::string("qdq") || fits_qdq(model);
  }
};

TEST_P(Export, ComesBackBitForBit) {
  int checked = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    quant::QuantizedModel model = quantized_net(random_config(seed), seed);
    model.notes = {{"data", "digits"}, {"input_scaling", "unit"}};
    if (!takes(model)) continue;
    SCOPED_TRACE(model.layers.begin()->second.config.text() + ", seed " + std::to_string(seed));
    const quant::QuantizedModel back = read_back(format(), format().encode(model, {}));
    expect_same_layers(model, back);
    const ir::Tensor images = sim::random_images(3, seed + 100);
    expect_equal(answer_of(model, images), answer_of(back, images));
    ++checked;
  }
  EXPECT_GT(checked, 3);
}

INSTANTIATE_TEST_SUITE_P(Formats, Export, testing::Values("qonnx", "qdq", "packed"),
                         [](const auto& param_info) { return std::string(param_info.param); });

class ForeignExport : public Export {};

TEST_P(ForeignExport, WithoutMetadataComputesTheNetworkBehindIdealAdcs) {
  int checked = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const quant::QuantizedModel model = quantized_net(random_config(seed), seed);
    if (!takes(model)) continue;
    SCOPED_TRACE(model.layers.begin()->second.config.text() + ", seed " + std::to_string(seed));
    const quant::QuantizedModel back = read_back(format(), without_metadata(format().encode(model, {})));
    ASSERT_EQ(back.layers.size(), model.layers.size());
    const ir::Tensor images = sim::random_images(3, seed + 100);
    const ir::Tensor expected = answer_of(behind_ideal_adcs(model), images).logits;
    const ir::Tensor logits = answer_of(back, images).logits;
    float largest = 0.0f;
    for (const float x : expected.data) largest = std::max(largest, std::abs(x));
    for (std::size_t i = 0; i < logits.size(); ++i)
      EXPECT_NEAR(logits.data[i], expected.data[i], 1e-5f * largest) << "logit " << i;
    ++checked;
  }
  EXPECT_GT(checked, 3);
}

INSTANTIATE_TEST_SUITE_P(Formats, ForeignExport, testing::Values("qonnx", "qdq"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace bitline::differential
