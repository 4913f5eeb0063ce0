// Exported ONNX files: every operator comes back as the same function, and what a dialect cannot express is
// refused by the layer's name. tests/differential runs exported networks.
#include "bitline/frontend/onnx_export.h"

#include <cmath>

#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/export.h"
#include "bitline/frontend/onnx.h"
#include "bitline/frontend/zoo.h"
#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

onnx::ModelProto parsed(const std::vector<std::byte>& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return model;
}

// `tolerance`: linear layers over tokens come back as convolutions, whose sums have another order.
void expect_same_function(const ir::Graph& graph, float tolerance = 0.0f) {
  const quant::QuantizedModel back = import_onnx(export_qonnx({graph, {}, {}}), "m.onnx");
  EXPECT_TRUE(back.layers.empty());
  ir::Shape shape = graph.input_shape();
  shape[0] = 3;
  const ir::Tensor x = lcg_tensor(shape);
  const ir::Tensor expected = ir::run_graph(graph, x), y = ir::run_graph(back.graph, x);
  EXPECT_EQ(y.shape, expected.shape);
  ASSERT_EQ(y.size(), expected.size());
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y.data[i], expected.data[i], tolerance) << i;
}

TEST(OnnxExport, NetworksOfTheZooComeBack) {
  for (const char* name : {"digits-cnn", "resnet20", "resnet20-b", "vgg8"}) {
    SCOPED_TRACE(name);
    expect_same_function(zoo(name, 10, 3));
  }
}

// What the zoo does not use: images [N, 4, 6, 6] through every other operator.
TEST(OnnxExport, EveryOtherOperatorComesBack) {
  ir::Graph g;
  const auto constant = [&](const std::string& name, const ir::Shape& shape) {
    return g.add_constant(name, lcg_tensor(shape, 2.0f, -1.0f));
  };
  ir::ValueId x = g.add_input("x", {ir::kBatch, 4, 6, 6});
  ir::Conv conv{{{3, 2}, {1, 2}, {2, 1}, {2, 0}, {1, 1}}, 2};
  x = g.add_node("conv", conv, {x, constant("w", {4, 2, 3, 2}), constant("b", {4})});
  x = g.add_node("clip", ir::Clip{-1.5f, 2.5f}, {x});
  x = g.add_node("mul", ir::Mul{}, {x, constant("factor", {4, 1, 1})});
  x = g.add_node("turn", ir::Transpose{{0, 1, 3, 2}}, {x});
  x = g.add_node("slice", ir::Slice{{3, 2}, {5, 0}, {-7, 9}, {-1, 2}}, {x});
  x = g.add_node("pad", ir::Pad{{0, 1, 0, 2}, {0, 0, 1, 1}, 0.5f}, {x});
  x = g.add_node("max", ir::MaxPool{{{2, 2}, {1, 1}, {1, 2}, {1, 0}, {0, 1}}, true}, {x});
  x = g.add_node("mean", ir::AveragePool{{{2, 3}, {1, 2}, {1, 1}, {1, 1}, {0, 1}}, true, true}, {x});
  x = g.add_node("join", ir::Concat{-2}, {x, x});
  x = g.add_node("softmax", ir::Softmax{-1}, {x});
  g.set_output(x);
  const ir::Shape shape = ir::infer_shapes(g)[static_cast<std::size_t>(x)];
  x = g.add_node("rows", ir::Reshape{{ir::kBatch, shape[1], -1}}, {x});
  x = g.add_node("linear", ir::Linear{}, {x, constant("v", {3, shape[2] * shape[3]}), constant("c", {3})});
  const ir::ValueId columns = g.add_node("columns", ir::Transpose{{0, 2, 1}}, {x});
  x = g.add_node("product", ir::MatMul{}, {x, columns});
  x = g.add_node("reduce", ir::ReduceMean{{2}, false}, {x});
  g.set_output(x);
  expect_same_function(g, 1e-6f);
}

quant::QuantizedModel one_layer(quant::Granularity granularity, std::size_t scales) {
  quant::QuantizedModel model;
  const ir::ValueId x = model.graph.add_input("x", {ir::kBatch, 4, 5, 5});
  const ir::ValueId w = model.graph.add_constant("conv.weight", lcg_tensor({6, 4, 3, 3}, 2.0f, -1.0f));
  model.graph.set_output(
      model.graph.add_node("conv", ir::Conv{{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, 1}, {x, w}));
  quant::CimLayer layer;
  layer.config.array_rows = 18;  // two channels a tile
  layer.config.array_columns = 4;
  layer.config.weight_granularity = granularity;
  layer.config.adc_levels = quant::kIdealAdc;
  for (std::size_t i = 0; i < scales; ++i)
    layer.weight_scale.push_back(0.125f + 0.01f * static_cast<float>(i));
  model.layers.emplace("conv", layer);
  return model;
}

const onnx::TensorProto& initializer(const onnx::ModelProto& model, const std::string& name) {
  for (const auto& tensor : model.graph().initializer()) {
    if (tensor.name() == name) return tensor;
  }
  throw std::runtime_error("no initializer " + name);
}

TEST(OnnxExport, ScalesOfQonnxHaveTheSmallestShapeThatBroadcasts) {
  const auto shape = [](quant::Granularity granularity, std::size_t scales) {
    const auto proto = parsed(export_qonnx(one_layer(granularity, scales)));
    const auto& dims = initializer(proto, "conv.weight_scale").dims();
    return ir::Shape(dims.begin(), dims.end());
  };
  using quant::Granularity;
  EXPECT_EQ(shape(Granularity::kLayer, 1), (ir::Shape{1, 1, 1, 1}));
  EXPECT_EQ(shape(Granularity::kChannel, 6), (ir::Shape{6, 1, 1, 1}));
  EXPECT_EQ(shape(Granularity::kArray, 4), (ir::Shape{6, 4, 1, 1}));
  EXPECT_EQ(shape(Granularity::kColumn, 12), (ir::Shape{6, 4, 1, 1}));
}

TEST(OnnxExport, QuantNodesSayBitsSignAndRange) {
  quant::QuantizedModel model = one_layer(quant::Granularity::kChannel, 6);
  model.layers.at("conv").config.weight_bits = 3;
  model.layers.at("conv").config.activation_bits = 5;
  model.layers.at("conv").config.encoding = "differential";
  const auto proto = parsed(export_qonnx(model));
  std::string text;
  for (const auto& node : proto.graph().node()) {
    text += node.name() + " " + node.domain() + "." + node.op_type();
    for (const auto& attribute : node.attribute()) {
      if (node.op_type() == "Quant")
        text += " " + attribute.name() + "=" +
                (attribute.s().empty() ? std::to_string(attribute.i()) : attribute.s());
    }
    text += "\n";
  }
  EXPECT_EQ(text,
            "conv.input_quant qonnx.custom_op.general.Quant signed=0 narrow=0 rounding_mode=ROUND\n"
            "conv.weight_quant qonnx.custom_op.general.Quant signed=1 narrow=1 rounding_mode=ROUND\n"
            "conv .Conv\n");
  EXPECT_EQ(initializer(proto, "conv.input_bits").raw_data(), std::string("\0\0\xa0\x40", 4));  // 5.0f
  EXPECT_EQ(proto.doc_string(), "");
}

// A signed Quant of one bit means -1 and 1 to QONNX.
TEST(OnnxExport, OneSignedBitIsAnUnsignedOneLessAZeroPoint) {
  quant::QuantizedModel model = one_layer(quant::Granularity::kLayer, 1);
  quant::CimLayer& layer = model.layers.at("conv");
  layer.config.weight_bits = layer.config.activation_bits = 1;
  layer.activation_signed = true;
  const auto bytes = export_qonnx(model);
  const auto proto = parsed(bytes);
  for (const char* zero : {"conv.input_zero", "conv.weight_zero"})
    EXPECT_EQ(initializer(proto, zero).raw_data(), std::string("\0\0\x80\x3f", 4)) << zero;  // 1.0f
  for (const auto& node : proto.graph().node()) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == "signed") {
        EXPECT_EQ(attribute.i(), 0) << node.name();
      }
    }
  }
  const quant::CimLayer back = import_onnx(bytes, "m.onnx").layers.at("conv");
  EXPECT_EQ(back.config.weight_bits, 1);
  EXPECT_EQ(quant::weight_range(back.config), quant::signed_range(1));
  EXPECT_EQ(quant::activation_range(back), quant::signed_range(1));
}

TEST(OnnxExport, TheTextSaysThatConvertersAreLeftOut) {
  quant::QuantizedModel model = one_layer(quant::Granularity::kLayer, 1);
  quant::CimLayer& layer = model.layers.at("conv");
  layer.config.adc_levels = 4;
  layer.config.psum_granularity = quant::Granularity::kLayer;
  layer.psum_step = {0.5f, 0.25f};
  layer.psum_centre = {0.0f, 1.0f};
  for (const auto encode : {export_qonnx, export_qdq}) {
    const auto bytes = encode(model);
    EXPECT_NE(parsed(bytes).doc_string().find("ideal ADCs"), std::string::npos);
    const quant::CimLayer back = import_onnx(bytes, "m.onnx").layers.at("conv");
    EXPECT_EQ(back.config, layer.config);
    EXPECT_EQ(back.psum_step, layer.psum_step);
    EXPECT_EQ(back.psum_centre, layer.psum_centre);
  }
}

TEST(OnnxExport, WhatADialectCannotSayIsRefusedByName) {
  const auto refused = [](const quant::QuantizedModel& model) {
    return error_of([&] { export_qdq(model); }, ErrorCode::kUnsupported);
  };
  EXPECT_EQ(refused(one_layer(quant::Granularity::kColumn, 12)),
            "node 'conv': its weight scales go by column, but qdq has one for a layer or an output channel "
            "(--to qonnx takes any granularity)");
  EXPECT_EQ(
      refused(one_layer(quant::Granularity::kArray, 4)).find("node 'conv': its weight scales go by array"),
      0u);
  quant::QuantizedModel wide = one_layer(quant::Granularity::kLayer, 1);
  wide.layers.at("conv").config.activation_bits = 10;
  EXPECT_EQ(
      refused(wide),
      "node 'conv': its 10 bits do not fit the 8-bit integers of qdq (--to qonnx takes any number of bits)");
  quant::QuantizedModel sliced = one_layer(quant::Granularity::kLayer, 2);
  sliced.layers.at("conv").config.slice_scales = true;
  EXPECT_EQ(refused(sliced),
            "node 'conv': its bit slices have scales of their own, for which ONNX has no form");
  EXPECT_EQ(error_of([] { export_qonnx(one_layer(quant::Granularity::kChannel, 3)); }),
            "node 'conv': it has 3 weight scales, expected 6");
}

TEST(OnnxExport, TheSameModelGivesTheSameBytes) {
  const quant::QuantizedModel model = one_layer(quant::Granularity::kChannel, 6);
  EXPECT_EQ(export_qonnx(model), export_qonnx(model));
  EXPECT_EQ(export_qdq(import_onnx(export_qdq(model), "m.onnx")), export_qdq(model));
}

TEST(OnnxExport, MetadataThatContradictTheNodesAreRefused) {
  const quant::QuantizedModel model = one_layer(quant::Granularity::kChannel, 6);
  const auto edited = [&](const std::string& from, const std::string& to) {
    onnx::ModelProto proto = parsed(export_qonnx(model));
    std::string& text = *proto.mutable_metadata_props(0)->mutable_value();
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << text;
    text.replace(at, from.size(), to);
    const std::string file = proto.SerializeAsString();
    return error_of([&] { import_onnx(std::as_bytes(std::span(file)), "m.onnx"); });
  };
  const auto message = [](const std::string& what) {
    return "m.onnx: node 'conv': the metadata 'bitline.quantization' and the nodes have different " + what +
           " (remove the metadata to read the nodes alone)";
  };
  EXPECT_EQ(edited("\"activation_scale\":1", "\"activation_scale\":2"), message("input scales"));
  EXPECT_EQ(edited("\"activation_bits\":4", "\"activation_bits\":5"), message("input codes"));
  EXPECT_EQ(edited("\"weight_bits\":4", "\"weight_bits\":5"), message("weight codes"));
  EXPECT_EQ(edited("\"weight_scale\":[0.125", "\"weight_scale\":[0.25"), message("weight scales"));
  EXPECT_NE(edited("\"node\":\"conv\"", "\"node\":\"cnov\"").find("have different layers"),
            std::string::npos);
  EXPECT_EQ(edited("\"version\":1", "\"version\":7"), "m.onnx: the quantization plan has an unknown version");
}

TEST(ExportFormats, AreFoundByName) {
  for (const ExportFormat& format : export_formats()) EXPECT_EQ(&export_format(format.name), &format);
  EXPECT_EQ(error_of([] { export_format("qonx"); }, ErrorCode::kUsage),
            "unknown format 'qonx' (did you mean 'qonnx'?)");
}

}  // namespace
}  // namespace bitline::frontend
