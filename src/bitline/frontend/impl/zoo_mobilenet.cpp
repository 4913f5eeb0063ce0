// MobileNet 1 and 2, both with ReLU6. The second has torchvision's names. torchvision has no MobileNet 1: its
// layers are conv_stem and blocks.STAGE.BLOCK.conv_dw and conv_pw, as timm calls those of its kin.
#include <algorithm>

#include "bitline/frontend/impl/zoo_builder.h"

namespace bitline::frontend {

namespace {

enum class Form { kLarge, kSmall };  // for 224x224 and for 32x32 images

ir::ValueId images(ZooBuilder& net, Form form) {
  const std::int64_t side = form == Form::kLarge ? 224 : 32;
  return net.input(3, side, side);
}

// The nearest multiple of 8, and not more than a tenth below the exact width.
std::int64_t scaled(std::int64_t width, int percent) {
  const std::int64_t exact = width * percent;  // in hundredths
  const std::int64_t rounded = std::max<std::int64_t>(8, (exact + 400) / 800 * 8);
  return 1000 * rounded < 9 * exact ? rounded + 8 : rounded;
}

struct V1Stage {
  std::int64_t width;
  int blocks;
  std::int64_t stride;  // of the first block
};

constexpr V1Stage kV1Stages[] = {{64, 1, 1}, {128, 2, 2}, {256, 2, 2}, {512, 6, 2}, {1024, 2, 2}};

ir::ValueId separable_block(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t outputs,
                            std::int64_t stride) {
  x = net.batch_norm(name + ".bn1", net.depthwise(name + ".conv_dw", x, stride));
  x = net.conv(name + ".conv_pw", net.relu6(name + ".act1", x), outputs, 1);
  return net.relu6(name + ".act2", net.batch_norm(name + ".bn2", x));
}

ir::Graph version1(Form form, int percent, int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  ir::ValueId x =
      net.conv("conv_stem", images(net, form), scaled(32, percent), 3, form == Form::kLarge ? 2 : 1);
  x = net.relu6("act1", net.batch_norm("bn1", x));
  int index = 0;
  for (const V1Stage& stage : kV1Stages) {
    const std::string prefix = "blocks." + std::to_string(index++) + ".";
    for (int block = 0; block < stage.blocks; ++block) {
      x = separable_block(net, prefix + std::to_string(block), x, scaled(stage.width, percent),
                          block == 0 ? stage.stride : 1);
    }
  }
  return net.classify("classifier", x, classes);
}

struct V2Stage {
  std::int64_t expansion, width;
  int blocks;
  std::int64_t stride;        // of the first block
  std::int64_t small_stride;  // the same for 32x32 images
};

constexpr V2Stage kV2Stages[] = {{1, 16, 1, 1, 1}, {6, 24, 2, 2, 1},  {6, 32, 3, 2, 2}, {6, 64, 4, 2, 2},
                                 {6, 96, 3, 1, 1}, {6, 160, 3, 2, 2}, {6, 320, 1, 1, 1}};

// A Sequential of convolution, batch-norm and ReLU6.
ir::ValueId normed(ZooBuilder& net, const std::string& name, ir::ValueId convolution) {
  return net.relu6(name + ".2", net.batch_norm(name + ".1", convolution));
}

// Wide inside, narrow and without activation at its ends.
ir::ValueId inverted_residual(ZooBuilder& net, const std::string& name, ir::ValueId x, std::int64_t expansion,
                              std::int64_t outputs, std::int64_t stride) {
  const std::string prefix = name + ".conv.";
  int step = 0;
  ir::ValueId y = x;
  if (expansion != 1) {
    const std::string expand = prefix + std::to_string(step++);
    y = normed(net, expand, net.conv(expand + ".0", y, expansion * net.channels(x), 1));
  }
  const std::string filter = prefix + std::to_string(step++);
  y = normed(net, filter, net.depthwise(filter + ".0", y, stride));
  y = net.conv(prefix + std::to_string(step), y, outputs, 1);
  y = net.batch_norm(prefix + std::to_string(step + 1), y);
  const bool residual = stride == 1 && net.channels(x) == outputs;
  return residual ? net.node(name + ".add", ir::Add{}, {x, y}) : y;
}

ir::Graph version2(Form form, int percent, int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  const bool large = form == Form::kLarge;
  ir::ValueId x = net.conv("features.0.0", images(net, form), scaled(32, percent), 3, large ? 2 : 1);
  x = normed(net, "features.0", x);
  int index = 1;
  for (const V2Stage& stage : kV2Stages) {
    const std::int64_t stride = large ? stage.stride : stage.small_stride;
    for (int block = 0; block < stage.blocks; ++block) {
      x = inverted_residual(net, "features." + std::to_string(index++), x, stage.expansion,
                            scaled(stage.width, percent), block == 0 ? stride : 1);
    }
  }
  const std::string last = "features." + std::to_string(index);
  x = normed(net, last, net.conv(last + ".0", x, scaled(1280, std::max(percent, 100)), 1));
  return net.classify("classifier.1", x, classes);
}

}  // namespace

template <int kPercent>
ir::Graph mobilenet_v1(int classes, std::uint64_t seed) {
  return version1(Form::kLarge, kPercent, classes, seed);
}

template <int kPercent>
ir::Graph mobilenet_v1_cifar(int classes, std::uint64_t seed) {
  return version1(Form::kSmall, kPercent, classes, seed);
}

template <int kPercent>
ir::Graph mobilenet_v2(int classes, std::uint64_t seed) {
  return version2(Form::kLarge, kPercent, classes, seed);
}

template <int kPercent>
ir::Graph mobilenet_v2_cifar(int classes, std::uint64_t seed) {
  return version2(Form::kSmall, kPercent, classes, seed);
}

template ir::Graph mobilenet_v1<100>(int, std::uint64_t);
template ir::Graph mobilenet_v1<75>(int, std::uint64_t);
template ir::Graph mobilenet_v1<50>(int, std::uint64_t);
template ir::Graph mobilenet_v1<25>(int, std::uint64_t);
template ir::Graph mobilenet_v1_cifar<100>(int, std::uint64_t);
template ir::Graph mobilenet_v1_cifar<25>(int, std::uint64_t);
template ir::Graph mobilenet_v2<100>(int, std::uint64_t);
template ir::Graph mobilenet_v2_cifar<100>(int, std::uint64_t);
template ir::Graph mobilenet_v2_cifar<25>(int, std::uint64_t);

}  // namespace bitline::frontend
