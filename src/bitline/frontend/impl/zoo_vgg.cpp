// Plain stacks of convolutions, numbered as PyTorch numbers the layers of a Sequential.
#include "bitline/frontend/impl/zoo_builder.h"

namespace bitline::frontend {

namespace {

constexpr int kPool = 0;  // in a list of widths: a 2x2 max-pooling

// Conv, BatchNorm and ReLU count as three layers, a pooling as one.
ir::ValueId features(ZooBuilder& net, ir::ValueId x, const std::vector<int>& widths, bool bias) {
  int index = 0;
  const auto next = [&index] { return "features." + std::to_string(index++); };
  for (const int width : widths) {
    if (width == kPool) {
      x = net.max_pool(next(), x, 2, 2);
      continue;
    }
    x = net.conv(next(), x, width, 3, 1, bias);
    x = net.batch_norm(next(), x);
    x = net.relu(next(), x);
  }
  return x;
}

}  // namespace

ir::Graph vgg16(int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  const ir::ValueId x = features(
      net, net.input(3, 32, 32),
      {64, 64, kPool, 128, 128, kPool, 256, 256, 256, kPool, 512, 512, 512, kPool, 512, 512, 512, kPool},
      true);
  return net.finish(net.linear("classifier", net.node("flatten", ir::Flatten{}, {x}), classes));
}

ir::Graph vgg8(int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  ir::ValueId x =
      features(net, net.input(3, 32, 32), {128, 128, kPool, 256, 256, kPool, 512, 512, kPool}, false);
  x = net.linear("classifier.0", net.node("flatten", ir::Flatten{}, {x}), 1024);
  return net.finish(net.linear("classifier.2", net.relu("classifier.1", x), classes));
}

ir::Graph digits_cnn(int classes, std::uint64_t seed) {
  ZooBuilder net(seed);
  ir::ValueId x = net.input(1, 8, 8);
  x = net.relu("relu1", net.batch_norm("bn1", net.conv("conv1", x, 16, 3)));
  x = net.relu("relu2", net.batch_norm("bn2", net.conv("conv2", x, 32, 3)));
  x = net.max_pool("pool", x, 2, 2);
  x = net.relu("relu3", net.batch_norm("bn3", net.conv("conv3", x, 32, 3)));
  return net.classify("linear", x, classes);
}

}  // namespace bitline::frontend
