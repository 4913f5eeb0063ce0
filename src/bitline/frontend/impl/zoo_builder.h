// Layers with PyTorch's parameter names and initialisation, appended to a graph one call each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bitline/ir/graph.h"

namespace bitline::frontend {

class ZooBuilder {
 public:
  enum ShapesOnly { kShapesOnly };

  explicit ZooBuilder(std::uint64_t seed) : seed_(seed) {}
  explicit ZooBuilder(ShapesOnly) {}  // weights without values: outline.h

  ir::ValueId input(std::int64_t channels, std::int64_t height, std::int64_t width);
  std::int64_t channels(ir::ValueId x) const { return shape(x)[1]; }
  const ir::Shape& shape(ir::ValueId x) const { return shapes_[static_cast<std::size_t>(x)]; }

  // Square kernel, padded by kernel / 2. Without bias unless asked for.
  ir::ValueId conv(const std::string& name, ir::ValueId x, std::int64_t outputs, std::int64_t kernel,
                   std::int64_t stride = 1, bool bias = false);
  // The window and the groups are those of `op`.
  ir::ValueId convolution(const std::string& name, ir::ValueId x, std::int64_t outputs, const ir::Conv& op,
                          bool bias = false);
  // A 3x3 kernel for each channel alone.
  ir::ValueId depthwise(const std::string& name, ir::ValueId x, std::int64_t stride);
  ir::ValueId linear(const std::string& name, ir::ValueId x, std::int64_t outputs);
  ir::ValueId batch_norm(const std::string& name, ir::ValueId x);
  ir::ValueId relu(const std::string& name, ir::ValueId x) { return node(name, ir::Relu{}, {x}); }
  ir::ValueId relu6(const std::string& name, ir::ValueId x) { return node(name, ir::Clip{0.0f, 6.0f}, {x}); }
  ir::ValueId max_pool(const std::string& name, ir::ValueId x, std::int64_t kernel, std::int64_t stride,
                       std::int64_t pad = 0);
  ir::ValueId node(const std::string& name, ir::Op op, const std::vector<ir::ValueId>& inputs);

  ir::Graph finish(ir::ValueId output);
  // The mean of each channel, a linear layer, the end.
  ir::Graph classify(const std::string& name, ir::ValueId x, std::int64_t classes);

 private:
  ir::ValueId square_conv(const std::string& name, ir::ValueId x, std::int64_t outputs, std::int64_t kernel,
                          std::int64_t stride, std::int64_t groups, bool bias);
  ir::ValueId constant(const std::string& name, ir::Tensor tensor);
  ir::Tensor normal(const std::string& name, const ir::Shape& shape, double deviation) const;
  ir::Tensor uniform(const std::string& name, const ir::Shape& shape, double bound) const;

  std::optional<std::uint64_t> seed_;
  ir::Graph graph_;
  std::vector<ir::Shape> shapes_;
};

struct ZooNetwork {
  const char* name;
  int default_classes;
  ir::Graph (*build)(int classes, std::uint64_t seed);
};

std::span<const ZooNetwork> zoo_networks();

// He et al., "Deep residual learning for image recognition", CVPR 2016: 6n + 2 layers on 32x32 images.
// Option A shortcuts subsample and pad with zero channels; option B shortcuts are 1x1 convolutions.
template <int kDepth>
ir::Graph resnet_cifar_a(int classes, std::uint64_t seed);
template <int kDepth>
ir::Graph resnet_cifar_b(int classes, std::uint64_t seed);
ir::Graph resnet18_cifar(int classes, std::uint64_t seed);
ir::Graph resnet18(int classes, std::uint64_t seed);
ir::Graph resnet34(int classes, std::uint64_t seed);
// Bottleneck blocks with the stride in their 3x3 convolution, as torchvision has it.
ir::Graph resnet50(int classes, std::uint64_t seed);

// VGG (Simonyan, Zisserman, ICLR 2015) on 32x32 images: 16 layers with batch-norm, and the 8-layer network
// that compute-in-memory papers use. digits_cnn is a small network for 8x8 digits.
ir::Graph vgg16(int classes, std::uint64_t seed);
ir::Graph vgg8(int classes, std::uint64_t seed);
ir::Graph digits_cnn(int classes, std::uint64_t seed);

// Howard et al., "MobileNets", 2017, and Sandler et al., "MobileNetV2", CVPR 2018, with every width times
// kPercent / 100. The forms for 32x32 images keep the size in the first convolution, MobileNetV2's also in
// the second stage.
template <int kPercent>
ir::Graph mobilenet_v1(int classes, std::uint64_t seed);
template <int kPercent>
ir::Graph mobilenet_v1_cifar(int classes, std::uint64_t seed);
template <int kPercent>
ir::Graph mobilenet_v2(int classes, std::uint64_t seed);
template <int kPercent>
ir::Graph mobilenet_v2_cifar(int classes, std::uint64_t seed);

// Ma et al., "ShuffleNet V2", ECCV 2018: half and full width. The forms for 32x32 images keep the size up to
// the first stage.
template <int kPercent>
ir::Graph shufflenet_v2(int classes, std::uint64_t seed);
template <int kPercent>
ir::Graph shufflenet_v2_cifar(int classes, std::uint64_t seed);

}  // namespace bitline::frontend
