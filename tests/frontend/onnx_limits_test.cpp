// What is valid ONNX and beyond this importer is unsupported, with a true reason; what can be read otherwise
// is.
#include <limits>

#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/impl/onnx_refusals.h"
#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

ir::Shape output_shape(const ir::Graph& graph) {
  return ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
}

void expect_refused(const OnnxBuilder& net, const std::string& part) {
  const std::string text = error_of([&] { net.import(); }, ErrorCode::kUnsupported);
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(OnnxTokens, ALinearLayerOverTokensIsAConvolution) {
  OnnxBuilder net({-1, 2, 5, 4});
  const ir::Tensor w = lcg_tensor({4, 3});
  net.weight("w", {4, 3}, w.data);
  net.node("MatMul", {"x", "w"}, "y");
  const ir::Graph graph = net.import();
  const ir::Node* layer = graph.find_node("y");
  ASSERT_NE(layer, nullptr);
  ASSERT_TRUE(std::holds_alternative<ir::Conv>(layer->op));
  EXPECT_EQ(output_shape(graph), (ir::Shape{ir::kBatch, 2, 5, 3}));
  const ir::Tensor x = lcg_tensor({2, 2, 5, 4});
  const ir::Tensor y = ir::run_graph(graph, x);
  ASSERT_EQ(y.shape, (ir::Shape{2, 2, 5, 3}));
  for (std::size_t row = 0; row < 20; ++row) {
    for (std::size_t o = 0; o < 3; ++o) {
      double sum = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        sum += double{x.data[row * 4 + k]} * double{w.data[k * 3 + o]};
      }
      EXPECT_NEAR(y.data[row * 3 + o], sum, 1e-4) << row << " " << o;
    }
  }
}

TEST(OnnxSum, AddsAllItsInputs) {
  OnnxBuilder net({-1, 2});
  net.weight("c", {2}, std::vector<float>{1, 2});
  net.node("Sum", {"x", "c", "x"}, "y");
  EXPECT_EQ(ir::run_graph(net.import(), {{1, 2}, {3, 4}}).data, (std::vector<float>{7, 10}));
}

TEST(OnnxConstants, OneHundredMillionElementsAreRead) {
  OnnxBuilder net({-1, 2});
  net.numbers("dims", {8192, 12288});  // 100.7 million, more than fit the former limit of 67
  net.node("ConstantOfShape", {"dims"}, "big");
  net.node("Relu", {"x"}, "y");
  EXPECT_EQ(net.import().nodes().size(), 1u);
}

TEST(OnnxBatch, ShapesThatDependOnItAreRefusedAsThat) {
  OnnxBuilder net({-1, 2, 6, 6});
  net.node("Shape", {"x"}, "shape");
  net.numbers("zero", {0});
  net.node("Gather", {"shape", "zero"}, "batch");
  net.node("ConstantOfShape", {"batch"}, "state");
  net.node("Add", {"x", "state"}, "y");
  expect_refused(net, "ConstantOfShape 'state': the shape of a constant depends on the batch size");
}

TEST(OnnxBatch, ConstantsOfOneBatchSizeAreRefusedAsThat) {
  for (const std::int64_t batch : {1, 4}) {
    OnnxBuilder net({batch, 3, 2});
    net.weight("token", {batch, 1, 2});
    set_integer(net.node("Concat", {"token", "x"}, "y"), "axis", 1);
    expect_refused(net, "Concat 'y': it mixes the batch with constants of one batch size");
  }
  OnnxBuilder broken({1, 3, 2});
  broken.weight("token", {1, 1, 5});
  set_integer(broken.node("Concat", {"token", "x"}, "y"), "axis", 1);
  EXPECT_EQ(error_of([&] { broken.import(); }).rfind("m.onnx: node 'y': Concat: ", 0), 0u);
}

TEST(OnnxInfinity, IsValidInArithmeticAndPadding) {
  OnnxBuilder mask({-1, 2});
  mask.weight("mask", {2}, std::vector<float>{0, -std::numeric_limits<float>::infinity()});
  mask.node("Add", {"x", "mask"}, "y");
  expect_refused(mask, "Add 'y': its constant operand holds infinity");
  OnnxBuilder pad({-1, 2});
  pad.numbers("pads", {0, 0, 0, 1});
  pad.weight("value", {}, std::vector<float>{-std::numeric_limits<float>::infinity()});
  pad.node("Pad", {"x", "pads", "value"}, "y");
  expect_refused(pad, "Pad 'y': its padding value is not finite");
}

TEST(OnnxRefusals, StandTogetherByOperatorAndReason) {
  RefusedNodes nodes;
  for (const char* name : {"a", "b", "c", "d"}) nodes.add("Gelu", name, "unknown");
  nodes.add("Pad", "p", "mode");
  nodes.add("Pad", "p", "another reason of the same node");
  EXPECT_EQ(nodes.text(), "5 nodes cannot be imported: Gelu (4: 'a', 'b', 'c', ...): unknown; Pad 'p': mode");
  for (int i = 0; i < 9; ++i) nodes.add("Relu", "r" + std::to_string(i), "reason " + std::to_string(i));
  EXPECT_NE(nodes.text().find("Relu 'r3': reason 3; and 5 more"), std::string::npos) << nodes.text();
}

}  // namespace
}  // namespace bitline::frontend
