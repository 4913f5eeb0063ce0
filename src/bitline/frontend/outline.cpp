#include "bitline/frontend/outline.h"

#include <algorithm>
#include <array>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/frontend/impl/zoo_builder.h"

namespace bitline::frontend {

namespace {

using ir::ValueId;

constexpr int kPool = 0;  // in a list of stages: a 2x2 max-pooling
constexpr int kImageNetClasses = 1000;

struct Stage {
  int width = kPool;
  int kernel = 3;
};

ValueId linear_relu(ZooBuilder& net, const std::string& name, ValueId x, std::int64_t outputs) {
  return net.relu(name + ".relu", net.linear(name, x, outputs));
}

// The two hidden layers of 4,096 and the classifier that most of these networks end with.
ir::Graph classify(ZooBuilder& net, ValueId x, std::int64_t classes) {
  constexpr int kHidden = 4096;
  x = linear_relu(net, "fc6", x, kHidden);
  x = linear_relu(net, "fc7", x, kHidden);
  return net.finish(net.linear("fc8", x, classes));
}

ir::Graph vgg(const std::vector<Stage>& stages) {
  ZooBuilder net(ZooBuilder::kShapesOnly);
  ValueId x = net.input(3, 224, 224);
  int block = 1, layer = 0;
  for (const Stage& stage : stages) {
    if (stage.width == kPool) {
      x = net.max_pool("pool" + std::to_string(block++), x, 2, 2);
      layer = 0;
      continue;
    }
    const std::string name = "conv" + std::to_string(block) + "_" + std::to_string(++layer);
    x = net.relu(name + ".relu", net.conv(name, x, stage.width, stage.kernel, 1, true));
  }
  return classify(net, net.node("flatten", ir::Flatten{}, {x}), kImageNetClasses);
}

ir::Graph vgg_a() {
  return vgg({{64}, {}, {128}, {}, {256}, {256}, {}, {512}, {512}, {}, {512}, {512}, {}});
}

ir::Graph vgg_b() {
  return vgg({{64}, {64}, {}, {128}, {128}, {}, {256}, {256}, {}, {512}, {512}, {}, {512}, {512}, {}});
}

// Configurations C and D: a third layer in the last three blocks, 1x1 in C.
ir::Graph vgg_16(int kernel) {
  return vgg({{64},
              {64},
              {},
              {128},
              {128},
              {},
              {256},
              {256},
              {256, kernel},
              {},
              {512},
              {512},
              {512, kernel},
              {},
              {512},
              {512},
              {512, kernel},
              {}});
}
ir::Graph vgg_c() {
  return vgg_16(1);
}
ir::Graph vgg_d() {
  return vgg_16(3);
}

ir::Graph vgg_e() {
  return vgg({{64},  {64},  {},    {128}, {128}, {},    {256}, {256}, {256}, {256}, {},
              {512}, {512}, {512}, {512}, {},    {512}, {512}, {512}, {512}, {}});
}

// Maxima over grids of 7x7, 3x3, 2x2 and 1x1 cells, as one vector.
ValueId pyramid(ZooBuilder& net, ValueId x) {
  const std::int64_t size = net.shape(x)[2];
  std::vector<ValueId> levels;
  for (const std::int64_t cells : {7, 3, 2, 1}) {
    const std::string name = "spp" + std::to_string(cells);
    const ValueId pooled = net.max_pool(name, x, (size + cells - 1) / cells, size / cells);
    levels.push_back(net.node(name + ".flatten", ir::Flatten{}, {pooled}));
  }
  return net.node("spp", ir::Concat{}, levels);
}

ir::Graph msra(int layers, const std::array<int, 3>& widths) {
  ZooBuilder net(ZooBuilder::kShapesOnly);
  ValueId x = net.relu("conv1.relu", net.conv("conv1", net.input(3, 224, 224), 96, 7, 2, true));
  for (std::size_t block = 0; block < widths.size(); ++block) {
    const std::string number = std::to_string(block + 2);
    x = block == 0 ? net.max_pool("pool1", x, 3, 2, 1)
                   : net.max_pool("pool" + std::to_string(block + 1), x, 2, 2);
    for (int layer = 1; layer <= layers; ++layer) {
      const std::string name = "conv" + number + "_" + std::to_string(layer);
      x = net.relu(name + ".relu", net.conv(name, x, widths[block], 3, 1, true));
    }
  }
  return classify(net, pyramid(net, x), kImageNetClasses);
}
ir::Graph msra_a() {
  return msra(5, {256, 512, 512});
}
ir::Graph msra_b() {
  return msra(6, {256, 512, 512});
}
ir::Graph msra_c() {
  return msra(6, {384, 768, 896});
}

ir::Conv square(std::int64_t kernel, std::int64_t stride, std::int64_t pad, std::int64_t groups = 1) {
  ir::Conv op;
  op.window.kernel = {kernel, kernel};
  op.window.stride = {stride, stride};
  op.window.pad_begin = op.window.pad_end = {pad, pad};
  op.groups = groups;
  return op;
}

ir::Graph alexnet() {
  ZooBuilder net(ZooBuilder::kShapesOnly);
  ValueId x = net.input(3, 227, 227);
  const auto conv = [&](const std::string& name, std::int64_t outputs, const ir::Conv& op) {
    x = net.relu(name + ".relu", net.convolution(name, x, outputs, op, true));
  };
  conv("conv1", 96, square(11, 4, 0));
  x = net.max_pool("pool1", x, 3, 2);
  conv("conv2", 256, square(5, 1, 2, 2));
  x = net.max_pool("pool2", x, 3, 2);
  conv("conv3", 384, square(3, 1, 1));
  conv("conv4", 384, square(3, 1, 1, 2));
  conv("conv5", 256, square(3, 1, 1, 2));
  x = net.max_pool("pool5", x, 3, 2);
  return classify(net, net.node("flatten", ir::Flatten{}, {x}), kImageNetClasses);
}

// Widths of the 1x1, the reduced and full 3x3, the reduced and full 5x5, and the pooled branch.
struct Inception {
  const char* name;
  int one, reduce3, three, reduce5, five, pooled;
};

ValueId inception(ZooBuilder& net, ValueId x, const Inception& i) {
  const std::string start = std::string("inception_") + i.name + ".";
  const auto conv = [&](const char* branch, ValueId input, int outputs, int kernel) {
    const std::string name = start + branch;
    return net.relu(name + ".relu", net.conv(name, input, outputs, kernel, 1, true));
  };
  const ValueId one = conv("1x1", x, i.one, 1);
  const ValueId three = conv("3x3", conv("3x3_reduce", x, i.reduce3, 1), i.three, 3);
  const ValueId five = conv("5x5", conv("5x5_reduce", x, i.reduce5, 1), i.five, 5);
  const ValueId pooled = conv("pool_proj", net.max_pool(start + "pool", x, 3, 1, 1), i.pooled, 1);
  return net.node(start + "output", ir::Concat{}, {one, three, five, pooled});
}

ir::Graph googlenet() {
  static constexpr std::array<Inception, 9> kModules = {{{"3a", 64, 96, 128, 16, 32, 32},
                                                         {"3b", 128, 128, 192, 32, 96, 64},
                                                         {"4a", 192, 96, 208, 16, 48, 64},
                                                         {"4b", 160, 112, 224, 24, 64, 64},
                                                         {"4c", 128, 128, 256, 24, 64, 64},
                                                         {"4d", 112, 144, 288, 32, 64, 64},
                                                         {"4e", 256, 160, 320, 32, 128, 128},
                                                         {"5a", 256, 160, 320, 32, 128, 128},
                                                         {"5b", 384, 192, 384, 48, 128, 128}}};
  ZooBuilder net(ZooBuilder::kShapesOnly);
  ValueId x = net.relu("conv1.relu", net.conv("conv1", net.input(3, 224, 224), 64, 7, 2, true));
  x = net.max_pool("pool1", x, 3, 2, 1);
  x = net.relu("conv2_reduce.relu", net.conv("conv2_reduce", x, 64, 1, 1, true));
  x = net.relu("conv2.relu", net.conv("conv2", x, 192, 3, 1, true));
  std::string block = "2";
  for (const Inception& module : kModules) {
    const std::string next(1, module.name[0]);
    if (next != block) x = net.max_pool("pool" + next, x, 3, 2, 1);
    block = next;
    x = inception(net, x, module);
  }
  return net.classify("classifier", x, kImageNetClasses);
}

// Every position with weights of its own: the windows one after the other are the channels of a 1x1
// convolution with a group for each.
ValueId local(ZooBuilder& net, const std::string& name, ValueId x, std::int64_t outputs, std::int64_t kernel,
              std::int64_t stride) {
  const std::int64_t size = (net.shape(x)[2] - kernel) / stride + 1, positions = size * size;
  const std::int64_t reach = (size - 1) * stride + 1;
  std::vector<ValueId> taps;
  for (std::int64_t row = 0; row < kernel; ++row) {
    for (std::int64_t column = 0; column < kernel; ++column) {
      const std::string tap = name + ".tap" + std::to_string(row * kernel + column);
      const ir::Slice slice{{2, 3}, {row, column}, {row + reach, column + reach}, {stride, stride}};
      taps.push_back(net.node(tap, slice, {x}));
    }
  }
  ValueId windows = net.node(name + ".windows", ir::Concat{}, taps);
  const std::int64_t rows = net.channels(windows);
  windows = net.node(name + ".last", ir::Transpose{{0, 2, 3, 1}}, {windows});
  windows = net.node(name + ".flat", ir::Reshape{{ir::kBatch, positions * rows, 1, 1}}, {windows});
  ValueId y = net.convolution(name, windows, positions * outputs, square(1, 1, 0, positions), true);
  y = net.node(name + ".maps", ir::Reshape{{ir::kBatch, size, size, outputs}}, {y});
  y = net.node(name + ".first", ir::Transpose{{0, 3, 1, 2}}, {y});
  return net.relu(name + ".relu", y);
}

ir::Graph deepface() {
  constexpr int kPeople = 4030;
  ZooBuilder net(ZooBuilder::kShapesOnly);
  ValueId x = net.input(3, 152, 152);
  x = net.relu("C1.relu", net.convolution("C1", x, 32, square(11, 1, 0), true));
  x = net.max_pool("M2", x, 3, 2, 1);
  x = net.relu("C3.relu", net.convolution("C3", x, 16, square(9, 1, 0), true));
  x = local(net, "L4", x, 16, 9, 1);
  x = local(net, "L5", x, 16, 7, 2);
  x = local(net, "L6", x, 16, 5, 1);
  x = linear_relu(net, "F7", net.node("flatten", ir::Flatten{}, {x}), 4096);
  return net.finish(net.linear("F8", x, kPeople));
}

struct Outline {
  const char* name;
  ir::Graph (*build)();
};
constexpr std::array<Outline, 11> kOutlines = {{{"alexnet", alexnet},
                                                {"vgg-a", vgg_a},
                                                {"vgg-b", vgg_b},
                                                {"vgg-c", vgg_c},
                                                {"vgg-d", vgg_d},
                                                {"vgg-e", vgg_e},
                                                {"msra-a", msra_a},
                                                {"msra-b", msra_b},
                                                {"msra-c", msra_c},
                                                {"googlenet", googlenet},
                                                {"deepface", deepface}}};

const Outline* find(std::string_view name) {
  const auto it =
      std::find_if(kOutlines.begin(), kOutlines.end(), [&](const Outline& o) { return o.name == name; });
  return it == kOutlines.end() ? nullptr : &*it;
}

}  // namespace

bool is_outline(std::string_view name) {
  return find(name) != nullptr;
}

std::vector<std::string> outline_names() {
  std::vector<std::string> names;
  for (const Outline& outline : kOutlines) names.emplace_back(outline.name);
  return names;
}

ir::Graph outline(const std::string& name) {
  const Outline* found = find(name);
  if (found == nullptr) bad_input("unknown outline '" + name + "'", {}, suggestion(name, outline_names()));
  return found->build();
}

}  // namespace bitline::frontend
