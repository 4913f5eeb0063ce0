#include "bitline/frontend/weights.h"

#include <algorithm>
#include <limits>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/frontend/zoo.h"

namespace bitline::frontend {
namespace {

const ir::Tensor& constant(const ir::Graph& graph, const std::string& name) {
  for (const auto& [id, tensor] : graph.constants()) {
    if (graph.value_name(id) == name) return tensor;
  }
  throw std::runtime_error("no constant " + name);
}

TEST(StateDict, CarriesEveryWeightFromOneNetworkToAnother) {
  const ir::Graph source = zoo("digits-cnn", 10, 1);
  ir::Graph target = zoo("digits-cnn", 10, 2);
  ASSERT_NE(constant(source, "conv1.weight").data, constant(target, "conv1.weight").data);
  load_state_dict(target, state_dict(source), "w.safetensors");
  for (const auto& [id, tensor] : source.constants()) EXPECT_EQ(target.constant(id).data, tensor.data);
}

TEST(StateDict, UsesTheNamesOfPytorch) {
  const io::TensorFile file = state_dict(zoo("resnet20-b", 10, 1));
  for (const char* name :
       {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.shortcut.0.weight",
        "layer3.0.shortcut.1.running_var", "linear.weight", "linear.bias"}) {
    EXPECT_EQ(file.tensors.count(name), 1u) << name;
  }
}

TEST(StateDict, IgnoresTheCountersOfPytorch) {
  ir::Graph graph = zoo("digits-cnn", 10, 1);
  io::TensorFile file = state_dict(graph);
  file.tensors["bn1.num_batches_tracked"] = io::store_ints({1}, std::vector<std::int32_t>{7});
  EXPECT_NO_THROW(load_state_dict(graph, file, "w.safetensors"));
}

io::TensorFile renamed(const io::TensorFile& file, const std::string& prefix) {
  io::TensorFile out;
  for (const auto& [name, tensor] : file.tensors) out.tensors.emplace(prefix + name, tensor);
  return out;
}

TEST(StateDict, TakesOffAPrefixThatAllNamesShare) {
  const ir::Graph source = zoo("digits-cnn", 10, 1);
  io::TensorFile file = state_dict(source);
  file.tensors["bn1.num_batches_tracked"] = io::store_ints({1}, std::vector<std::int32_t>{7});
  for (const std::string prefix : {"module.", "state_dict.model."}) {
    ir::Graph target = zoo("digits-cnn", 10, 2);
    EXPECT_EQ(load_state_dict(target, renamed(file, prefix), "w.safetensors"), prefix);
    for (const auto& [id, tensor] : source.constants()) EXPECT_EQ(target.constant(id).data, tensor.data);
  }
  ir::Graph target = zoo("digits-cnn", 10, 2);
  EXPECT_EQ(load_state_dict(target, file, "w.safetensors"), "");
  io::TensorFile mixed = renamed(file, "module.");
  mixed.tensors["linear.weight"] = mixed.tensors.extract("module.linear.weight").mapped();
  EXPECT_NE(error_of([&] { load_state_dict(target, mixed, "w.safetensors"); }).find("is missing"),
            std::string::npos);
  EXPECT_NE(error_of([&] { load_state_dict(target, {}, "w.safetensors"); }).find("is missing"),
            std::string::npos);
}

TEST(StateDict, NamesEveryMismatchInOneError) {
  ir::Graph graph = zoo("digits-cnn", 10, 1);
  const std::vector<float> before = constant(graph, "conv1.weight").data;
  io::TensorFile file = state_dict(zoo("digits-cnn", 10, 2));
  file.tensors["linear.wieght"] = file.tensors.extract("linear.weight").mapped();
  file.tensors["bn2.bias"] = io::store_floats({1, 32}, std::vector<float>(32));
  std::vector<float> poisoned(16, 1.0f);
  poisoned[3] = std::numeric_limits<float>::quiet_NaN();
  file.tensors["bn1.weight"] = io::store_floats({16}, poisoned);
  EXPECT_EQ(error_of([&] { load_state_dict(graph, file, "w.safetensors"); }),
            "w.safetensors: the tensors do not fit the network: 'bn1.weight' holds NaN or infinity; "
            "'bn2.bias' has shape [1, 32], expected [32]; "
            "'linear.weight' is missing (is it 'linear.wieght'?); 'linear.wieght' belongs to no layer");
  EXPECT_EQ(constant(graph, "conv1.weight").data, before);
}

TEST(StateDict, RefusesTwoConstantsOfOneName) {
  ir::Graph graph;
  graph.add_input("x", {ir::kBatch, 2});
  graph.add_constant("w", ir::Tensor({2}));
  graph.add_constant("w", ir::Tensor({2}));
  EXPECT_EQ(error_of([&] { state_dict(graph); }), "two constants are called 'w'");
}

}  // namespace
}  // namespace bitline::frontend
