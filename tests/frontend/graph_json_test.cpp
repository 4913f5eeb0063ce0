#include "bitline/frontend/graph_json.h"

#include <limits>

#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/weights.h"
#include "bitline/frontend/zoo.h"
#include "bitline/ir/interpreter.h"

namespace bitline::frontend {
namespace {

// One node of every operator, with attributes that differ from their defaults.
ir::Graph every_operator() {
  ir::Graph g;
  ir::Window window{{3, 2}, {2, 1}, {1, 2}, {1, 0}, {0, 1}};
  const ir::ValueId x = g.add_input("x", {ir::kBatch, 4, 8, 8});
  const ir::ValueId w = g.add_constant("conv.weight", lcg_tensor({6, 2, 3, 2}));
  ir::ValueId y = g.add_node("conv", ir::Conv{window, 2}, {x, w});
  std::vector<ir::ValueId> norm{y};
  for (const char* name : {"gamma", "beta", "mean", "variance"})
    norm.push_back(g.add_constant(name, lcg_tensor({6}, 1, 1)));
  y = g.add_node("bn", ir::BatchNorm{1e-3f}, norm);
  y = g.add_node("relu", ir::Relu{}, {y});
  y = g.add_node("clip", ir::Clip{-0.1f, std::numeric_limits<float>::infinity()}, {y});
  const ir::ValueId sum = g.add_node("add", ir::Add{}, {y, g.add_constant("half", {{1}, {0.5f}})});
  const ir::ValueId product = g.add_node("mul", ir::Mul{}, {y, sum});
  y = g.add_node("concat", ir::Concat{1}, {sum, product});
  y = g.add_node("max", ir::MaxPool{{{2, 2}, {1, 1}, {1, 1}, {0, 1}, {1, 0}}, true}, {y});
  y = g.add_node("average", ir::AveragePool{{{2, 2}, {1, 1}, {1, 1}, {1, 0}, {0, 0}}, false, true}, {y});
  y = g.add_node("pad", ir::Pad{{0, 0, 1, 2}, {0, 0, 0, 1}, -0.3f}, {y});
  y = g.add_node("slice", ir::Slice{{3, 2}, {-1, 0}, {std::numeric_limits<std::int64_t>::min(), 4}, {-2, 1}},
                 {y});
  y = g.add_node("transpose", ir::Transpose{{0, 1, 3, 2}}, {y});
  y = g.add_node("mean_rows", ir::ReduceMean{{3}, true}, {y});
  y = g.add_node("global", ir::GlobalAveragePool{}, {y});
  y = g.add_node("flat", ir::Flatten{1}, {y});
  y = g.add_node("linear", ir::Linear{}, {y, g.add_constant("fc", lcg_tensor({6, 12}))});
  const ir::ValueId a = g.add_node("rows", ir::Reshape{{ir::kBatch, 2, 3}}, {y});
  const ir::ValueId b = g.add_node("columns", ir::Reshape{{ir::kBatch, 3, 2}}, {y});
  y = g.add_node("matmul", ir::MatMul{}, {a, b});
  g.set_output(g.add_node("softmax", ir::Softmax{-1}, {y}));
  return g;
}

io::Json with_entry(const io::Json& json, std::size_t i, const io::Json& entry) {
  io::JsonArray values = json.at("values").as_array();
  values[i] = entry;
  io::Json out = json;
  out.set("values", std::move(values));
  return out;
}

// y = relu(W x): values 0 x, 1 fc, 2 linear, 3 relu.
ir::Graph tiny() {
  ir::Graph g;
  const ir::ValueId x = g.add_input("x", {ir::kBatch, 3});
  const ir::ValueId w = g.add_constant("fc", {{2, 3}, {1, 2, 3, 4, 5, 6}});
  g.set_output(g.add_node("relu", ir::Relu{}, {g.add_node("linear", ir::Linear{}, {x, w})}));
  return g;
}

TEST(GraphJson, KeepsEveryOperatorAndAttribute) {
  const ir::Graph graph = every_operator();
  const io::Json json = io::parse_json(graph_to_json(graph).dump(), "g.json");
  const ir::Graph loaded = graph_from_json(json, state_dict(graph));
  EXPECT_EQ(graph_to_json(loaded).dump(), graph_to_json(graph).dump());
  const ir::Tensor input = lcg_tensor({2, 4, 8, 8});
  EXPECT_EQ(ir::run_graph(loaded, input).data, ir::run_graph(graph, input).data);
  EXPECT_EQ(loaded.nodes().size(), graph.nodes().size());
  EXPECT_EQ(loaded.output(), graph.output());
}

TEST(GraphJson, WritesAttributesByName) {
  const std::string text = graph_to_json(every_operator()).dump(-1);
  for (const char* part : {R"("stride":[2,1])", R"("pad_end":[0,1])", R"("groups":2)", R"("high":"inf")",
                           R"("count_include_pad":true)", R"("steps":[-2,1])", R"("dims":[-1,2,3])"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

TEST(GraphJson, ClosesTheGapThatARemovedNodeLeaves) {
  ir::Graph graph = tiny();
  graph.set_output(2);
  graph.nodes().pop_back();
  EXPECT_EQ(graph_to_json(graph).at("values").as_array().size(), 3u);
  EXPECT_EQ(graph_from_json(graph_to_json(graph), state_dict(graph)).nodes().size(), 1u);
}

struct Damage {
  const char* name;
  std::size_t entry;
  const char* json;
  const char* message;
};

class GraphJsonDamage : public testing::TestWithParam<Damage> {};

TEST_P(GraphJsonDamage, IsRefused) {
  const ir::Graph graph = tiny();
  const io::Json json =
      with_entry(graph_to_json(graph), GetParam().entry, io::parse_json(GetParam().json, "entry"));
  const std::string text = error_of([&] { graph_from_json(json, state_dict(graph)); });
  EXPECT_NE(text.find(GetParam().message), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Entries, GraphJsonDamage,
    testing::Values(
        Damage{"UnknownOperator", 3, R"({"node":"relu","op":"Rely","inputs":[2]})",
               "node 'relu': unknown operator 'Rely' (did you mean 'Relu'?)"},
        Damage{"UnknownKey", 3, R"({"node":"relu","op":"Relu","inputs":[2],"slope":1})",
               "keys that are not its attributes"},
        Damage{"LaterValue", 2, R"({"node":"linear","op":"Linear","inputs":[0,3]})",
               "it reads value 3 before it is written"},
        Damage{"Itself", 3, R"({"node":"relu","op":"Relu","inputs":[3]})",
               "it reads value 3 before it is written"},
        Damage{"NegativeValue", 3, R"({"node":"relu","op":"Relu","inputs":[-1]})", "it reads value -1"},
        Damage{"SecondInput", 2, R"({"input":"x2","shape":["N",3]})", "a second input"},
        Damage{"OtherShape", 1, R"({"constant":"fc","shape":[3,2]})",
               "its tensor has shape [2, 3], expected [3, 2]"},
        Damage{"MissingTensor", 1, R"({"constant":"fc2","shape":[2,3]})",
               "node 'fc2': its tensor is missing"},
        Damage{"NegativeExtent", 0, R"({"input":"x","shape":["N",-3]})", "an extent of -3"},
        Damage{"ShapesThatDoNotFit", 0, R"({"input":"x","shape":["N",4]})", "linear"},
        Damage{"SameName", 3, R"({"node":"linear","op":"Relu","inputs":[2]})", "a second node of this name"},
        Damage{"MissingAttribute", 3, R"({"node":"relu","op":"Clip","inputs":[2],"low":0})", "high"},
        Damage{"BadAttribute", 3, R"({"node":"relu","op":"Softmax","inputs":[2],"axis":64})",
               "'axis' is 64, expected -64 to 63"},
        Damage{"NoKind", 3, R"({"op":"Relu","inputs":[2]})", "node"}),
    [](const auto& param_info) { return param_info.param.name; });

TEST(GraphJson, RefusesAnotherVersion) {
  const ir::Graph graph = tiny();
  io::Json json = graph_to_json(graph);
  json.set("version", 2);
  EXPECT_EQ(error_of([&] { graph_from_json(json, state_dict(graph)); }),
            "graph format version 2, expected 1 (the file was written by another version of bitline)");
}

TEST(GraphJson, RefusesATensorThatNobodyOwns) {
  const ir::Graph graph = tiny();
  io::TensorFile tensors = state_dict(graph);
  tensors.tensors["stray"] = io::store_floats({1}, std::vector<float>{1.0f});
  EXPECT_EQ(error_of([&] { graph_from_json(graph_to_json(graph), tensors); }),
            "tensor 'stray' is not in the graph");
}

TEST(GraphJson, RefusesAnOutputThatDoesNotExist) {
  const ir::Graph graph = tiny();
  io::Json json = graph_to_json(graph);
  json.set("output", 4);
  EXPECT_EQ(error_of([&] { graph_from_json(json, state_dict(graph)); }), "output 4 does not exist");
}

TEST(GraphJson, RefusesNanInATensor) {
  const ir::Graph graph = tiny();
  io::TensorFile tensors = state_dict(graph);
  std::vector<float> values(6, std::numeric_limits<float>::quiet_NaN());
  tensors.tensors["fc"] = io::store_floats({2, 3}, values);
  EXPECT_EQ(error_of([&] { graph_from_json(graph_to_json(graph), tensors); }),
            "node 'fc': its tensor holds NaN or infinity");
}

}  // namespace
}  // namespace bitline::frontend
