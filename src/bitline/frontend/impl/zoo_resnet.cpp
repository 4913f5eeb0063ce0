// Residual networks. Names follow the common PyTorch implementations: "linear" and "shortcut" on CIFAR, "fc"
// and "downsample" on ImageNet.
#include "bitline/frontend/impl/zoo_builder.h"

namespace bitline::frontend {

namespace {

enum class Shortcut { kPad, kConv, kDownsample };  // option A, option B, and B under its ImageNet name

struct ResnetPlan {
  Shortcut shortcut = Shortcut::kPad;
  std::vector<int> blocks;  // of each stage
  std::int64_t width = 16;  // of the first stage; doubles with each stage
  std::string classifier = "linear";
  bool bottleneck = false;  // blocks of 1x1, 3x3, 1x1 with four times the width behind them
};

// Every second pixel, and new channels of zeros half before and half behind the old ones.
ir::ValueId padded_shortcut(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t outputs) {
  const ir::Shape shape = net.shape(x);
  const ir::ValueId half =
      net.node(name + ".shortcut.slice", ir::Slice{{2, 3}, {0, 0}, {shape[2], shape[3]}, {2, 2}}, {x});
  const std::int64_t pad = (outputs - shape[1]) / 2;
  return net.node(name + ".shortcut.pad", ir::Pad{{0, pad, 0, 0}, {0, pad, 0, 0}, 0.0f}, {half});
}

ir::ValueId shortcut(ZooBuilder& net, const ResnetPlan& plan, const std::string& name, ir::ValueId x,
                     std::int64_t outputs, std::int64_t stride) {
  if (stride == 1 && net.channels(x) == outputs) return x;
  if (plan.shortcut == Shortcut::kPad) return padded_shortcut(net, name, x, outputs);
  const std::string prefix = name + (plan.shortcut == Shortcut::kConv ? ".shortcut" : ".downsample");
  return net.batch_norm(prefix + ".1", net.conv(prefix + ".0", x, outputs, 1, stride));
}

ir::ValueId basic_block(ZooBuilder& net, const ResnetPlan& plan, const std::string& name, ir::ValueId x,
                        std::int64_t outputs, std::int64_t stride) {
  ir::ValueId y = net.conv(name + ".conv1", x, outputs, 3, stride);
  y = net.relu(name + ".relu1", net.batch_norm(name + ".bn1", y));
  y = net.batch_norm(name + ".bn2", net.conv(name + ".conv2", y, outputs, 3));
  y = net.node(name + ".add", ir::Add{}, {y, shortcut(net, plan, name, x, outputs, stride)});
  return net.relu(name + ".relu2", y);
}

ir::ValueId bottleneck_block(ZooBuilder& net, const ResnetPlan& plan, const std::string& name, ir::ValueId x,
                             std::int64_t width, std::int64_t stride) {
  const std::int64_t outputs = 4 * width;
  ir::ValueId y = net.batch_norm(name + ".bn1", net.conv(name + ".conv1", x, width, 1));
  y = net.conv(name + ".conv2", net.relu(name + ".relu1", y), width, 3, stride);
  y = net.relu(name + ".relu2", net.batch_norm(name + ".bn2", y));
  y = net.batch_norm(name + ".bn3", net.conv(name + ".conv3", y, outputs, 1));
  y = net.node(name + ".add", ir::Add{}, {y, shortcut(net, plan, name, x, outputs, stride)});
  return net.relu(name + ".relu3", y);
}

ir::Graph stages_and_classifier(ZooBuilder& net, const ResnetPlan& plan, ir::ValueId x, int classes) {
  const auto block_of = plan.bottleneck ? bottleneck_block : basic_block;
  for (std::size_t stage = 0; stage < plan.blocks.size(); ++stage) {
    const std::int64_t width = plan.width << stage;
    for (int block = 0; block < plan.blocks[stage]; ++block) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      x = block_of(net, plan, name, x, width, stage > 0 && block == 0 ? 2 : 1);
    }
  }
  return net.classify(plan.classifier, x, classes);
}

ir::Graph small_images(const ResnetPlan& plan, int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  ir::ValueId x = net.conv("conv1", net.input(3, 32, 32), plan.width, 3);
  x = net.relu("relu", net.batch_norm("bn1", x));
  return stages_and_classifier(net, plan, x, classes);
}

ir::Graph large_images(const std::vector<int>& blocks, bool bottleneck, int classes, std::uint64_t seed) {
  const ResnetPlan plan{Shortcut::kDownsample, blocks, 64, "fc", bottleneck};
  ZooBuilder net(seed);
  ir::ValueId x = net.conv("conv1", net.input(3, 224, 224), plan.width, 7, 2);
  x = net.relu("relu", net.batch_norm("bn1", x));
  x = net.max_pool("maxpool", x, 3, 2, 1);
  return stages_and_classifier(net, plan, x, classes);
}

ResnetPlan three_stages(int depth, Shortcut shortcut) {
  const int blocks = (depth - 2) / 6;
  return {shortcut, {blocks, blocks, blocks}, 16, "linear", false};
}

}  // namespace

template <int kDepth>
ir::Graph resnet_cifar_a(int classes, std::uint64_t seed) {
  return small_images(three_stages(kDepth, Shortcut::kPad), classes, seed);
}

template <int kDepth>
ir::Graph resnet_cifar_b(int classes, std::uint64_t seed) {
  return small_images(three_stages(kDepth, Shortcut::kConv), classes, seed);
}

template ir::Graph resnet_cifar_a<20>(int, std::uint64_t);
template ir::Graph resnet_cifar_a<32>(int, std::uint64_t);
template ir::Graph resnet_cifar_a<44>(int, std::uint64_t);
template ir::Graph resnet_cifar_a<56>(int, std::uint64_t);
template ir::Graph resnet_cifar_b<20>(int, std::uint64_t);
template ir::Graph resnet_cifar_b<32>(int, std::uint64_t);
template ir::Graph resnet_cifar_b<56>(int, std::uint64_t);

ir::Graph resnet18_cifar(int classes, std::uint64_t seed) {
  return small_images({Shortcut::kConv, {2, 2, 2, 2}, 64, "linear", false}, classes, seed);
}

ir::Graph resnet18(int classes, std::uint64_t seed) {
  return large_images({2, 2, 2, 2}, false, classes, seed);
}

ir::Graph resnet34(int classes, std::uint64_t seed) {
  return large_images({3, 4, 6, 3}, false, classes, seed);
}

ir::Graph resnet50(int classes, std::uint64_t seed) {
  return large_images({3, 4, 6, 3}, true, classes, seed);
}

}  // namespace bitline::frontend
