// ShuffleNet 2 with torchvision's names. Half of the channels pass a unit unchanged; then the two halves are
// shuffled, so that the next unit sees both.
#include <array>

#include "bitline/frontend/impl/zoo_builder.h"

namespace bitline::frontend {

namespace {

struct ShufflePlan {
  bool large = true;                     // 224x224 images, or 32x32
  std::array<std::int64_t, 3> widths{};  // of the stages
};

constexpr std::int64_t kStemWidth = 24;
constexpr std::int64_t kLastWidth = 1024;
constexpr std::array<int, 3> kUnits = {4, 8, 4};

ir::ValueId channel_range(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t first,
                          std::int64_t end) {
  return net.node(name, ir::Slice{{1}, {first}, {end}, {1}}, {x});
}

// Channels 0, C/2, 1, C/2 + 1, ... of the two halves together.
ir::ValueId shuffled(ZooBuilder& net, const std::string& name, ir::ValueId left, ir::ValueId right) {
  const ir::ValueId x = net.node(name + ".concat", ir::Concat{1}, {left, right});
  const ir::Shape shape = net.shape(x);
  const ir::Shape halves{ir::kBatch, 2, shape[1] / 2, shape[2], shape[3]};
  ir::ValueId y = net.node(name + ".shuffle.halves", ir::Reshape{halves}, {x});
  y = net.node(name + ".shuffle.transpose", ir::Transpose{{0, 2, 1, 3, 4}}, {y});
  return net.node(name + ".shuffle", ir::Reshape{shape}, {y});
}

// The layers of a Sequential, numbered as PyTorch numbers them.
class Branch {
 public:
  Branch(ZooBuilder& net, std::string name) : net_(net), name_(std::move(name)) {}

  ir::ValueId pointwise(ir::ValueId x, std::int64_t outputs) {
    x = net_.conv(next(), x, outputs, 1);
    x = net_.batch_norm(next(), x);
    return net_.relu(next(), x);
  }

  ir::ValueId depthwise(ir::ValueId x, std::int64_t stride) {
    x = net_.depthwise(next(), x, stride);
    return net_.batch_norm(next(), x);
  }

 private:
  std::string next() { return name_ + "." + std::to_string(index_++); }

  ZooBuilder& net_;
  std::string name_;
  int index_ = 0;
};

ir::ValueId working_branch(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t outputs,
                           std::int64_t stride) {
  Branch branch(net, name + ".branch2");
  x = branch.depthwise(branch.pointwise(x, outputs), stride);
  return branch.pointwise(x, outputs);
}

ir::ValueId unit(ZooBuilder& net, const std::string& name, ir::ValueId x) {
  const std::int64_t channels = net.channels(x), half = channels / 2;
  const ir::ValueId kept = channel_range(net, name + ".split.0", x, 0, half);
  const ir::ValueId changed = channel_range(net, name + ".split.1", x, half, channels);
  return shuffled(net, name, kept, working_branch(net, name, changed, half, 1));
}

ir::ValueId downsampling_unit(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t outputs) {
  Branch branch(net, name + ".branch1");
  const ir::ValueId left = branch.pointwise(branch.depthwise(x, 2), outputs / 2);
  return shuffled(net, name, left, working_branch(net, name, x, outputs / 2, 2));
}

ir::ValueId normed_conv(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t outputs,
                        std::int64_t kernel, std::int64_t stride) {
  x = net.conv(name + ".0", x, outputs, kernel, stride);
  return net.relu(name + ".2", net.batch_norm(name + ".1", x));
}

ir::Graph version2(const ShufflePlan& plan, int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  const std::int64_t side = plan.large ? 224 : 32;
  ir::ValueId x = normed_conv(net, "conv1", net.input(3, side, side), kStemWidth, 3, plan.large ? 2 : 1);
  if (plan.large) x = net.max_pool("maxpool", x, 3, 2, 1);
  for (std::size_t stage = 0; stage < plan.widths.size(); ++stage) {
    const std::string prefix = "stage" + std::to_string(stage + 2) + ".";
    x = downsampling_unit(net, prefix + "0", x, plan.widths[stage]);
    for (int i = 1; i < kUnits[stage]; ++i) x = unit(net, prefix + std::to_string(i), x);
  }
  return net.classify("fc", normed_conv(net, "conv5", x, kLastWidth, 1, 1), classes);
}

template <int kPercent>
constexpr ShufflePlan plan_of(bool large) {
  static_assert(kPercent == 50 || kPercent == 100);
  if (kPercent == 50) return {large, {48, 96, 192}};
  return {large, {116, 232, 464}};
}

}  // namespace

template <int kPercent>
ir::Graph shufflenet_v2(int classes, std::uint64_t seed) {
  return version2(plan_of<kPercent>(true), classes, seed);
}

template <int kPercent>
ir::Graph shufflenet_v2_cifar(int classes, std::uint64_t seed) {
  return version2(plan_of<kPercent>(false), classes, seed);
}

template ir::Graph shufflenet_v2<50>(int, std::uint64_t);
template ir::Graph shufflenet_v2<100>(int, std::uint64_t);
template ir::Graph shufflenet_v2_cifar<50>(int, std::uint64_t);
template ir::Graph shufflenet_v2_cifar<100>(int, std::uint64_t);

}  // namespace bitline::frontend
