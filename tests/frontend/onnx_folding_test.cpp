// The chains of shape arithmetic that exporters write are computed at import, with the batch size as a
// symbol.
#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

// Reshapes x[N, 2, 6, 6] to the int64 literal "dims" that `build` computes; the dims of the resulting node.
ir::Shape reshaped_to(const std::function<void(OnnxBuilder&)>& build, std::int64_t batch = -1) {
  OnnxBuilder net({batch, 2, 6, 6});
  build(net);
  net.node("Reshape", {"x", "dims"}, "y");
  const ir::Graph graph = net.import();
  EXPECT_EQ(graph.nodes().size(), 1u);
  return std::get<ir::Reshape>(graph.nodes().at(0).op).dims;
}

void concat(OnnxBuilder& net, const std::vector<std::string>& inputs, const std::string& output) {
  set_integer(net.node("Concat", inputs, output), "axis", 0);
}

// Adds a constant x[i] of the shape of x, as a list of one number.
void extent(OnnxBuilder& net, std::int64_t i, const std::string& output) {
  net.node("Shape", {"x"}, output + ".shape");
  net.numbers(output + ".index", {i});
  net.node("Gather", {output + ".shape", output + ".index"}, output);
}

TEST(OnnxReshape, FindsTheBatchHoweverItIsWritten) {
  const ir::Shape flat{ir::kBatch, 72};
  const auto dims = [](const std::vector<std::int64_t>& values) {
    return [values](OnnxBuilder& net) { net.numbers("dims", values); };
  };
  EXPECT_EQ(reshaped_to(dims({-1, 72})), flat);
  EXPECT_EQ(reshaped_to(dims({0, -1})), flat);
  EXPECT_EQ(reshaped_to(dims({0, 72})), flat);
  EXPECT_EQ(reshaped_to(dims({0, 0, -1})), (ir::Shape{ir::kBatch, 2, 36}));
  EXPECT_EQ(reshaped_to(dims({1, -1}), 1), flat);
  EXPECT_EQ(reshaped_to(dims({4, 72}), 4), flat);
}

TEST(OnnxReshape, RefusesShapesThatDoNotFit) {
  OnnxBuilder net({-1, 2, 6, 6});
  net.numbers("dims", {0, -1, 5});
  net.node("Reshape", {"x", "dims"}, "y");
  EXPECT_NE(error_of([&] { net.import(); }, ErrorCode::kUnsupported).find("cannot keep its batch"),
            std::string::npos);
}

TEST(OnnxFolding, TheBatchPassesThroughGatherConcatAndCast) {
  EXPECT_EQ(reshaped_to([](OnnxBuilder& net) {
              extent(net, 0, "batch");
              extent(net, 1, "channels");
              net.numbers("rest", {-1});
              concat(net, {"batch", "channels", "rest"}, "joined");
              set_integer(net.node("Cast", {"joined"}, "dims"), "to", onnx::TensorProto::INT64);
            }),
            (ir::Shape{ir::kBatch, 2, 36}));
}

TEST(OnnxFolding, ArithmeticOnExtents) {
  EXPECT_EQ(reshaped_to([](OnnxBuilder& net) {
              extent(net, 0, "batch");
              extent(net, 2, "height");
              extent(net, 3, "width");
              net.numbers("two", {2});
              net.node("Mul", {"height", "width"}, "pixels");
              net.node("Div", {"pixels", "two"}, "half");
              net.node("Add", {"half", "two"}, "more");
              net.node("Sub", {"more", "two"}, "again");
              concat(net, {"batch", "two", "two", "again"}, "dims");
            }),
            (ir::Shape{ir::kBatch, 2, 2, 18}));
}

TEST(OnnxFolding, TheBatchTimesOneIsTheBatch) {
  EXPECT_EQ(reshaped_to([](OnnxBuilder& net) {
              extent(net, 0, "batch");
              net.numbers("one", {1});
              net.node("Mul", {"one", "batch"}, "same");
              net.node("Div", {"same", "one"}, "still");
              net.numbers("rest", {72});
              concat(net, {"still", "rest"}, "dims");
            }),
            (ir::Shape{ir::kBatch, 72}));
}

TEST(OnnxFolding, RefusesToComputeWithTheBatch) {
  OnnxBuilder net({-1, 2, 6, 6});
  extent(net, 0, "batch");
  net.numbers("two", {2});
  net.node("Mul", {"batch", "two"}, "twice");
  net.numbers("rest", {-1});
  concat(net, {"twice", "rest"}, "dims");
  net.node("Reshape", {"x", "dims"}, "y");
  EXPECT_NE(error_of([&] { net.import(); }, ErrorCode::kUnsupported)
                .find("1 node cannot be imported: Mul 'twice': it computes with the batch size"),
            std::string::npos);
}

TEST(OnnxFolding, SliceTransposeSqueezeAndExpand) {
  EXPECT_EQ(reshaped_to([](OnnxBuilder& net) {
              net.node("Shape", {"x"}, "shape");  // N 2 6 6
              net.numbers("zero", {0});
              net.numbers("one", {1});
              net.node("Slice", {"shape", "zero", "one"}, "batch");
              net.numbers("list", {9, 1, 2, 2, 4, 9});
              net.numbers("table", {2, 3});
              net.node("Reshape", {"list", "table"}, "rows");  // 9 1 2 / 2 4 9
              net.node("Transpose", {"rows"}, "columns");      // 9 2 / 1 4 / 2 9
              net.numbers("from", {2});
              net.numbers("to", {3});
              net.node("Slice", {"columns", "from", "to"}, "last");  // 2 9
              net.node("Squeeze", {"last", "zero"}, "pair");
              net.numbers("two", {2});
              net.numbers("shape_of_four", {1});
              net.numbers("four", {4});
              net.node("Expand", {"four", "shape_of_four"}, "fours");
              concat(net, {"batch", "pair", "fours"}, "dims");
            }),
            (ir::Shape{ir::kBatch, 2, 9, 4}));
}

TEST(OnnxFolding, PadsFromConstantOfShape) {
  OnnxBuilder net({-1, 2, 3, 3});
  net.numbers("seven", {7});
  auto& fill = set_tensor(net.node("ConstantOfShape", {"seven"}, "zeros"), "value");
  fill.set_data_type(onnx::TensorProto::INT64);
  fill.add_dims(1);
  fill.add_int64_data(0);
  net.numbers("one", {1});
  concat(net, {"zeros", "one"}, "pads");
  net.node("Pad", {"x", "pads"}, "y");
  const ir::Graph graph = net.import();
  EXPECT_EQ(std::get<ir::Pad>(graph.nodes().at(0).op).end, (ir::Shape{0, 0, 0, 1}));
}

TEST(OnnxFolding, RefusesHugeAndBrokenConstants) {
  const auto message = [](const std::function<void(OnnxBuilder&)>& build) {
    OnnxBuilder net({-1, 2});
    build(net);
    return error_of([&] { net.import(); });
  };
  OnnxBuilder huge({-1, 2});
  huge.numbers("dims", {1 << 20, 1 << 20});
  huge.node("ConstantOfShape", {"dims"}, "y");
  EXPECT_NE(
      error_of([&] { huge.import(); }, ErrorCode::kUnsupported)
          .find("ConstantOfShape 'y': a tensor of shape [1048576, 1048576] has more than 268435456 elements"),
      std::string::npos);
  EXPECT_EQ(message([](OnnxBuilder& net) {
              net.numbers("dims", {2, -3});
              net.node("ConstantOfShape", {"dims"}, "y");
            }),
            "m.onnx: node 'y': a tensor of shape [2, -3] is not possible");
  EXPECT_EQ(message([](OnnxBuilder& net) {
              net.numbers("a", {1, 2});
              net.numbers("b", {1, 2, 3});
              net.node("Add", {"a", "b"}, "y");
            }),
            "m.onnx: node 'y': shapes [2] and [3] do not broadcast");
  EXPECT_EQ(message([](OnnxBuilder& net) {
              net.numbers("a", {1});
              net.numbers("b", {0});
              net.node("Div", {"a", "b"}, "y");
            }),
            "m.onnx: node 'y': integer division by zero");
  EXPECT_EQ(message([](OnnxBuilder& net) {
              net.numbers("a", {std::int64_t{1} << 62});
              net.node("Add", {"a", "a"}, "y");
            }),
            "m.onnx: node 'y': integer overflow");
  EXPECT_EQ(message([](OnnxBuilder& net) {
              net.numbers("a", {1, 2});
              net.numbers("i", {2});
              net.node("Gather", {"a", "i"}, "y");
            }),
            "m.onnx: node 'y': index 2 is out of range");
}

TEST(OnnxFolding, ConstantsOfAFileHaveALimitTogether) {
  OnnxBuilder net({-1, 2});
  net.numbers("small", {1 << 16});
  net.numbers("dims", {1 << 28});  // as many as there may be, and not made
  net.node("ConstantOfShape", {"small"}, "c0");
  net.node("ConstantOfShape", {"dims"}, "c1");
  net.node("Relu", {"x"}, "y");
  const std::string text = error_of([&] { net.import(); }, ErrorCode::kUnsupported);
  EXPECT_NE(text.find("ConstantOfShape 'c1': the constants that the file computes have more than"),
            std::string::npos)
      << text;
}

TEST(OnnxFolding, AGraphOfConstantsAloneIsRefused) {
  OnnxBuilder net({-1, 2});
  net.numbers("a", {1});
  net.node("Add", {"a", "a"}, "y");
  EXPECT_EQ(error_of([&] { net.import(); }, ErrorCode::kUnsupported),
            "m.onnx: the graph's output 'y' does not depend on its input");
}

TEST(OnnxFolding, ReadsEveryFormOfConstant) {
  OnnxBuilder net({-1, 2});
  set_real(net.node("Constant", {}, "half"), "value_float", 0.5f);
  net.node("Mul", {"x", "half"}, "scaled");
  auto& half = set_tensor(net.node("Constant", {}, "bias"), "value");
  half.set_data_type(onnx::TensorProto::FLOAT16);
  half.add_dims(2);
  half.add_int32_data(0x3c00);  // 1
  half.add_int32_data(0xc000);  // -2
  net.node("Add", {"scaled", "bias"}, "moved");
  set_integers(net.node("Constant", {}, "dims"), "value_ints", {0, 2, 1});
  net.node("Reshape", {"moved", "dims"}, "y");
  EXPECT_EQ(ir::run_graph(net.import(), {{1, 2}, {4, 8}}).data, (std::vector<float>{3, 2}));
}

}  // namespace
}  // namespace bitline::frontend
