// An image gives the same bits wherever it stands in a batch, and whatever stands beside it.
#include <cstring>
#include <string>

#include "reference.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

constexpr Window kSame3x3{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
constexpr Window kHalf{{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};

// Convolutions, a depthwise one, pools, means, attention of positions to each other, linear layers.
Graph mixed_network(std::uint64_t seed) {
  Draw draw(seed);
  const std::int64_t width = draw.between(3, 20), hidden = draw.between(5, 70), classes = draw.between(2, 33);
  Graph g;
  ValueId y = g.add_input("x", {kBatch, 3, 8, 8});
  const auto weight = [&](const std::string& name, const Shape& shape) {
    return g.add_constant(name, draw.normals(shape, 0.0, 0.3));
  };
  y = g.add_node("conv", Conv{kSame3x3, 1}, {y, weight("w1", {width, 3, 3, 3}), weight("b1", {width})});
  y = g.add_node("relu", Relu{}, {y});
  y = g.add_node("depthwise", Conv{kSame3x3, width}, {y, weight("w2", {width, 1, 3, 3})});
  y = draw.coin() ? g.add_node("max", MaxPool{kHalf, false}, {y})
                  : g.add_node("mean", AveragePool{kHalf, false, false}, {y});
  ValueId flat = g.add_node("flat", Flatten{}, {y});
  const ValueId rows = g.add_node("rows", Reshape{{kBatch, width, 16}}, {flat});
  const ValueId columns = g.add_node("columns", Transpose{{0, 2, 1}}, {rows});
  const ValueId scores = g.add_node("scores", MatMul{}, {rows, columns});
  const ValueId shares = g.add_node("shares", Softmax{2}, {scores});
  flat = g.add_node("flat2", Flatten{}, {g.add_node("mixed", MatMul{}, {shares, rows})});
  y = g.add_node("fc1", Linear{}, {flat, weight("w3", {hidden, width * 16}), weight("b3", {hidden})});
  y = g.add_node("relu2", Relu{}, {y});
  g.set_output(g.add_node("fc2", Linear{}, {y, weight("w4", {classes, hidden})}));
  return g;
}

bool same_bits(const Tensor& batch, std::int64_t place, const Tensor& one) {
  return std::memcmp(batch.data.data() + static_cast<std::size_t>(place) * one.size(), one.data.data(),
                     one.size() * sizeof(float)) == 0;
}

TEST(BatchInvariance, EveryPlaceOfEveryBatch) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Graph g = mixed_network(seed);
    Draw draw(100 + seed);
    const Tensor image = draw.normals({1, 3, 8, 8});
    const Tensor alone = run_graph(g, image);
    for (const std::int64_t batch : {2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 40, 128}) {
      Tensor images = draw.normals({batch, 3, 8, 8});
      for (std::int64_t place = 0; place<batch; place += batch> 20 ? 13 : 1)
        std::copy(image.data.begin(), image.data.end(),
                  images.data.begin() + place * static_cast<std::int64_t>(image.size()));
      const Tensor y = run_graph(g, images);
      for (std::int64_t place = 0; place<batch; place += batch> 20 ? 13 : 1)
        ASSERT_TRUE(same_bits(y, place, alone)) << "seed " << seed << ", image " << place << " of " << batch;
    }
  }
}

TEST(BatchInvariance, ProductsOfTwoMatrices) {
  Draw draw(9);
  for (const std::int64_t size : {1, 5, 16, 40}) {
    Graph g;
    const ValueId x = g.add_input("x", {kBatch, 24});
    const ValueId w = g.add_constant("w", draw.normals({24, size}));
    g.set_output(g.add_node("product", MatMul{}, {x, w}));
    const Tensor images = draw.normals({24, 24});  // as many images as the matrix has rows
    const Tensor y = run_graph(g, images);
    for (std::int64_t n = 0; n < 24; ++n)
      ASSERT_TRUE(same_bits(y, n, run_graph(g, take_images(images, n, 1)))) << size << ", image " << n;
  }
}

}  // namespace
}  // namespace bitline::ir
