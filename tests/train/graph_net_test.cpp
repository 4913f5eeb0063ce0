// A graph in LibTorch against the float interpreter, and its state in and out.
#include "bitline/train/graph_net.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/error_of.h"
#include "random_layer.h"
#include "training_case.h"

#include "bitline/ir/interpreter.h"
#include "bitline/train/graph_ops.h"

namespace bitline::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kToTheStart = std::numeric_limits<std::int32_t>::min();

ir::Tensor random_values(Dice& dice, const ir::Shape& shape, float spread = 0.5f, float middle = 0.0f) {
  ir::Tensor t(shape);
  for (float& v : t.data) v = middle + spread * dice.normal();
  return t;
}

ir::Window square(std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {{kernel, kernel}, {stride, stride}, {1, 1}, {pad, pad}, {pad, pad}};
}

class Builder {
 public:
  explicit Builder(std::uint64_t seed) : dice_(seed) {}
  ir::ValueId constant(const ir::Shape& shape, float spread = 0.5f, float middle = 0.0f) {
    return graph.add_constant("c" + std::to_string(next_++), random_values(dice_, shape, spread, middle));
  }
  ir::ValueId node(const ir::Op& op, std::vector<ir::ValueId> inputs) {
    return graph.add_node(std::string(ir::op_name(op)) + std::to_string(next_++), op, std::move(inputs));
  }
  ir::Graph graph;

 private:
  Dice dice_;
  int next_ = 0;
};

ir::ValueId add_batch_norm(Builder& b, ir::ValueId x, std::int64_t channels) {
  return b.node(ir::BatchNorm{}, {x, b.constant({channels}, 0.2f, 1.0f), b.constant({channels}),
                                  b.constant({channels}), b.constant({channels}, 0.05f, 0.8f)});
}

// [N, 4, 8, 8] -> [N, 8, 4, 5]: convolutions, arithmetic and pooling.
ir::ValueId add_front(Builder& b) {
  ir::ValueId x = b.graph.add_input("x", {ir::kBatch, 4, 8, 8});
  const ir::Window skewed{{3, 3}, {1, 1}, {1, 1}, {0, 1}, {1, 2}};
  x = b.node(ir::Conv{skewed, 1}, {x, b.constant({6, 4, 3, 3})});
  x = b.node(ir::Relu{}, {add_batch_norm(b, x, 6)});
  x = b.node(ir::Conv{square(3, 1, 1), 2}, {x, b.constant({4, 3, 3, 3}), b.constant({4})});
  const ir::ValueId clipped = b.node(ir::Clip{-0.5f, 0.7f}, {x});
  x = b.node(ir::Mul{}, {clipped, b.constant({4, 1, 1})});
  x = b.node(ir::Add{}, {x, b.constant({1, 4, 1, 1})});
  x = b.node(ir::Add{}, {x, clipped});
  const ir::Window pool{{3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 1}};
  const ir::ValueId largest = b.node(ir::MaxPool{pool, true}, {x});
  const ir::ValueId mean = b.node(ir::AveragePool{square(3, 2, 1), false, true}, {x});
  return b.node(ir::Concat{1}, {largest, mean});
}

// Every operator that can be trained, once.
ir::Graph every_operator(std::uint64_t seed) {
  Builder b(seed);
  const ir::ValueId features = add_front(b);
  ir::ValueId x = b.node(ir::Slice{{2, -1}, {-1, 0}, {kToTheStart, 5}, {-2, 2}}, {features});
  x = b.node(ir::Pad{{0, 0, 1, 0}, {0, 0, 0, 1}, 0.25f}, {x});
  x = b.node(ir::Transpose{{0, 2, 3, 1}}, {x});
  const ir::ValueId rows = b.node(ir::Reshape{{ir::kBatch, 12, -1}}, {x});
  x = b.node(ir::Linear{}, {rows, b.constant({5, 8}), b.constant({5})});
  const ir::ValueId soft = b.node(ir::Softmax{-1}, {x});
  const ir::ValueId mixed = b.node(ir::MatMul{}, {b.node(ir::Transpose{{0, 2, 1}}, {soft}), rows});
  const ir::ValueId flat = b.node(ir::Flatten{1}, {b.node(ir::GlobalAveragePool{}, {features})});
  const ir::ValueId logits = b.node(ir::Linear{}, {flat, b.constant({5, 8})});
  x = b.node(ir::Add{}, {logits, b.node(ir::ReduceMean{{1}, false}, {soft})});
  b.graph.set_output(b.node(ir::Add{}, {x, b.node(ir::ReduceMean{{2}, false}, {mixed})}));
  return b.graph;
}

void expect_close(const ir::Tensor& a, const ir::Tensor& b, const std::string& what) {
  ASSERT_EQ(a.shape, b.shape) << what;
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a.data[i], b.data[i], 1e-5f * (1.0f + std::fabs(b.data[i]))) << what << " " << i;
}

TEST(GraphNet, FixedForwardEqualsTheInterpreter) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const ir::Graph graph = every_operator(seed);
    Dice dice(seed + 100);
    const ir::Tensor images = random_values(dice, {3, 4, 8, 8}, 1.0f);
    const GraphNet net({graph, {}, {}}, {"cpu", "auto"});
    expect_close(to_ir(net.forward(to_torch(images), BatchNormMode::kFixed, nullptr)),
                 ir::run_graph(graph, images), "seed " + std::to_string(seed));
  }
}

// The nearest number with eight bits of mantissa, a tie to the even one.
float rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

ir::Tensor rounded(ir::Tensor t) {
  for (float& x : t.data) x = rounded(x);
  return t;
}

// Operands, results and their gradients are rounded, sums are not: eight times as many terms bring no larger
// error.
TEST(GraphNet, ConvolutionsInBfloat16) {
  const ir::Window uneven{{3, 3}, {1, 1}, {1, 1}, {0, 1}, {1, 2}};
  for (const auto& [channels, window] : {std::pair(8, square(3, 1, 1)), std::pair(64, uneven)}) {
    Builder b(3);
    const ir::ValueId x = b.graph.add_input("x", {ir::kBatch, channels, 6, 6});
    const ir::ValueId weight = b.constant({16, channels, 3, 3}), bias = b.constant({16});
    b.graph.set_output(b.node(ir::Conv{window, 1}, {x, weight, bias}));
    Dice dice(4);
    const ir::Tensor images = random_values(dice, {2, channels, 6, 6}, 1.0f);
    const GraphNet net({b.graph, {}, {}}, {"cpu", "auto", "bfloat16"});
    const Tensor out = net.forward(to_torch(images), BatchNormMode::kFixed, nullptr);
    for (const ir::ValueId id : {weight, bias}) b.graph.constant(id) = rounded(b.graph.constant(id));
    const ir::Tensor y = to_ir(out), exact = ir::run_graph(b.graph, rounded(images));
    for (std::size_t i = 0; i < y.size(); ++i) {
      EXPECT_EQ(y.data[i], rounded(y.data[i]));
      EXPECT_NEAR(y.data[i], exact.data[i], std::fabs(exact.data[i]) / 256.0f + 1e-5f) << i;
    }
    for (const Parameter& p : net.parameters()) {
      const ir::Tensor gradient = to_ir(torch::autograd::grad({out.square().sum()}, {p.value}, {}, true)[0]);
      EXPECT_EQ(gradient.data, rounded(gradient).data) << p.name;
    }
  }
}

// Output and gradients in one vector.
Tensor passes(const ir::Graph& graph, const ir::Tensor& images, const std::string& compute) {
  const GraphNet net({graph, {}, {}}, {"cpu", "auto", compute});
  const Tensor y = net.forward(to_torch(images), BatchNormMode::kBatch, nullptr);
  EXPECT_EQ(y.scalar_type(), torch::kFloat32);
  std::vector<Tensor> parameters, flat = {y.detach().reshape(-1)};
  for (const Parameter& p : net.parameters()) parameters.push_back(p.value);
  for (const Tensor& gradient : torch::autograd::grad({y.square().sum()}, parameters)) {
    EXPECT_EQ(gradient.scalar_type(), torch::kFloat32);
    flat.push_back(gradient.reshape(-1));
  }
  return torch::cat(flat);
}

TEST(GraphNet, EveryOperatorBetweenConvolutionsInBfloat16) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const ir::Graph graph = every_operator(seed);
    Dice dice(seed + 100);
    const ir::Tensor images = random_values(dice, {6, 4, 8, 8}, 1.0f);
    const Tensor wide = passes(graph, images, "float32"), narrow = passes(graph, images, "bfloat16");
    const float error = ((narrow - wide).norm() / wide.norm()).item<float>();
    EXPECT_LT(error, 0.05f) << "seed " << seed;
    EXPECT_GT(error, 1e-4f) << "seed " << seed;
  }
}

struct OperatorCase {
  ir::Op op;
  std::vector<ir::Shape> shapes;
};

// Forms of operators that LibTorch writes differently, or not at all.
std::vector<OperatorCase> unusual_forms() {
  const ir::Window wide{{3, 3}, {2, 2}, {1, 1}, {2, 2}, {2, 2}};
  const ir::Window strided{{2, 3}, {3, 2}, {1, 1}, {0, 1}, {1, 0}};
  const ir::Window dilated{{3, 2}, {1, 1}, {2, 3}, {1, 1}, {1, 1}};
  return {{ir::Flatten{0}, {{2, 3, 4}}},
          {ir::Flatten{2}, {{2, 3, 4, 5}}},
          {ir::Flatten{-1}, {{2, 3, 4, 5}}},
          {ir::MaxPool{wide, false}, {{2, 3, 7, 6}}},
          {ir::MaxPool{wide, true}, {{2, 3, 7, 6}}},
          {ir::MaxPool{strided, true}, {{2, 3, 7, 8}}},
          {ir::MaxPool{dilated, false}, {{2, 3, 7, 8}}},
          {ir::AveragePool{square(3, 2, 1), true, false}, {{2, 3, 8, 8}}},
          {ir::AveragePool{square(3, 2, 1), true, true}, {{2, 3, 8, 8}}},
          {ir::AveragePool{square(2, 2, 0), false, false}, {{2, 3, 7, 7}}},
          {ir::Conv{dilated, 1}, {{2, 3, 8, 9}, {4, 3, 3, 2}, {4}}},
          {ir::Slice{{1}, {100}, {kToTheStart}, {-1}}, {{2, 5}}},
          {ir::Slice{{1, 2}, {-2, 1}, {0, 100}, {-1, 3}}, {{2, 5, 6}}},
          {ir::Softmax{1}, {{2, 4, 3}}},
          {ir::ReduceMean{{-1, 1}, true}, {{2, 4, 3}}},
          {ir::Add{}, {{2, 3, 4}, {3, 1}}},
          {ir::MatMul{}, {{2, 1, 3, 4}, {2, 5, 4, 2}}},
          {ir::Linear{}, {{2, 3, 4}, {5, 4}, {5}}}};
}

TEST(GraphOps, UnusualFormsEqualTheInterpreter) {
  const std::vector<OperatorCase> cases = unusual_forms();
  Dice dice(4);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const ir::Node node{"n", cases[i].op, {}, 0};
    std::vector<ir::Tensor> values;
    for (const ir::Shape& shape : cases[i].shapes) values.push_back(random_values(dice, shape, 1.0f));
    ir::Operands operands;
    std::vector<Tensor> tensors;
    for (const ir::Tensor& v : values) {
      operands.push_back(&v);
      tensors.push_back(to_torch(v));
    }
    expect_close(to_ir(run_operator(node, tensors, torch::kFloat32)), ir::run_node(node, operands),
                 "case " + std::to_string(i) + " " + std::string(ir::op_name(node.op)));
  }
}

TEST(GraphOps, RefusesAveragePoolingItCannotTrain) {
  const ir::Node node{"pool7", ir::AveragePool{{{3, 3}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}, false, true}, {}, 0};
  const std::string text = error_of(
      [&] {
        run_operator(node, {torch::zeros({1, 1, 5, 5})}, torch::kFloat32);
      },
      ErrorCode::kUnsupported);
  EXPECT_NE(text.find("pool7"), std::string::npos) << text;
}

std::vector<quant::QuantizedModel> models() {
  const Digits digits(64, 16);
  return {float_start(), calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32)),
          calibrated(float_start().graph, small_array("W8A8Pideal"), digits.images(32))};
}

TEST(GraphNet, ExportOfAnUntouchedNetworkIsTheStart) {
  for (const quant::QuantizedModel& start : models()) {
    const quant::QuantizedModel out = GraphNet(start, {"cpu", "auto"}).export_model();
    EXPECT_EQ(difference(start, out), "");
    EXPECT_EQ(out.layers.size(), start.layers.size());
    EXPECT_EQ(out.notes, start.notes);
  }
}

TEST(GraphNet, StateCarriesEverything) {
  for (const quant::QuantizedModel& start : models()) {
    const GraphNet changed(start, {"cpu", "auto"});
    GraphNet fresh(start, {"cpu", "auto"});
    {
      const torch::NoGradGuard no_gradient;
      for (auto& [name, value] : changed.state()) Tensor(value).add_(0.001).mul_(1.01);
    }
    EXPECT_NE(difference(changed.export_model(), fresh.export_model()), "");
    fresh.load_state(changed.state());
    EXPECT_EQ(difference(changed.export_model(), fresh.export_model()), "");
    const auto now = fresh.state();
    for (const auto& [name, value] : changed.state()) EXPECT_TRUE(torch::equal(value, now.at(name))) << name;
    auto incomplete = changed.state();
    incomplete.erase("conv2.weight");
    EXPECT_NE(error_of([&] { fresh.load_state(incomplete); }).find("'conv2.weight'"), std::string::npos);
  }
}

struct Moments {
  double mean = 0.0, biased = 0.0, unbiased = 0.0;
};

Moments moments(const ir::Tensor& x, std::int64_t first, std::int64_t last, std::int64_t channel) {
  const std::int64_t pixels = x.dim(2) * x.dim(3);
  std::vector<double> values;
  for (std::int64_t n = first; n < last; ++n) {
    const auto at = static_cast<std::size_t>((n * x.dim(1) + channel) * pixels);
    for (std::size_t i = at; i < at + static_cast<std::size_t>(pixels); ++i)
      values.push_back(static_cast<double>(x.data[i]));
  }
  Moments m;
  const auto count = static_cast<double>(values.size());
  for (const double v : values) m.mean += v / count;
  double squares = 0.0;
  for (const double v : values) squares += (v - m.mean) * (v - m.mean);
  return {m.mean, squares / count, squares / (count - 1.0)};
}

// running = 0.7 * running + 0.3 * mean over shards of (mean, unbiased variance).
TEST(GraphNet, RunningStatisticsFollowTheFormula) {
  Builder b(5);
  const ir::ValueId x = b.graph.add_input("x", {ir::kBatch, 3, 4, 5});
  b.graph.set_output(add_batch_norm(b, x, 3));
  const ir::Node& node = b.graph.nodes()[0];
  Dice dice(6);
  const ir::Tensor images = random_values(dice, {5, 3, 4, 5}, 2.0f, 1.0f);
  GraphNet net({b.graph, {}, {}}, {"cpu", "auto"});
  std::vector<BatchStatistics> shards(2);
  net.forward(to_torch(images).slice(0, 0, 2), BatchNormMode::kBatch, &shards[0]);
  const ir::Tensor y = to_ir(net.forward(to_torch(images).slice(0, 2, 5), BatchNormMode::kBatch, &shards[1]));
  EXPECT_EQ(difference(net.export_model(), {b.graph, {}, {}}), "");  // forward changes nothing
  net.update_running(shards, 0.3);
  const quant::QuantizedModel after = net.export_model();
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const Moments one = moments(images, 0, 2, c), two = moments(images, 2, 5, c);
    const auto old = [&](std::size_t operand) {
      return static_cast<double>(b.graph.constant(node.inputs[operand]).data[at]);
    };
    const auto now = [&](std::size_t operand) { return after.graph.constant(node.inputs[operand]).data[at]; };
    EXPECT_NEAR(now(3), 0.7 * old(3) + 0.15 * (one.mean + two.mean), 1e-5);
    EXPECT_NEAR(now(4), 0.7 * old(4) + 0.15 * (one.unbiased + two.unbiased), 1e-5);
    const double first = static_cast<double>(images.data[(2 * 3 + at) * 20]);
    EXPECT_NEAR(y.data[at * 20], (first - two.mean) / std::sqrt(two.biased + 1e-5) * old(1) + old(2), 1e-5);
  }
}

TEST(GraphNet, NamesTheDevicesItKnows) {
  EXPECT_NE(error_of([] {
              GraphNet(float_start(), {"tpu", "auto"});
            }).find("known: cpu, cuda"),
            std::string::npos);
  if (torch::cuda::is_available()) GTEST_SKIP() << "this machine has a CUDA device";
  error_of([] { GraphNet(float_start(), {"cuda", "auto"}); }, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace bitline::train
