// Weights packed to their bits: the fields, the file's size, and files that contradict themselves.
#include "bitline/frontend/packed.h"

#include <cmath>
#include <functional>

#include "base/error_of.h"
#include "fuzz/artefact_target.h"
#include "fuzz/memory_file.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/frontend/artefact.h"
#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/model.h"
#include "bitline/frontend/weights.h"
#include "bitline/frontend/zoo.h"
#include "bitline/quant/mse.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::frontend {
namespace {

std::vector<std::uint16_t> random_fields(std::size_t count, int bits, std::uint64_t seed) {
  const Philox random(seed, stream_id("fields"));
  std::vector<std::uint16_t> fields;
  for (std::size_t i = 0; i < count; ++i)
    fields.push_back(static_cast<std::uint16_t>(random.below(i, 1u << bits)));
  return fields;
}

// A layer whose scales have the least error, with one scale for each column.
quant::CimLayer quantized(const ir::Tensor& weight, int bits) {
  quant::CimLayer layer;
  layer.config.weight_bits = bits;
  layer.config.adc_levels = quant::kIdealAdc;
  const auto entries = quant::scale_entries(weight.shape, quant::scale_block(weight.shape, layer.config));
  std::vector<std::vector<float>> groups(
      quant::table_size(weight.shape, quant::scale_block(weight.shape, layer.config)));
  for (std::size_t i = 0; i < entries.size(); ++i) groups[entries[i]].push_back(weight.data[i]);
  for (const auto& group : groups)
    layer.weight_scale.push_back(quant::mse_scale(group, quant::weight_range(layer.config)));
  return layer;
}

quant::QuantizedModel quantized_zoo(const std::string& name, int bits) {
  quant::QuantizedModel model{zoo(name, 10, 3), {}, {{"data", "digits"}}};
  const auto is_conv = [](const ir::Node& node) { return std::holds_alternative<ir::Conv>(node.op); };
  for (const ir::Node& node : model.graph.nodes()) {
    if (is_conv(node)) model.layers.emplace(node.name, quantized(model.graph.constant(node.inputs[1]), bits));
  }
  return model;
}

// The file through its bytes.
quant::QuantizedModel loaded(const io::TensorFile& file) {
  const std::vector<std::byte> bytes = io::encode_safetensors(file);
  fuzz::MemoryFile fs("p.safetensors", bytes);
  return load_artefact(fs, "p.safetensors");
}

TEST(PackedFields, EveryWidthComesBack) {
  for (int bits = 1; bits <= 16; ++bits) {
    for (std::size_t count = 0; count < 40; ++count) {
      const auto fields = random_fields(count, bits, count);
      const auto bytes = pack_fields(fields, bits);
      EXPECT_EQ(bytes.size(), (count * static_cast<std::size_t>(bits) + 7) / 8);
      EXPECT_EQ(unpack_fields(bytes, count, bits), fields) << bits << " bits";
    }
  }
}

TEST(PackedFields, TheLeastSignificantBitComesFirst) {
  const std::vector<std::uint16_t> fields = {0b101, 0b011, 0b110};
  EXPECT_EQ(pack_fields(fields, 3), (std::vector<std::byte>{std::byte{0b10'011'101}, std::byte{0b1}}));
}

TEST(Packed, CodesScalesAndNotesComeBack) {
  for (const int bits : {1, 2, 3, 4, 8, 11, 16}) {
    const quant::QuantizedModel model = quantized_zoo("digits-cnn", bits);
    const quant::QuantizedModel back = loaded(packed_file(model, {}));
    EXPECT_EQ(graph_to_json(back.graph).dump(), graph_to_json(model.graph).dump());
    EXPECT_EQ(back.notes, model.notes);
    for (const ir::Node& node : model.graph.nodes()) {
      const auto it = model.layers.find(node.name);
      if (it == model.layers.end()) continue;
      const quant::CimLayer& layer = back.layers.at(node.name);
      EXPECT_EQ(layer.config, it->second.config);
      EXPECT_EQ(layer.weight_scale, it->second.weight_scale);
      const ir::Tensor& weight = back.graph.constant(back.graph.find_node(node.name)->inputs[1]);
      EXPECT_EQ(quant::weight_codes(weight, layer),
                quant::weight_codes(model.graph.constant(node.inputs[1]), it->second));
    }
    EXPECT_EQ(io::encode_safetensors(packed_file(back, {})), io::encode_safetensors(packed_file(model, {})));
  }
}

TEST(Packed, WhatIsNotOnArraysStaysBitForBit) {
  const quant::QuantizedModel model = quantized_zoo("digits-cnn", 4);
  const quant::QuantizedModel back = loaded(packed_file(model, {}));
  for (const auto& [id, tensor] : model.graph.constants()) {
    if (model.graph.value_name(id).find("conv") != std::string::npos) continue;
    EXPECT_EQ(back.graph.constant(id).data, tensor.data) << model.graph.value_name(id);
  }
}

// 8, 4 and 2 bits: the file shrinks with them, beyond scales and what stays float.
TEST(Packed, TheFileShrinksWithTheBits) {
  std::map<int, double> size;
  std::size_t weights = 0;
  for (const int bits : {8, 4, 2}) {
    const quant::QuantizedModel model = quantized_zoo("resnet20", bits);
    const io::TensorFile file = packed_file(model, {});
    std::size_t packed = 0, count = 0;
    for (const auto& [name, layer] : model.layers) {
      const ir::ValueId weight = model.graph.find_node(name)->inputs[1];
      packed += file.tensors.at(model.graph.value_name(weight)).bytes.size();
      count += model.graph.constant(weight).size();
    }
    EXPECT_EQ(packed, count * static_cast<std::size_t>(bits) / 8);
    size[bits] = static_cast<double>(io::encode_safetensors(file).size());
    weights = count;
  }
  EXPECT_NEAR(size[8] - size[4], 0.5 * static_cast<double>(weights), 256);   // header
  EXPECT_NEAR(size[4] - size[2], 0.25 * static_cast<double>(weights), 256);  // header
  EXPECT_LT(size[8], 0.32 * 4.0 * static_cast<double>(weights));
  EXPECT_LT(size[2], 0.13 * 4.0 * static_cast<double>(weights));
}

TEST(Packed, FloatWeightsTakeAQuarterAndMoveByHalfAStep) {
  const quant::QuantizedModel model{zoo("resnet20", 10, 3), {}, {}};
  const io::TensorFile file = packed_file(model, {8});
  const std::size_t whole = io::encode_safetensors(artefact_file(model)).size();
  EXPECT_LT(static_cast<double>(io::encode_safetensors(file).size()), 0.30 * static_cast<double>(whole));
  const quant::QuantizedModel back = loaded(file);
  EXPECT_TRUE(back.layers.empty());
  for (const ir::Node& node : model.graph.nodes()) {
    if (!std::holds_alternative<ir::Conv>(node.op) && !std::holds_alternative<ir::Linear>(node.op)) continue;
    const ir::Tensor& from = model.graph.constant(node.inputs[1]);
    const ir::Tensor& to = back.graph.constant(node.inputs[1]);
    double error = 0.0, power = 0.0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      error += std::pow(static_cast<double>(to.data[i] - from.data[i]), 2);
      power += std::pow(static_cast<double>(from.data[i]), 2);
    }
    EXPECT_LT(error, 1e-4 * power) << node.name;  // 40 dB
    EXPECT_GT(error, 0.0);
  }
}

TEST(Packed, SharedWeightsAndSliceScalesStayFloat) {
  quant::QuantizedModel model = quantized_zoo("digits-cnn", 4);
  quant::CimLayer& layer = model.layers.at("conv2");
  layer.config.slice_scales = true;
  layer.weight_scale.resize(2 * layer.weight_scale.size(), 0.1f);
  const ir::Graph& graph = model.graph;
  EXPECT_EQ(packed_file(model, {}).tensors.at("conv2.weight").dtype, io::DType::kF32);
  EXPECT_EQ(packed_file(model, {}).tensors.at("conv3.weight").dtype, io::DType::kU8);
  quant::QuantizedModel shared{graph, model.layers, {}};
  ir::Node& conv = *std::find_if(shared.graph.nodes().begin(), shared.graph.nodes().end(),
                                 [](const ir::Node& node) { return node.name == "relu3"; });
  conv.op = ir::Mul{};
  conv.inputs.push_back(graph.find_node("conv3")->inputs[1]);
  EXPECT_EQ(packed_file(shared, {}).tensors.at("conv3.weight").dtype, io::DType::kF32);
}

// A packed graph without layers on arrays loads wherever a graph or a state_dict does.
TEST(Packed, LoadsAsAGraphAndAsWeightsOfTheZoo) {
  const ir::Graph graph = zoo("digits-cnn", 10, 3);
  const std::vector<std::byte> bytes = io::encode_safetensors(packed_file({graph, {}, {}}, {8}));
  fuzz::MemoryFile fs("p.safetensors", bytes);
  const ir::Graph as_graph = load_graph(fs, "p.safetensors");
  const ir::Graph as_weights = load_model(fs, "zoo:digits-cnn=p.safetensors", 0, 9).graph;
  for (const auto& [id, tensor] : as_graph.constants()) EXPECT_EQ(as_weights.constant(id).data, tensor.data);
}

struct Damage {
  const char* what;
  std::function<void(io::TensorFile&)> change;
  const char* message;
};

void PrintTo(const Damage& damage, std::ostream* out) {
  *out << damage.what;
}

class DamagedPacked : public testing::TestWithParam<Damage> {};

TEST_P(DamagedPacked, IsRefusedWithTheTensorsName) {
  io::TensorFile file = packed_file(quantized_zoo("digits-cnn", 3), {8});
  GetParam().change(file);
  EXPECT_NE(error_of([&] { loaded(file); }).find(GetParam().message), std::string::npos)
      << error_of([&] { loaded(file); });
}

void edit(io::TensorFile& file, const std::string& from, const std::string& to) {
  std::string& text = file.metadata.at("bitline.packed");
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from << " in " << text;
  text.replace(at, from.size(), to);
}

INSTANTIATE_TEST_SUITE_P(
    Packed, DamagedPacked,
    testing::Values(
        Damage{"bytes", [](io::TensorFile& f) { f.tensors.erase("conv1.weight"); },
               "packed tensor 'conv1.weight': its bytes are missing"},
        Damage{"size", [](io::TensorFile& f) { edit(f, "\"bits\":3", "\"bits\":4"); },
               "packed tensor 'conv1.weight': it has 54 bytes, expected 72"},
        Damage{"width", [](io::TensorFile& f) { edit(f, "\"bits\":3", "\"bits\":17"); },
               "its number of bits is 17, expected 1 to 16"},
        Damage{"range", [](io::TensorFile& f) { edit(f, "\"low\":-4,\"high\":3", "\"low\":-5,\"high\":3"); },
               "its codes do not fit its bits"},
        Damage{"high", [](io::TensorFile& f) { edit(f, "\"high\":3", "\"high\":-1"); },
               "it holds a code above -1"},
        Damage{"scales", [](io::TensorFile& f) { edit(f, "conv1.cim.weight_scale", "conv1.scale"); },
               "its scales 'conv1.scale' are missing"},
        Damage{"count",
               [](io::TensorFile& f) { f.tensors["conv1.cim.weight_scale"] = f.tensors["linear.bias"]; },
               "'conv1.cim.weight_scale' holds 10 scales, expected 16"},
        Damage{"value",
               [](io::TensorFile& f) {
                 f.tensors["linear.weight.packed_scale"] =
                     io::store_floats({10}, std::vector<float>(10, -1.0f));
               },
               "packed tensor 'linear.weight': 'linear.weight.packed_scale' holds -1"},
        Damage{"block", [](io::TensorFile& f) { edit(f, "\"block\":[1,1]", "\"block\":[0,1]"); },
               "its block is 0, expected 1 to"},
        Damage{"shape",
               [](io::TensorFile& f) { edit(f, "\"shape\":[16,1,3,3]", "\"shape\":[1099511627776,16,3,3]"); },
               "it claims too many elements"},
        Damage{"twice",
               [](io::TensorFile& f) {
                 edit(f, "\"tensor\":\"conv2.weight\",\"shape\":[32,16,3,3]",
                      "\"tensor\":\"conv1.weight\",\"shape\":[16,1,3,3]");
               },
               "packed tensor 'conv1.weight': "},
        Damage{"version", [](io::TensorFile& f) { edit(f, "\"version\":1", "\"version\":2"); },
               "the packed weights have an unknown version"}),
    [](const auto& param_info) { return std::string(param_info.param.what); });

TEST(Packed, BitsBehindTheLastCodeAreRefused) {
  quant::QuantizedModel model{ir::Graph{}, {}, {}};
  const ir::ValueId x = model.graph.add_input("x", {ir::kBatch, 3});
  const ir::ValueId w = model.graph.add_constant("w", {{1, 3}, {0.5f, -0.5f, 1.0f}});
  model.graph.set_output(model.graph.add_node("fc", ir::Linear{}, {x, w}));
  model.layers.emplace("fc", quantized(model.graph.constant(w), 2));
  io::TensorFile file = packed_file(model, {});
  EXPECT_NO_THROW(loaded(file));
  file.tensors.at("w").bytes[0] |= std::byte{0x80};
  EXPECT_EQ(error_of([&] { loaded(file); }),
            "p.safetensors: packed tensor 'w': there are bits behind its last code");
}

TEST(DamagedArtefact, RandomChangesAreSurvived) {
  constexpr std::uint64_t kRounds = 3'000;
  const std::vector<std::byte> whole =
      io::encode_safetensors(packed_file(quantized_zoo("digits-cnn", 2), {8}));
  EXPECT_TRUE(fuzz::try_artefact(whole));
  std::uint64_t header = 0;
  for (std::size_t i = 0; i < 8; ++i) header |= std::to_integer<std::uint64_t>(whole[i]) << (8 * i);
  const Philox random(5, stream_id("artefact.mutation"));
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    std::vector<std::byte> bytes = whole;
    const PhiloxBlock b = random.block(i);
    bytes[b[0] % (8 + header)] = std::byte{static_cast<unsigned char>(32 + b[1] % 96)};
    refused += !fuzz::try_artefact(bytes);
  }
  EXPECT_GT(refused, kRounds / 2);
}

// Two layers of one shape that read one weight.
quant::QuantizedModel two_readers(bool alike) {
  ir::Graph g;
  const Philox random(4, stream_id("shared"));
  ir::Tensor w({6, 6});
  for (std::size_t i = 0; i < w.size(); ++i) w.data[i] = static_cast<float>(random.normal(i));
  const ir::ValueId x = g.add_input("x", {ir::kBatch, 6}), weight = g.add_constant("w", w);
  const ir::ValueId a = g.add_node("a", ir::Linear{}, {x, weight});
  g.set_output(g.add_node("b", ir::Linear{}, {a, weight}));
  quant::QuantizedModel model{g, {{"a", quantized(w, 4)}, {"b", quantized(w, 4)}}, {}};
  if (!alike) model.layers.at("b").weight_scale[0] *= 0.5f;
  return model;
}

TEST(Packed, ASharedWeightIsStoredOnce) {
  const quant::QuantizedModel alike = two_readers(true);
  const io::TensorFile file = packed_file(alike, {});
  EXPECT_EQ(file.tensors.at("w").dtype, io::DType::kU8);
  EXPECT_EQ(file.tensors.at("w").bytes.size(), 18U);
  const quant::QuantizedModel back = loaded(file);
  for (const char* name : {"a", "b"})
    EXPECT_EQ(
        quant::weight_codes(back.graph.constant(back.graph.find_node(name)->inputs[1]), back.layers.at(name)),
        quant::weight_codes(alike.graph.constant(alike.graph.find_node(name)->inputs[1]),
                            alike.layers.at(name)));
  // Layers that see other codes in it keep the floats.
  EXPECT_EQ(packed_file(two_readers(false), {}).tensors.at("w").dtype, io::DType::kF32);
}

}  // namespace
}  // namespace bitline::frontend
