// Quantized models as files: what a layer may hold beside its scales.
#include "bitline/frontend/artefact.h"

#include <filesystem>

#include "base/error_of.h"
#include <gtest/gtest.h>
#include <stdlib.h>

#include "bitline/frontend/zoo.h"
#include "bitline/io/atomic_file.h"
#include "bitline/io/safetensors.h"

namespace bitline::frontend {
namespace {

class Artefact : public testing::Test {
 protected:
  Artefact() {
    std::string name = (std::filesystem::temp_directory_path() / "bitline-artefact-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch folder");
    folder_ = name;
    model_.graph = zoo("digits-cnn", 10, 1);
    layer_name_ = model_.graph.nodes().front().name;
    quant::CimLayer layer;
    layer.config.weight_granularity = layer.config.psum_granularity = quant::Granularity::kLayer;
    layer.activation_scale = 0.25f;
    layer.weight_scale = {0.5f};
    layer.psum_step = {1.5f, 1.0f};  // of two slices
    layer.psum_centre = {-2.0f, 2.0f};
    model_.layers.emplace(layer_name_, layer);
  }
  ~Artefact() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/m.safetensors"; }
  std::string offset_name() const { return layer_name_ + ".cim.activation_offset"; }
  const std::string& layer_name() const { return layer_name_; }
  quant::CimLayer& layer() { return model_.layers.at(layer_name_); }
  io::TensorFile saved() {
    save_artefact(io::posix(), path(), model_);
    return io::read_safetensors(io::posix(), path());
  }

  quant::QuantizedModel model_;

 private:
  std::string folder_, layer_name_;
};

TEST_F(Artefact, AnOffsetComesBackAndLeavesNoTraceWhereThereIsNone) {
  EXPECT_EQ(saved().tensors.count(offset_name()), 0U);
  EXPECT_EQ(load_artefact(io::posix(), path()).layers.begin()->second.activation_offset, 0.0f);
  layer().activation_offset = -0.3f;
  EXPECT_EQ(saved().tensors.count(offset_name()), 1U);
  const quant::CimLayer loaded = load_artefact(io::posix(), path()).layers.begin()->second;
  EXPECT_EQ(loaded.activation_offset, -0.3f);
  EXPECT_EQ(loaded.activation_scale, 0.25f);
  EXPECT_EQ(loaded.psum_centre, layer().psum_centre);
}

TEST_F(Artefact, AVarianceBelowZeroIsRefusedByNode) {
  for (const ir::Node& node : model_.graph.nodes()) {
    if (!std::holds_alternative<ir::BatchNorm>(node.op)) continue;
    model_.graph.constant(node.inputs[4]).data[1] = -1.0f;
    saved();
    EXPECT_EQ(error_of([&] { load_artefact(io::posix(), path()); }),
              path() + ": node '" + node.name + "': variance + epsilon is -0.999990, expected above 0");
    return;
  }
  FAIL() << "no batch-norm";
}

TEST_F(Artefact, AnOffsetOfTwoValuesIsRefused) {
  layer().activation_offset = 0.5f;
  io::TensorFile file = saved();
  file.tensors[offset_name()] = io::store_floats({2}, std::vector<float>{0.5f, 0.25f});
  io::write_safetensors(io::posix(), path(), file);
  EXPECT_NE(error_of([&] { load_artefact(io::posix(), path()); }).find("must hold one value"),
            std::string::npos);
}

TEST_F(Artefact, APlanThatDoesNotFitTheGraphIsRefusedByNode) {
  const auto refusal = [&](const std::string& name, const auto& change) {
    const quant::QuantizedModel whole = model_;
    change(layer());
    if (name != layer_name()) {
      model_.layers.emplace(name, layer());
      model_.layers.erase(layer_name());
    }
    saved();
    const std::string text = error_of([&] { load_artefact(io::posix(), path()); });
    const std::string start = path() + ": node '" + name + "': ";
    EXPECT_EQ(text.rfind(start, 0), 0u) << text;
    model_ = whole;
    return text.substr(std::min(start.size(), text.size()));
  };
  const auto as_it_is = [](quant::CimLayer&) {};
  EXPECT_EQ(refusal("ghost", as_it_is), "the quantization plan names a layer that the graph does not have");
  std::string relu;
  for (const ir::Node& node : model_.graph.nodes())
    if (std::holds_alternative<ir::Relu>(node.op)) relu = node.name;
  EXPECT_EQ(refusal(relu, as_it_is),
            "the quantization plan names a Relu, expected a Conv or Linear with a constant weight");
  for (const float scale : {0.0f, -1.0f}) {
    EXPECT_NE(
        refusal(layer_name(), [&](auto& l) { l.activation_scale = scale; }).find("activation scale holds"),
        std::string::npos);
    EXPECT_NE(refusal(layer_name(), [&](auto& l) { l.weight_scale[0] = scale; }).find("weight scale holds"),
              std::string::npos);
    EXPECT_NE(refusal(layer_name(), [&](auto& l) { l.psum_step[1] = scale; }).find("partial-sum step holds"),
              std::string::npos);
  }
  EXPECT_NE(refusal(layer_name(),
                    [](auto& l) {
                      l.weight_scale = {0.5f, 0.5f};
                    })
                .find("2 entries, expected 1"),
            std::string::npos);
  EXPECT_NE(refusal(layer_name(), [](auto& l) { l.config.array_rows = 5; }).find("needs 9 rows"),
            std::string::npos);
}

}  // namespace
}  // namespace bitline::frontend
