// Quantizer nodes as other tools write them: which layers they give, and what is refused by the node's name.
#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/onnx.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::frontend {
namespace {

constexpr const char* kQonnx = "qonnx.custom_op.general";

void bytes_tensor(OnnxBuilder& net, const std::string& name, const std::vector<std::int64_t>& shape,
                  const std::vector<int>& values, bool is_signed) {
  onnx::TensorProto& tensor = *net.graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(is_signed ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8);
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  for (const int value : values) tensor.add_int32_data(value);
}

onnx::NodeProto& quant_node(OnnxBuilder& net, const std::string& x, const std::string& scale, int bits,
                            bool is_signed, const std::string& output) {
  net.weight(output + ".zero", {}, std::vector<float>{0.0f});
  net.weight(output + ".bits", {}, std::vector<float>{static_cast<float>(bits)});
  onnx::NodeProto& node = net.node("Quant", {x, scale, output + ".zero", output + ".bits"}, output);
  node.set_domain(kQonnx);
  set_integer(node, "signed", is_signed);
  set_integer(node, "narrow", 0);
  set_text(node, "rounding_mode", "ROUND");
  return node;
}

// x[N,2,4,4] -> Quant -> Conv with a Quant of w[3,2,3,3] -> y, without the nodes between.
OnnxBuilder quant_parts(const std::vector<std::int64_t>& scale_shape, const std::vector<float>& scales) {
  OnnxBuilder net({-1, 2, 4, 4});
  net.model.add_opset_import()->set_domain(kQonnx);
  net.weight("a", {1}, std::vector<float>{0.25f});
  net.weight("w", {3, 2, 3, 3});
  net.weight("s", scale_shape, scales);
  return net;
}

OnnxBuilder quant_conv(const std::vector<std::int64_t>& scale_shape, const std::vector<float>& scales) {
  OnnxBuilder net = quant_parts(scale_shape, scales);
  quant_node(net, "x", "a", 4, false, "xq");
  quant_node(net, "w", "s", 3, true, "wq");
  net.node("Conv", {"xq", "wq"}, "y");
  return net;
}

quant::QuantizedModel imported(const OnnxBuilder& net) {
  return import_onnx(net.bytes(), "m.onnx");
}

std::string refusal(const OnnxBuilder& net) {
  return error_of([&] { imported(net); }, ErrorCode::kUnsupported);
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(OnnxQuantizers, ALayerBetweenQuantsGoesToArrays) {
  const quant::QuantizedModel model = imported(quant_conv({3, 1, 1, 1}, {0.25f, 0.5f, 0.125f}));
  ASSERT_EQ(model.layers.size(), 1u);
  const quant::CimLayer& layer = model.layers.at("y");
  EXPECT_EQ(layer.config.text(), "W3A4Pideal channel/column 128x128 2b");
  EXPECT_EQ(layer.activation_scale, 0.25f);
  EXPECT_FALSE(layer.activation_signed);
  EXPECT_EQ(layer.weight_scale, (std::vector<float>{0.25f, 0.5f, 0.125f}));
  const ir::Tensor& weight = model.graph.constant(model.graph.find_node("y")->inputs[1]);
  EXPECT_EQ(weight.data[0], 0.25f);  // of the ramp 0.25, 0.375, ..., with half to even
  EXPECT_EQ(weight.data[1], 0.5f);
  EXPECT_EQ(model.graph.nodes().size(), 1u);
}

TEST(OnnxQuantizers, GranularityFollowsFromTheScales) {
  const auto config = [](const std::vector<std::int64_t>& shape, const std::vector<float>& scales) {
    return imported(quant_conv(shape, scales)).layers.at("y").config.text();
  };
  EXPECT_EQ(config({}, {0.5f}), "W3A4Pideal layer/column 128x128 2b");
  EXPECT_EQ(config({1, 1, 1, 1}, {0.5f}), "W3A4Pideal layer/column 128x128 2b");
  EXPECT_EQ(config({3, 1, 1, 1}, {0.5f, 0.5f, 0.5f}), "W3A4Pideal layer/column 128x128 2b");
  EXPECT_EQ(config({1, 2, 1, 1}, {0.5f, 0.25f}), "W3A4Pideal column/column 9x128 2b");
  EXPECT_EQ(config({3, 2, 1, 1}, {1, 2, 3, 4, 5, 6}), "W3A4Pideal column/column 9x128 2b");
}

TEST(OnnxQuantizers, BlocksOfChannelsBecomeRowTiles) {
  OnnxBuilder net({-1, 6, 4, 4});
  net.weight("a", {}, std::vector<float>{0.25f});
  net.weight("w", {2, 6, 1, 1});
  net.weight("s", {2, 6, 1, 1}, {1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3});
  quant_node(net, "x", "a", 4, true, "xq");
  quant_node(net, "w", "s", 8, true, "wq");
  net.node("Conv", {"xq", "wq"}, "y");
  const quant::CimLayer layer = imported(net).layers.at("y");
  EXPECT_EQ(layer.config.text(), "W8A4Pideal column/column 4x128 2b");
  EXPECT_TRUE(layer.activation_signed);
  EXPECT_EQ(layer.weight_scale, (std::vector<float>{1, 3, 2, 3}));
}

TEST(OnnxQuantizers, ANarrowRangeIsDifferential) {
  OnnxBuilder net = quant_conv({}, {0.25f});
  for (auto& node : *net.graph().mutable_node()) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (node.name() == "wq" && attribute.name() == "narrow") attribute.set_i(1);
    }
  }
  EXPECT_EQ(imported(net).layers.at("y").config.encoding, "differential");
}

// As PyTorch writes a linear layer: the quantized weight [O, K] is turned, values move before it is read.
TEST(OnnxQuantizers, ValuesMayMoveBetweenTheQuantizerAndTheLayer) {
  OnnxBuilder net({-1, 2, 4, 4});
  net.weight("a", {}, std::vector<float>{0.25f});
  net.weight("w", {3, 8});
  net.weight("s", {3, 1}, {0.25f, 0.5f, 1.0f});
  quant_node(net, "x", "a", 4, false, "xq");
  set_integers(net.node("MaxPool", {"xq"}, "pool"), "kernel_shape", {2, 2});
  set_integers(*net.graph().mutable_node(net.graph().node_size() - 1), "strides", {2, 2});
  net.node("Flatten", {"pool"}, "flat");
  quant_node(net, "w", "s", 4, true, "wq");
  set_integers(net.node("Transpose", {"wq"}, "turned"), "perm", {1, 0});
  net.node("MatMul", {"flat", "turned"}, "y");
  const quant::QuantizedModel model = imported(net);
  EXPECT_EQ(model.layers.at("y").config.text(), "W4A4Pideal channel/column 128x128 2b");
  EXPECT_EQ(model.layers.at("y").weight_scale, (std::vector<float>{0.25f, 0.5f, 1.0f}));
  EXPECT_EQ(model.graph.nodes().size(), 3u);
}

OnnxBuilder qdq_conv(int input_zero, bool input_signed) {
  OnnxBuilder net({-1, 2, 4, 4});
  net.weight("a", {}, std::vector<float>{0.25f});
  bytes_tensor(net, "az", {}, {input_zero}, input_signed);
  bytes_tensor(net, "w", {3, 2, 1, 1}, {-128, 127, 3, -4, 5, 0}, true);
  net.weight("s", {3}, {0.25f, 0.5f, 1.0f});
  bytes_tensor(net, "sz", {3}, {0, 0, 0}, true);
  net.node("QuantizeLinear", {"x", "a", "az"}, "codes");
  net.node("DequantizeLinear", {"codes", "a", "az"}, "xq");
  set_integer(net.node("DequantizeLinear", {"w", "s", "sz"}, "wq"), "axis", 0);
  net.node("Conv", {"xq", "wq"}, "y");
  return net;
}

TEST(OnnxQuantizers, QdqGivesALayerOnArrays) {
  const quant::QuantizedModel model = imported(qdq_conv(0, false));
  const quant::CimLayer& layer = model.layers.at("y");
  EXPECT_EQ(layer.config.text(), "W8A8Pideal channel/column 128x128 2b");
  EXPECT_FALSE(layer.activation_signed);
  EXPECT_EQ(quant::weight_codes(model.graph.constant(model.graph.find_node("y")->inputs[1]), layer),
            (std::vector<int>{-128, 127, 3, -4, 5, 0}));
}

// Two codes to a byte, the low one first, in raw_data or in int32_data; an odd count leaves a nibble unused.
TEST(OnnxQuantizers, NibblesAreCodesOfFourBits) {
  constexpr int kUint4 = 21, kInt4 = 22;
  const std::string bytes("\x78\x9f\x02", 3);
  const auto weights = [&](int type, bool raw) {
    OnnxBuilder net = qdq_conv(0, false);
    for (auto& tensor : *net.graph().mutable_initializer()) {
      if (tensor.name() != "w" && tensor.name() != "sz") continue;
      tensor.set_data_type(type);
      tensor.clear_int32_data();
      const std::string data = tensor.name() == "w" ? bytes : std::string(2, '\0');
      if (raw) {
        tensor.set_raw_data(data);
      } else {
        for (const char byte : data) tensor.add_int32_data(static_cast<unsigned char>(byte));
      }
    }
    return net;
  };
  for (const bool raw : {true, false}) {
    const quant::QuantizedModel model = imported(weights(kInt4, raw));
    const quant::CimLayer& layer = model.layers.at("y");
    EXPECT_EQ(layer.config.text(), "W4A8Pideal channel/column 128x128 2b");
    EXPECT_EQ(quant::weight_codes(model.graph.constant(model.graph.find_node("y")->inputs[1]), layer),
              (std::vector<int>{-8, 7, -1, -7, 2, 0}));
  }
  OnnxBuilder floats = weights(kUint4, true);  // read as weights 0 to 15 of a float layer
  floats.graph().mutable_node(3)->set_input(0, "x");
  const ir::Graph graph = floats.import();
  EXPECT_EQ(graph.constant(graph.find_node("y")->inputs[1]).data,
            (std::vector<float>{2, 1.75f, 7.5f, 4.5f, 2, 0}));
  OnnxBuilder cut = weights(kInt4, true);
  for (auto& tensor : *cut.graph().mutable_initializer())
    if (tensor.name() == "w") tensor.mutable_raw_data()->resize(2);
  expect_part(error_of([&] { imported(cut); }), "needs 3 bytes but the file holds 2");
}

TEST(OnnxQuantizers, ALinearLayerOverTokensGoesToArrays) {
  OnnxBuilder net({-1, 5, 4});
  net.weight("a", {}, std::vector<float>{0.25f});
  net.weight("w", {4, 3});
  net.weight("s", {1, 3}, {0.25f, 0.5f, 1.0f});
  quant_node(net, "x", "a", 4, false, "xq");
  quant_node(net, "w", "s", 4, true, "wq");
  net.node("MatMul", {"xq", "wq"}, "y");
  const quant::QuantizedModel model = imported(net);
  EXPECT_EQ(model.layers.at("y").config.text(), "W4A4Pideal channel/column 128x128 2b");
  EXPECT_EQ(model.layers.at("y").weight_scale, (std::vector<float>{0.25f, 0.5f, 1.0f}));
}

TEST(OnnxQuantizers, AZeroPointInTheMiddleIsASignedCode) {
  EXPECT_TRUE(imported(qdq_conv(128, false)).layers.at("y").activation_signed);
  EXPECT_TRUE(imported(qdq_conv(0, true)).layers.at("y").activation_signed);
  EXPECT_FALSE(imported(qdq_conv(-128, true)).layers.at("y").activation_signed);
  expect_part(refusal(qdq_conv(3, false)),
              "DequantizeLinear 'xq': its codes, less the zero point, are -3 to 252, expected");
}

TEST(OnnxQuantizers, AClipLeavesFewerBits) {
  OnnxBuilder net = qdq_conv(0, false);
  bytes_tensor(net, "zero", {}, {0}, false);
  bytes_tensor(net, "top", {}, {15}, false);
  net.graph().mutable_node()->Clear();
  net.node("QuantizeLinear", {"x", "a", "az"}, "codes");
  net.node("Clip", {"codes", "zero", "top"}, "few");
  net.node("DequantizeLinear", {"few", "a", "az"}, "xq");
  set_integer(net.node("DequantizeLinear", {"w", "s", "sz"}, "wq"), "axis", 0);
  net.node("Conv", {"xq", "wq"}, "y");
  EXPECT_EQ(imported(net).layers.at("y").config.activation_bits, 4);
}

TEST(OnnxQuantizers, QuantizedWeightsAloneAreFoldedToFloats) {
  OnnxBuilder net = quant_parts({}, {0.25f});
  quant_node(net, "w", "s", 3, true, "wq");
  net.node("Conv", {"x", "wq"}, "y");
  const quant::QuantizedModel model = imported(net);
  EXPECT_TRUE(model.layers.empty());
  EXPECT_EQ(model.graph.constant(model.graph.find_node("y")->inputs[1]).data[6],
            0.75f);  // 1.0, clipped to code 3
}

TEST(OnnxQuantizers, AFloatWeightThroughQuantizeLinearIsQuantized) {
  OnnxBuilder net = qdq_conv(0, false);
  net.graph().mutable_node()->Clear();
  net.weight("wf", {3, 2, 1, 1});
  net.node("QuantizeLinear", {"x", "a", "az"}, "codes");
  net.node("DequantizeLinear", {"codes", "a", "az"}, "xq");
  set_integer(net.node("QuantizeLinear", {"wf", "s", "sz"}, "wc"), "axis", 0);
  set_integer(net.node("DequantizeLinear", {"wc", "s", "sz"}, "wq"), "axis", 0);
  net.node("Conv", {"xq", "wq"}, "y");
  const quant::QuantizedModel model = imported(net);
  EXPECT_EQ(
      quant::weight_codes(model.graph.constant(model.graph.find_node("y")->inputs[1]), model.layers.at("y")),
      (std::vector<int>{1, 2, 1, 1, 1, 1}));
}

TEST(OnnxQuantizers, AQuantizerThatNoLayerReadsIsRefusedByName) {
  OnnxBuilder added = quant_parts({}, {0.25f});
  quant_node(added, "x", "a", 4, false, "xq");
  added.node("Add", {"x", "xq"}, "y");
  expect_part(refusal(added),
              "Add 'y': it reads a quantized activation; only the first input of a layer with "
              "quantized weights can be");
  added.graph().mutable_node(added.graph().node_size() - 1)->set_output(0, "sum");
  added.node("Relu", {"xq"}, "y");
  expect_part(refusal(added), "Relu 'y': it reads a quantized activation");  // named with the other
  OnnxBuilder output = quant_parts({}, {0.25f});
  quant_node(output, "x", "a", 4, false, "y");
  expect_part(refusal(output), "node 'y': the graph's output 'y' is quantized");
  OnnxBuilder plain = quant_parts({}, {0.25f});
  quant_node(plain, "x", "a", 4, false, "xq");
  plain.node("Conv", {"xq", "w"}, "y");
  expect_part(refusal(plain),
              "Conv 'y': its input is quantized by 'xq', but its weight is no quantized constant");
  OnnxBuilder codes = qdq_conv(0, false);
  codes.graph().mutable_node(3)->set_input(0, "codes");
  expect_part(refusal(codes), "Conv 'y': it reads a quantized activation");
}

TEST(OnnxQuantizers, WhatQuantizersCannotBeIsRefused) {
  const auto changed = [](const auto& change) {
    OnnxBuilder net = quant_conv({}, {0.25f});
    change(net);
    return refusal(net);
  };
  const auto replace = [](OnnxBuilder& net, const std::string& name, const std::vector<std::int64_t>& shape,
                          const std::vector<float>& values) {
    for (auto& tensor : *net.graph().mutable_initializer()) {
      if (tensor.name() == name) tensor.set_name("old." + name);
    }
    net.weight(name, shape, values);
  };
  expect_part(changed([](OnnxBuilder& net) {
                for (auto& attribute : *net.graph().mutable_node(0)->mutable_attribute())
                  if (attribute.name() == "rounding_mode") attribute.set_s("FLOOR");
              }),
              "Quant 'xq': rounding_mode 'FLOOR', expected ROUND");
  expect_part(changed([&](OnnxBuilder& net) { replace(net, "xq.bits", {}, {18.0f}); }),
              "Quant 'xq': its codes, less the zero point, are 0 to 262143, expected those of 1 to 16 bits");
  expect_part(changed([&](OnnxBuilder& net) { replace(net, "wq.bits", {}, {18.0f}); }),
              "Conv 'y': its weight has codes -131072 to 131071");
  expect_part(changed([&](OnnxBuilder& net) { replace(net, "wq.bits", {}, {1.0f}); }),
              "Quant 'wq': a signed bit_width of 1 has the codes -1 and 1, which no layer has");
  expect_part(changed([&](OnnxBuilder& net) { replace(net, "xq.bits", {}, {2.5f}); }),
              "Quant 'xq': its bit_width is 2.5");
  expect_part(changed([&](OnnxBuilder& net) { replace(net, "xq.zero", {}, {1.0f}); }),
              "are -1 to 14, expected");
  expect_part(changed([&](OnnxBuilder& net) {
                replace(net, "a", {1, 2, 1, 1}, {1.0f, 2.0f});
              }),
              "Quant 'xq': its scale holds 2 numbers; an activation can have one");
  expect_part(
      changed([&](OnnxBuilder& net) {
        replace(net, "s", {3, 2, 3, 3}, std::vector<float>(lcg_tensor({3, 2, 3, 3}, 1.0f, 1.0f).data));
      }),
      "Conv 'y': its weight has different scales within a kernel window");
  const auto rejected = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                            const std::vector<float>& values) {
    OnnxBuilder net = quant_conv({}, {0.25f});
    replace(net, name, shape, values);
    return error_of([&] { imported(net); });
  };
  expect_part(changed([&](OnnxBuilder& net) { replace(net, "a", {}, {0.0f}); }),
              "Quant 'xq': its scale is 0.000000, expected a positive number");
  expect_part(rejected("s", {4}, {1, 1, 1, 1}), "node 'wq': shapes [4] and [3, 2, 3, 3] do not broadcast");
  expect_part(rejected("s", {2, 3, 2, 3, 3}, std::vector<float>(108, 1.0f)),
              "node 'wq': its scale of shape [2, 3, 2, 3, 3] does not fit a tensor of shape [3, 2, 3, 3]");
}

}  // namespace
}  // namespace bitline::frontend
