// The explicit tables of this room: a new network of the zoo or a new file of ONNX operators is one line
// here.
#include <algorithm>
#include <array>

#include "bitline/frontend/impl/onnx_draft.h"
#include "bitline/frontend/impl/zoo_builder.h"

namespace bitline::frontend {

namespace {

constexpr std::array kNetworks = {
    ZooNetwork{"digits-cnn", 10, digits_cnn},
    ZooNetwork{"resnet20", 10, resnet_cifar_a<20>},
    ZooNetwork{"resnet32", 10, resnet_cifar_a<32>},
    ZooNetwork{"resnet44", 10, resnet_cifar_a<44>},
    ZooNetwork{"resnet56", 10, resnet_cifar_a<56>},
    ZooNetwork{"resnet20-b", 10, resnet_cifar_b<20>},
    ZooNetwork{"resnet32-b", 10, resnet_cifar_b<32>},
    ZooNetwork{"resnet56-b", 10, resnet_cifar_b<56>},
    ZooNetwork{"vgg8", 10, vgg8},
    ZooNetwork{"vgg16", 10, vgg16},
    ZooNetwork{"resnet18-cifar", 10, resnet18_cifar},
    ZooNetwork{"resnet18", 1000, resnet18},
    ZooNetwork{"resnet34", 1000, resnet34},
    ZooNetwork{"resnet50", 1000, resnet50},
    ZooNetwork{"mobilenet_v1", 1000, mobilenet_v1<100>},
    ZooNetwork{"mobilenet_v1_x0_75", 1000, mobilenet_v1<75>},
    ZooNetwork{"mobilenet_v1_x0_5", 1000, mobilenet_v1<50>},
    ZooNetwork{"mobilenet_v1_x0_25", 1000, mobilenet_v1<25>},
    ZooNetwork{"mobilenet_v1_cifar", 10, mobilenet_v1_cifar<100>},
    ZooNetwork{"mobilenet_v1_x0_25_cifar", 10, mobilenet_v1_cifar<25>},
    ZooNetwork{"mobilenet_v2", 1000, mobilenet_v2<100>},
    ZooNetwork{"mobilenet_v2_cifar", 10, mobilenet_v2_cifar<100>},
    ZooNetwork{"mobilenet_v2_x0_25_cifar", 10, mobilenet_v2_cifar<25>},
    ZooNetwork{"shufflenet_v2_x1_0", 1000, shufflenet_v2<100>},
    ZooNetwork{"shufflenet_v2_x0_5", 1000, shufflenet_v2<50>},
    ZooNetwork{"shufflenet_v2_cifar", 10, shufflenet_v2_cifar<100>},
    ZooNetwork{"shufflenet_v2_x0_5_cifar", 10, shufflenet_v2_cifar<50>},
};

constexpr std::array kOperatorTables = {linear_ops, pool_ops, pointwise_ops, shape_ops, quantizer_ops};

}  // namespace

std::span<const ZooNetwork> zoo_networks() {
  return kNetworks;
}

const Converter* find_converter(std::string_view op) {
  for (const auto table : kOperatorTables) {
    const auto ops = table();
    const auto it = std::find_if(ops.begin(), ops.end(), [&](const Converter& c) { return c.op == op; });
    if (it != ops.end()) return &*it;
  }
  return nullptr;
}

std::vector<std::string> supported_operators() {
  std::vector<std::string> names;
  for (const auto table : kOperatorTables) {
    for (const Converter& converter : table()) names.emplace_back(converter.op);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bitline::frontend
