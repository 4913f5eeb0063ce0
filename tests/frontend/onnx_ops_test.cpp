// What each ONNX operator becomes, and that it computes what ONNX says.
#include <limits>

#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

// The operators of the graph in order: "Conv Relu".
std::string operators(const ir::Graph& graph) {
  std::string out;
  for (const ir::Node& node : graph.nodes())
    out += (out.empty() ? "" : " ") + std::string(ir::op_name(node.op));
  return out;
}

std::vector<float> run(const OnnxBuilder& net, const ir::Shape& shape, std::vector<float> values) {
  return ir::run_graph(net.import(), {shape, std::move(values)}).data;
}

ir::Shape output_shape(const ir::Graph& graph) {
  return ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
}

template <class Op>
const Op& only(const ir::Graph& graph) {
  EXPECT_EQ(graph.nodes().size(), 1u) << operators(graph);
  return std::get<Op>(graph.nodes().at(0).op);
}

TEST(OnnxConv, ReadsEveryAttribute) {
  OnnxBuilder net({-1, 4, 9, 9});
  net.weight("w", {6, 2, 3, 2});
  net.weight("b", {6});
  auto& conv = net.node("Conv", {"x", "w", "b"}, "y");
  set_integers(conv, "strides", {2, 1});
  set_integers(conv, "dilations", {1, 2});
  set_integers(conv, "pads", {0, 1, 2, 3});
  set_integer(conv, "group", 2);
  const ir::Graph graph = net.import();
  const ir::Conv& op = only<ir::Conv>(graph);
  EXPECT_EQ(op.window.kernel, (std::array<std::int64_t, 2>{3, 2}));
  EXPECT_EQ(op.window.stride, (std::array<std::int64_t, 2>{2, 1}));
  EXPECT_EQ(op.window.dilation, (std::array<std::int64_t, 2>{1, 2}));
  EXPECT_EQ(op.window.pad_begin, (std::array<std::int64_t, 2>{0, 1}));
  EXPECT_EQ(op.window.pad_end, (std::array<std::int64_t, 2>{2, 3}));
  EXPECT_EQ(op.groups, 2);
  EXPECT_EQ(output_shape(graph), (ir::Shape{ir::kBatch, 6, 5, 11}));
  EXPECT_EQ(graph.value_name(graph.nodes()[0].inputs[1]), "w");
}

TEST(OnnxConv, AutoPadPutsTheOddRowWhereItsNameSays) {
  for (const bool upper : {true, false}) {
    OnnxBuilder net({-1, 1, 6, 5});
    net.weight("w", {1, 1, 3, 3});
    auto& conv = net.node("Conv", {"x", "w"}, "y");
    set_text(conv, "auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER");
    set_integers(conv, "strides", {2, 2});
    const ir::Graph graph = net.import();
    const ir::Window& window = only<ir::Conv>(graph).window;
    EXPECT_EQ(window.pad_begin, (std::array<std::int64_t, 2>{upper ? 0 : 1, 1}));
    EXPECT_EQ(window.pad_end, (std::array<std::int64_t, 2>{upper ? 1 : 0, 1}));
    EXPECT_EQ(output_shape(graph), (ir::Shape{ir::kBatch, 1, 3, 3}));
  }
}

TEST(OnnxGemm, AppliesAlphaBetaAndTransB) {
  for (const bool transposed : {false, true}) {
    OnnxBuilder net({-1, 2});
    if (transposed) {
      net.weight("w", {3, 2}, std::vector<float>{1, 4, 2, 5, 3, 6});
    } else {
      net.weight("w", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
    }
    net.weight("c", {1, 3}, std::vector<float>{1, 1, 2});
    auto& gemm = net.node("Gemm", {"x", "w", "c"}, "y");
    set_real(gemm, "alpha", 2.0f);
    set_real(gemm, "beta", 0.5f);
    set_integer(gemm, "transB", transposed ? 1 : 0);
    EXPECT_EQ(operators(net.import()), "Linear");
    EXPECT_EQ(run(net, {1, 2}, {1, 10}), (std::vector<float>{82.5f, 104.5f, 127.0f}));
  }
}

TEST(OnnxMatMul, WithAConstantIsLinear) {
  OnnxBuilder net({-1, 2});
  net.weight("w", {2, 2}, std::vector<float>{1, 2, 3, 4});
  net.node("MatMul", {"x", "w"}, "y");
  EXPECT_EQ(operators(net.import()), "Linear");
  EXPECT_EQ(run(net, {1, 2}, {1, 10}), (std::vector<float>{31, 42}));
}

TEST(OnnxMatMul, OfTwoActivationsStaysOne) {
  OnnxBuilder net({-1, 2, 2});
  net.node("MatMul", {"x", "x"}, "y");
  EXPECT_EQ(operators(net.import()), "MatMul");
  EXPECT_EQ(run(net, {1, 2, 2}, {1, 2, 3, 4}), (std::vector<float>{7, 10, 15, 22}));
}

TEST(OnnxBatchNorm, NormalisesWithItsStatistics) {
  OnnxBuilder net({-1, 2, 1, 1});
  net.weight("g", {2}, std::vector<float>{2, 1});
  net.weight("b", {2}, std::vector<float>{1, 0});
  net.weight("m", {2}, std::vector<float>{3, 1});
  net.weight("v", {2}, std::vector<float>{3, 15});
  set_real(net.node("BatchNormalization", {"x", "g", "b", "m", "v"}, "y"), "epsilon", 1.0f);
  EXPECT_EQ(run(net, {1, 2, 1, 1}, {7, 9}), (std::vector<float>{5, 2}));
}

TEST(OnnxClip, ReadsItsBoundsFromAttributesAndInputs) {
  OnnxBuilder old({-1, 3}, 9);
  auto& clip = old.node("Clip", {"x"}, "y");
  set_real(clip, "min", -1.0f);
  set_real(clip, "max", 2.0f);
  EXPECT_EQ(run(old, {1, 3}, {-5, 1, 5}), (std::vector<float>{-1, 1, 2}));
  OnnxBuilder fresh({-1, 3});
  fresh.weight("high", {}, std::vector<float>{2});
  fresh.node("Clip", {"x", "", "high"}, "y");
  EXPECT_EQ(run(fresh, {1, 3}, {-5, 1, 5}), (std::vector<float>{-5, 1, 2}));
  OnnxBuilder open({-1, 3});
  open.weight("low", {}, std::vector<float>{0});
  open.weight("high", {}, std::vector<float>{std::numeric_limits<float>::infinity()});
  open.node("Clip", {"x", "low", "high"}, "y");
  EXPECT_EQ(run(open, {1, 3}, {-5, 1, 5}), (std::vector<float>{0, 1, 5}));
  OnnxBuilder crossed({-1, 3});
  crossed.weight("low", {}, std::vector<float>{3});
  crossed.weight("high", {}, std::vector<float>{2});
  crossed.node("Clip", {"x", "low", "high"}, "y");
  EXPECT_EQ(run(crossed, {1, 3}, {-5, 2.5f, 5}), (std::vector<float>{2, 2, 2}));  // min(max(x, low), high)
  OnnxBuilder infinite({-1, 3}, 9);
  set_real(infinite.node("Clip", {"x"}, "y"), "min", -std::numeric_limits<float>::infinity());
  EXPECT_EQ(run(infinite, {1, 3}, {-5, 1, 5}), (std::vector<float>{-5, 1, 5}));
}

TEST(OnnxArithmetic, BroadcastsConstants) {
  const auto with = [](const char* op, const std::vector<std::string>& inputs) {
    OnnxBuilder net({-1, 2});
    net.weight("c", {1, 2}, std::vector<float>{2, 4});
    net.node(op, inputs, "y");
    return run(net, {1, 2}, {6, 8});
  };
  EXPECT_EQ(with("Add", {"x", "c"}), (std::vector<float>{8, 12}));
  EXPECT_EQ(with("Add", {"c", "x"}), (std::vector<float>{8, 12}));
  EXPECT_EQ(with("Sub", {"x", "c"}), (std::vector<float>{4, 4}));
  EXPECT_EQ(with("Sub", {"c", "x"}), (std::vector<float>{-4, -4}));
  EXPECT_EQ(with("Mul", {"x", "c"}), (std::vector<float>{12, 32}));
  EXPECT_EQ(with("Div", {"x", "c"}), (std::vector<float>{3, 2}));
  EXPECT_EQ(with("Sub", {"x", "x"}), (std::vector<float>{0, 0}));
}

TEST(OnnxArithmetic, RefusesDivisionByZero) {
  OnnxBuilder net({-1, 2});
  net.weight("c", {2}, std::vector<float>{2, 0});
  net.node("Div", {"x", "c"}, "y");
  EXPECT_NE(error_of([&] { net.import(); }, ErrorCode::kUnsupported).find("Div 'y': it divides by zero"),
            std::string::npos);
}

TEST(OnnxPooling, ReadsWindowsAndFlags) {
  OnnxBuilder net({-1, 1, 3, 3});
  auto& pool = net.node("AveragePool", {"x"}, "y");
  set_integers(pool, "kernel_shape", {2, 2});
  set_integers(pool, "strides", {2, 2});
  set_integers(pool, "pads", {1, 1, 0, 0});
  set_integer(pool, "count_include_pad", 1);
  EXPECT_EQ(run(net, {1, 1, 3, 3}, {4, 2, 2, 4, 1, 1, 4, 1, 1}), (std::vector<float>{1, 1, 2, 1}));
  OnnxBuilder ceil({-1, 1, 3, 3});
  auto& max = ceil.node("MaxPool", {"x"}, "y");
  set_integers(max, "kernel_shape", {2, 2});
  set_integers(max, "strides", {2, 2});
  set_integer(max, "ceil_mode", 1);
  EXPECT_EQ(run(ceil, {1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), (std::vector<float>{5, 6, 8, 9}));
}

TEST(OnnxPooling, OverTheWholeImage) {
  OnnxBuilder average({-1, 1, 2, 2});
  average.node("GlobalAveragePool", {"x"}, "y");
  EXPECT_EQ(run(average, {1, 1, 2, 2}, {1, 2, 3, 6}), (std::vector<float>{3}));
  OnnxBuilder max({-1, 1, 2, 2});
  max.node("GlobalMaxPool", {"x"}, "y");
  EXPECT_EQ(run(max, {1, 1, 2, 2}, {1, 2, 3, 6}), (std::vector<float>{6}));
  OnnxBuilder mean({-1, 1, 2, 2}, 18);
  mean.numbers("axes", {-1, 2});
  set_integer(mean.node("ReduceMean", {"x", "axes"}, "y"), "keepdims", 0);
  EXPECT_EQ(only<ir::ReduceMean>(mean.import()).axes, (std::vector<int>{2, 3}));
  EXPECT_EQ(run(mean, {1, 1, 2, 2}, {1, 2, 3, 6}), (std::vector<float>{3}));
}

TEST(OnnxPooling, RefusesTheIndicesOnlyWhereTheyAreRead) {
  OnnxBuilder net({-1, 1, 2, 2});
  auto& pool = net.node("MaxPool", {"x"}, "y");
  pool.add_output("indices");
  set_integers(pool, "kernel_shape", {2, 2});
  EXPECT_EQ(operators(net.import()), "MaxPool");
  net.node("Relu", {"indices"}, "z");
  EXPECT_NE(
      error_of([&] { net.import(); }, ErrorCode::kUnsupported).find("only its first output is supported"),
      std::string::npos);
}

TEST(OnnxNoOps, Vanish) {
  OnnxBuilder net({-1, 2});
  net.node("Identity", {"x"}, "a");
  net.node("Dropout", {"a"}, "b").add_output("mask");
  set_integer(net.node("Cast", {"b"}, "c"), "to", onnx::TensorProto::FLOAT);
  net.node("Flatten", {"c"}, "d");
  net.node("Relu", {"d"}, "y");
  EXPECT_EQ(operators(net.import()), "Relu");
}

TEST(OnnxNoOps, WeightsPassThroughIdentity) {
  OnnxBuilder net({-1, 2});
  net.weight("w", {2, 2}, std::vector<float>{1, 2, 3, 4});
  net.node("Identity", {"w"}, "same");
  set_integer(net.node("Gemm", {"x", "same"}, "y"), "transB", 1);
  EXPECT_EQ(run(net, {1, 2}, {1, 10}), (std::vector<float>{21, 43}));
}

TEST(OnnxSoftmax, TakesItsAxisFromTheOpset) {
  OnnxBuilder fresh({-1, 2, 3});
  fresh.node("Softmax", {"x"}, "y");
  EXPECT_EQ(only<ir::Softmax>(fresh.import()).axis, 2);
  OnnxBuilder old({-1, 2, 3}, 11);
  old.node("Softmax", {"x"}, "y");
  EXPECT_NE(
      error_of([&] { old.import(); }, ErrorCode::kUnsupported).find("a softmax over several dimensions"),
      std::string::npos);
  OnnxBuilder flat({-1, 5}, 11);
  flat.node("Softmax", {"x"}, "y");
  EXPECT_EQ(only<ir::Softmax>(flat.import()).axis, 1);
}

TEST(OnnxShapes, SqueezeAndUnsqueezeAreReshapes) {
  OnnxBuilder net({-1, 3, 1, 1});
  net.numbers("last", {-1});
  net.numbers("axes", {1, 3});
  net.node("Squeeze", {"x", "last"}, "a");
  net.node("Unsqueeze", {"a", "axes"}, "y");
  EXPECT_EQ(output_shape(net.import()), (ir::Shape{ir::kBatch, 1, 3, 1, 1}));
  OnnxBuilder old({-1, 3, 1, 1}, 11);
  set_integers(old.node("Squeeze", {"x"}, "y"), "axes", {2, 3});
  EXPECT_EQ(only<ir::Reshape>(old.import()).dims, (ir::Shape{ir::kBatch, 3}));
}

TEST(OnnxShapes, SliceClampsAndReverses) {
  OnnxBuilder net({-1, 4});
  net.numbers("starts", {0, -1});
  net.numbers("ends",
              {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min() + 1});
  net.numbers("axes", {0, 1});
  net.numbers("steps", {1, -2});
  net.node("Slice", {"x", "starts", "ends", "axes", "steps"}, "y");
  EXPECT_EQ(run(net, {1, 4}, {1, 2, 3, 4}), (std::vector<float>{4, 2}));
  OnnxBuilder old({-1, 4}, 9);
  auto& slice = old.node("Slice", {"x"}, "y");
  set_integers(slice, "starts", {1});
  set_integers(slice, "ends", {100});
  set_integers(slice, "axes", {-1});
  EXPECT_EQ(run(old, {1, 4}, {1, 2, 3, 4}), (std::vector<float>{2, 3, 4}));
}

TEST(OnnxShapes, PadReadsAttributesInputsAndAxes) {
  OnnxBuilder old({-1, 2}, 9);
  auto& pad = old.node("Pad", {"x"}, "y");
  set_integers(pad, "pads", {0, 1, 0, 2});
  set_real(pad, "value", 7.0f);
  EXPECT_EQ(run(old, {1, 2}, {1, 2}), (std::vector<float>{7, 1, 2, 7, 7}));
  OnnxBuilder fresh({-1, 2}, 18);
  fresh.numbers("pads", {1, 0});
  fresh.weight("value", {}, std::vector<float>{9});
  fresh.numbers("axes", {-1});
  fresh.node("Pad", {"x", "pads", "value", "axes"}, "y");
  EXPECT_EQ(run(fresh, {1, 2}, {1, 2}), (std::vector<float>{9, 1, 2}));
  OnnxBuilder reflect({-1, 2}, 9);
  auto& mirrored = reflect.node("Pad", {"x"}, "y");
  set_integers(mirrored, "pads", {0, 1, 0, 1});
  set_text(mirrored, "mode", "reflect");
  EXPECT_NE(error_of([&] { reflect.import(); }, ErrorCode::kUnsupported).find("padding mode 'reflect'"),
            std::string::npos);
}

TEST(OnnxShapes, ConcatAndTransposeKeepTheirOrder) {
  OnnxBuilder net({-1, 2, 2});
  set_integers(net.node("Transpose", {"x"}, "t"), "perm", {0, 2, 1});
  set_integer(net.node("Concat", {"x", "t"}, "y"), "axis", -1);
  EXPECT_EQ(run(net, {1, 2, 2}, {1, 2, 3, 4}), (std::vector<float>{1, 2, 1, 3, 3, 4, 2, 4}));
}

// Cuts x[1, 5, 1] = 1..5 along its second dimension and joins the parts in the other order.
std::vector<float> cut_and_swapped(OnnxBuilder& net, onnx::NodeProto& split) {
  split.add_output("b");
  if (!split.attribute_size()) set_integer(split, "axis", 1);
  set_integer(net.node("Concat", {"b", "a"}, "y"), "axis", 1);
  return run(net, {1, 5, 1}, {1, 2, 3, 4, 5});
}

TEST(OnnxShapes, SplitGivesEveryPart) {
  OnnxBuilder old({-1, 5, 1}, 11);
  auto& by_attribute = old.node("Split", {"x"}, "a");
  set_integer(by_attribute, "axis", -2);
  set_integers(by_attribute, "split", {2, 3});
  EXPECT_EQ(cut_and_swapped(old, by_attribute), (std::vector<float>{3, 4, 5, 1, 2}));
  OnnxBuilder net({-1, 5, 1});
  net.numbers("extents", {4, 1});
  EXPECT_EQ(cut_and_swapped(net, net.node("Split", {"x", "extents"}, "a")),
            (std::vector<float>{5, 1, 2, 3, 4}));
  OnnxBuilder fresh({-1, 5, 1}, 18);  // equal parts, the last one smaller
  EXPECT_EQ(cut_and_swapped(fresh, fresh.node("Split", {"x"}, "a")), (std::vector<float>{4, 5, 1, 2, 3}));
  OnnxBuilder half({-1, 5, 1});  // only one part is read
  auto& split = half.node("Split", {"x", "extents"}, "y");
  half.numbers("extents", {2, 3});
  split.add_output("rest");
  set_integer(split, "axis", 1);
  EXPECT_EQ(operators(half.import()), "Slice");
}

TEST(OnnxShapes, SplitRefusesPartsThatDoNotFit) {
  const auto message = [](const std::vector<std::int64_t>& extents, std::int64_t axis, ErrorCode code) {
    OnnxBuilder net({-1, 5});
    net.numbers("extents", extents);
    auto& split = net.node("Split", {"x", "extents"}, "y");
    split.add_output("b");
    set_integer(split, "axis", axis);
    return error_of([&] { net.import(); }, code);
  };
  const std::string at = "m.onnx: node 'y': ";
  EXPECT_EQ(message({2, 2}, 1, ErrorCode::kBadInput), at + "its parts leave 1 of 5");
  EXPECT_EQ(message({2, 4}, 1, ErrorCode::kBadInput), at + "its parts do not fit an extent of 5");
  EXPECT_EQ(message({7, -2}, 1, ErrorCode::kBadInput), at + "its parts do not fit an extent of 5");
  EXPECT_NE(message({5, 0}, 1, ErrorCode::kUnsupported).find("one of its parts is empty"), std::string::npos);
  EXPECT_EQ(message({2, 2, 1}, 1, ErrorCode::kBadInput), at + "3 parts for 2 outputs");
  EXPECT_NE(message({2, 3}, 0, ErrorCode::kUnsupported).find("it cuts the batch"), std::string::npos);
  OnnxBuilder equal({-1, 5});
  auto& split = equal.node("Split", {"x"}, "y");
  split.add_output("b");
  set_integer(split, "axis", 1);
  EXPECT_EQ(error_of([&] { equal.import(); }), at + "it cuts 5 into 2 equal parts");
}

TEST(OnnxGraph, DropsWhatNobodyReads) {
  OnnxBuilder net({-1, 2});
  net.node("Relu", {"x"}, "unused");
  net.node("Relu", {"x"}, "y");
  EXPECT_EQ(operators(net.import()), "Relu");
}

TEST(OnnxGraph, SharesAWeightThatTwoNodesRead) {
  OnnxBuilder net({-1, 2});
  net.weight("w", {2, 2});
  set_integer(net.node("Gemm", {"x", "w"}, "a"), "transB", 1);
  set_integer(net.node("Gemm", {"a", "w"}, "y"), "transB", 1);
  EXPECT_EQ(net.import().constants().size(), 1u);
}

TEST(OnnxGraph, GivesNamelessAndRepeatedNodesNamesOfTheirOwn) {
  OnnxBuilder net({-1, 2});
  net.node("Relu", {"x"}, "a").set_name("");
  net.node("Relu", {"a"}, "b").set_name("same");
  net.node("Relu", {"b"}, "y").set_name("same");
  const ir::Graph graph = net.import();
  EXPECT_EQ(graph.nodes()[0].name, "Relu_a");
  EXPECT_EQ(graph.nodes()[1].name, "same");
  EXPECT_EQ(graph.nodes()[2].name, "same_2");
}

TEST(OnnxGraph, AcceptsInitializersListedAsInputs) {
  OnnxBuilder net = small_network();
  net.graph().add_input()->set_name("fc.bias");
  EXPECT_EQ(operators(net.import()), operators(small_network().import()));
}

}  // namespace
}  // namespace bitline::frontend
