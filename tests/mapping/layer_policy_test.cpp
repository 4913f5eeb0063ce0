#include "bitline/mapping/layer_policy.h"

#include "base/error_of.h"
#include <gtest/gtest.h>

namespace bitline::mapping {
namespace {

using Names = std::vector<std::string>;

Names names_of(const ir::Graph& graph, const LayerPolicy& policy) {
  Names names;
  for (const PlacedLayer& layer : place_layers(graph, policy)) {
    EXPECT_EQ(layer.placement, Placement::kArray) << layer.name;
    names.push_back(layer.name);
  }
  return names;
}

ir::ValueId add_conv(ir::Graph& graph, const std::string& name, ir::ValueId x, std::int64_t in,
                     std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  ir::Conv op;
  op.window.kernel = {kernel, kernel};
  op.window.stride = {stride, stride};
  op.window.pad_begin = op.window.pad_end = {kernel / 2, kernel / 2};
  return graph.add_node(name, op,
                        {x, graph.add_constant(name + ".weight", ir::Tensor({out, in, kernel, kernel}))});
}

// A residual network of one block that halves the image, as the ResNets of the zoo have it.
ir::Graph small_resnet() {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 3, 8, 8});
  const ir::ValueId stem = graph.add_node("relu0", ir::Relu{}, {add_conv(graph, "stem", x, 3, 4, 3, 1)});
  const ir::ValueId a =
      graph.add_node("relu1", ir::Relu{}, {add_conv(graph, "block.conv1", stem, 4, 8, 3, 2)});
  const ir::ValueId b = add_conv(graph, "block.conv2", a, 8, 8, 3, 1);
  const ir::ValueId shortcut = add_conv(graph, "block.shortcut", stem, 4, 8, 1, 2);
  const ir::ValueId sum = graph.add_node("add", ir::Add{}, {b, shortcut});
  const ir::ValueId mix = add_conv(graph, "pointwise", sum, 8, 8, 1, 1);
  const ir::ValueId pooled = graph.add_node("pool", ir::GlobalAveragePool{}, {mix});
  const ir::ValueId flat = graph.add_node("flat", ir::Flatten{1}, {pooled});
  graph.set_output(
      graph.add_node("fc", ir::Linear{}, {flat, graph.add_constant("fc.weight", ir::Tensor({10, 8}))}));
  return graph;
}

TEST(LayerPolicy, ByDefaultFirstLastAndShortcutsStayInFloat) {
  EXPECT_EQ(names_of(small_resnet(), {}), (Names{"block.conv1", "block.conv2", "pointwise"}));
}

TEST(LayerPolicy, EachRuleCanBeSwitchedOff) {
  LayerPolicy policy;
  policy.first = Placement::kArray;
  EXPECT_EQ(names_of(small_resnet(), policy), (Names{"stem", "block.conv1", "block.conv2", "pointwise"}));
  policy.last = Placement::kArray;
  EXPECT_EQ(names_of(small_resnet(), policy).back(), "fc");
  policy.shortcut = Placement::kArray;
  EXPECT_EQ(names_of(small_resnet(), policy),
            (Names{"stem", "block.conv1", "block.conv2", "block.shortcut", "pointwise", "fc"}));
}

TEST(LayerPolicy, DigitalLayersAreQuantizedToo) {
  LayerPolicy policy;
  policy.first = policy.shortcut = Placement::kDigital;
  policy.last = Placement::kArray;
  EXPECT_EQ(place_layers(small_resnet(), policy),
            (std::vector<PlacedLayer>{{"stem", Placement::kDigital},
                                      {"block.conv1", Placement::kArray},
                                      {"block.conv2", Placement::kArray},
                                      {"block.shortcut", Placement::kDigital},
                                      {"pointwise", Placement::kArray},
                                      {"fc", Placement::kArray}}));
  policy.float_layers = {"stem", "block.conv1", "block.conv2", "pointwise", "fc"};
  EXPECT_NE(error_of([&] { place_layers(small_resnet(), policy); }).find("no layer is left"),
            std::string::npos);
}

TEST(LayerPolicy, LayersAreKeptInFloatByName) {
  LayerPolicy policy;
  policy.float_layers = {"block.conv1", "stem"};
  EXPECT_EQ(names_of(small_resnet(), policy), (Names{"block.conv2", "pointwise"}));
}

TEST(LayerPolicy, AnUnknownNameSuggestsTheNearest) {
  LayerPolicy policy;
  policy.float_layers = {"block.conv3"};
  const std::string error = error_of([&] { place_layers(small_resnet(), policy); });
  EXPECT_EQ(
      error.rfind("no convolution or linear layer is called 'block.conv3' (did you mean 'block.conv", 0), 0U)
      << error;
  policy.float_layers = {"add"};  // a node, but not a layer
  EXPECT_NE(error_of([&] { place_layers(small_resnet(), policy); }).find("called 'add'"), std::string::npos);
}

TEST(LayerPolicy, NothingLeftIsAnError) {
  LayerPolicy policy;
  policy.float_layers = {"block.conv1", "block.conv2", "pointwise"};
  EXPECT_EQ(error_of([&] { place_layers(small_resnet(), policy); }),
            "no layer is left for the array (allow the first or last layer on the array)");
}

// A product over the last of four dimensions; as many channels as it has inputs, so that a 1x1 convolution
// would fit, too.
TEST(LayerPolicy, LinearLayersOverPicturesStayInFloat) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 8, 4, 8});
  const ir::ValueId y =
      graph.add_node("mix", ir::Linear{}, {x, graph.add_constant("mix.weight", ir::Tensor({6, 8}))});
  const ir::ValueId flat = graph.add_node("flat", ir::Flatten{1}, {y});
  graph.set_output(
      graph.add_node("fc", ir::Linear{}, {flat, graph.add_constant("fc.weight", ir::Tensor({10, 192}))}));
  LayerPolicy policy;
  policy.first = policy.last = Placement::kArray;
  EXPECT_EQ(error_of([&] { place_layers(graph, policy); }, ErrorCode::kUnsupported),
            "a linear layer on the array takes [N, K], not the input of 'mix' of [N, 8, 4, 8] "
            "(keep it in float: --float-layers mix)");
  policy.float_layers = {"mix"};
  EXPECT_EQ(names_of(graph, policy), Names{"fc"});
}

}  // namespace
}  // namespace bitline::mapping
