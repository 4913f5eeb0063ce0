// Does equalization keep the function, make ranges equal, and leave alone what it must?
#include "bitline/ir/equalize.h"

#include <cmath>
#include <string>

#include "reference.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

constexpr Window kSame3x3{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
constexpr std::int64_t kChannels = 6;

// Weights whose channels differ in size by orders of magnitude.
Tensor uneven(Draw& draw, const Shape& shape) {
  Tensor weight = draw.normals(shape);
  const std::size_t each = weight.size() / static_cast<std::size_t>(shape[0]);
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight.data[i] *= std::pow(4.0f, static_cast<float>(i / each) - 3.0f);
  return weight;
}

// Convolution, activation, depthwise convolution, pooling, pointwise convolution.
Graph separable(const Op& activation, std::uint64_t seed) {
  Draw draw(seed);
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 3, 8, 8});
  const ValueId w1 = g.add_constant("w1", uneven(draw, {kChannels, 3, 3, 3}));
  const ValueId b1 = g.add_constant("b1", draw.normals({kChannels}));
  const ValueId w2 = g.add_constant("w2", uneven(draw, {kChannels, 1, 3, 3}));
  const ValueId w3 = g.add_constant("w3", uneven(draw, {4, kChannels, 1, 1}));
  ValueId y = g.add_node("conv1", Conv{kSame3x3, 1}, {x, w1, b1});
  y = g.add_node("activation", activation, {y});
  y = g.add_node("conv2", Conv{kSame3x3, kChannels}, {y, w2});
  y = g.add_node("pool", MaxPool{Window{{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}}, false}, {y});
  g.set_output(g.add_node("conv3", Conv{Window{}, 1}, {y, w3}));
  return g;
}

const Tensor& constant(const Graph& g, const std::string& node) {
  return g.constant(g.find_node(node)->inputs[1]);
}

float output_range(const Tensor& w, std::int64_t o) {
  const auto each = static_cast<std::int64_t>(w.size()) / w.dim(0);
  float range = 0.0f;
  for (std::int64_t i = 0; i < each; ++i)
    range = std::max(range, std::fabs(w.data[static_cast<std::size_t>(o * each + i)]));
  return range;
}

float input_range(const Tensor& w, std::int64_t c) {  // of a dense 1x1 convolution
  float range = 0.0f;
  for (std::int64_t o = 0; o < w.dim(0); ++o)
    range = std::max(range, std::fabs(w.data[static_cast<std::size_t>(o * w.dim(1) + c)]));
  return range;
}

void expect_same_function(const Graph& a, const Graph& b) {
  Draw draw(3);
  const Tensor x = draw.normals({2, 3, 8, 8});
  const Tensor expected = run_graph(a, x), got = run_graph(b, x);
  float largest = 0.0f;
  for (const float v : expected.data) largest = std::max(largest, std::fabs(v));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got.data[i], expected.data[i], 1e-5f * largest);
}

// A linear layer of images works on their last dimension, which is neither what a convolution writes nor what
// pooling leaves alone.
TEST(Equalize, LinearLayersOfImages) {
  Draw draw(11);
  Graph mixed, pooled;
  for (Graph* g : {&mixed, &pooled}) {
    const ValueId x = g->add_input("x", {kBatch, 3, 8, 8});
    const ValueId w2 = g->add_constant("w2", uneven(draw, {8, 8}));
    ValueId y = x;
    if (g == &mixed) {
      y = g->add_node("first", Conv{kSame3x3, 1}, {x, g->add_constant("w1", uneven(draw, {8, 3, 3, 3}))});
    } else {
      y = g->add_node("first", Linear{}, {x, g->add_constant("w1", uneven(draw, {8, 8}))});
      y = g->add_node("pool", MaxPool{Window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, false}, {y});
    }
    g->set_output(g->add_node("second", Linear{}, {y, w2}));
    const Graph after = equalize_layers(*g);
    expect_same_function(*g, after);
    EXPECT_EQ(constant(after, "first").data, constant(*g, "first").data);
  }
}

TEST(Equalize, KeepsTheFunctionAndMakesRangesEqual) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Graph before = separable(Relu{}, seed), after = equalize_layers(before);
    expect_same_function(before, after);
    const Tensor &first = constant(after, "conv1"), &depthwise = constant(after, "conv2"),
                 &last = constant(after, "conv3");
    for (std::int64_t c = 0; c < kChannels; ++c) {
      const float range = output_range(first, c);
      EXPECT_NEAR(output_range(depthwise, c), range, 0.01f * range) << "channel " << c;
      EXPECT_NEAR(input_range(last, c), range, 0.01f * range) << "channel " << c;
    }
  }
}

TEST(Equalize, ABoundThatDoesNotScalePartsThePair) {
  const Graph before = separable(Clip{0.0f, 6.0f}, 2), after = equalize_layers(before);
  EXPECT_EQ(constant(after, "conv1").data, constant(before, "conv1").data);
  EXPECT_NE(constant(after, "conv3").data, constant(before, "conv3").data);
  expect_same_function(before, after);
}

TEST(Equalize, ZeroChannelsAndSharedWeightsStay) {
  Graph g = separable(Relu{}, 4);
  Tensor& w2 = g.constant(g.find_node("conv2")->inputs[1]);
  std::fill(w2.data.begin(), w2.data.begin() + 9, 0.0f);
  const Graph after = equalize_layers(g);
  for (const auto& [id, value] : after.constants()) {
    for (const float v : value.data) EXPECT_TRUE(std::isfinite(v));
  }
  const std::vector<float>& was = constant(g, "conv1").data;
  const std::vector<float>& is = constant(after, "conv1").data;
  EXPECT_TRUE(std::equal(was.begin(), was.begin() + 27, is.begin()));
  Graph shared = separable(Relu{}, 6);
  const ValueId w3 = shared.find_node("conv3")->inputs[1];
  const ValueId y = shared.add_node("again", Conv{Window{}, 1}, {shared.find_node("pool")->output, w3});
  shared.set_output(shared.add_node("sum", Add{}, {y, shared.find_node("conv3")->output}));
  EXPECT_EQ(constant(equalize_layers(shared), "conv3").data, constant(shared, "conv3").data);
}

// A channel with next to no weights, but with a bias: dividing both by the same factor would let the bias
// outgrow all other channels, and the scale of the activations with it.
TEST(Equalize, NearlyDeadChannelsStaySmall) {
  for (const float dead : {1e-3f, 1e-6f, 1e-20f}) {
    Graph g = separable(Relu{}, 5);
    Tensor& w1 = g.constant(g.find_node("conv1")->inputs[1]);
    for (std::size_t i = 0; i < 27; ++i) w1.data[i] *= dead;
    const std::vector<float> before = g.constant(g.find_node("conv1")->inputs[2]).data;
    const Graph after = equalize_layers(g);
    const std::vector<float> biases = after.constant(after.find_node("conv1")->inputs[2]).data;
    float most = 0.0f;
    for (const float b : before) most = std::max(most, std::fabs(b));
    for (std::size_t c = 0; c < biases.size(); ++c) {
      EXPECT_LE(std::fabs(biases[c]), 8.01f * most) << dead << ", channel " << c;
      const float factor = constant(after, "conv1").data[c * 27] / w1.data[c * 27];
      EXPECT_LE(factor, 64.1f);
      EXPECT_GE(factor, 1.0f / 64.1f);
    }
    expect_same_function(g, after);
  }
}

}  // namespace
}  // namespace bitline::ir
