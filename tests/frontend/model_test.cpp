#include "bitline/frontend/model.h"

#include <filesystem>

#include "base/error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>
#include <stdlib.h>

#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/weights.h"
#include "bitline/frontend/zoo.h"
#include "bitline/io/atomic_file.h"
#include "bitline/ir/classes.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

class ModelFile : public testing::Test {
 protected:
  ModelFile() {
    std::string name = (std::filesystem::temp_directory_path() / "bitline-frontend-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch folder");
    folder_ = name;
  }
  ~ModelFile() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static ir::Graph load(const std::string& name, int classes = 0) {
    return load_model(io::posix(), name, classes, 5).graph;
  }
  static std::string text(const ir::Graph& graph) { return graph_to_json(graph).dump(); }

 private:
  std::string folder_;
};

TEST_F(ModelFile, ASavedGraphComesBackBitForBit) {
  const ir::Graph graph = zoo("digits-cnn", 10, 1);
  save_graph(io::posix(), path("m.safetensors"), graph);
  const ir::Graph loaded = load(path("m.safetensors"));
  EXPECT_EQ(text(loaded), text(graph));
  for (const auto& [id, tensor] : graph.constants()) EXPECT_EQ(loaded.constant(id).data, tensor.data);
}

TEST_F(ModelFile, SavingIsDeterministic) {
  save_graph(io::posix(), path("a.safetensors"), zoo("digits-cnn", 10, 1));
  save_graph(io::posix(), path("b.safetensors"), load(path("a.safetensors")));
  EXPECT_EQ(io::posix().read(path("a.safetensors")), io::posix().read(path("b.safetensors")));
}

TEST_F(ModelFile, ANetworkOfTheZooHasItsOwnNumberOfClassesUnlessTold) {
  EXPECT_EQ(text(load("zoo:digits-cnn")), text(zoo("digits-cnn", 10, 5)));
  EXPECT_EQ(text(load("zoo:digits-cnn", 4)), text(zoo("digits-cnn", 4, 5)));
}

TEST_F(ModelFile, ANetworkOfTheZooTakesAStateDict) {
  const ir::Graph trained = zoo("digits-cnn", 10, 9);
  io::write_safetensors(io::posix(), path("w.safetensors"), state_dict(trained));
  const ir::Graph loaded = load("zoo:digits-cnn=" + path("w.safetensors"));
  for (const auto& [id, tensor] : trained.constants()) EXPECT_EQ(loaded.constant(id).data, tensor.data);
}

TEST_F(ModelFile, APrefixOfItsNamesIsTakenOffAndNoted) {
  io::TensorFile file;
  for (const auto& [name, tensor] : state_dict(zoo("digits-cnn", 10, 9)).tensors)
    file.tensors.emplace("module." + name, tensor);
  io::write_safetensors(io::posix(), path("w.safetensors"), file);
  const quant::QuantizedModel model =
      load_model(io::posix(), "zoo:digits-cnn=" + path("w.safetensors"), 0, 5);
  EXPECT_EQ(model.notes.at("weights_prefix"), "module.");
}

TEST_F(ModelFile, ExtentsOfOneBehindTheClassesAreDropped) {
  OnnxBuilder net({-1, 4, 6, 6});
  net.node("GlobalAveragePool", {"x"}, "y");
  io::write_atomically(io::posix(), path("m.onnx"), net.bytes());
  const ir::Graph graph = load(path("m.onnx"), 4);
  EXPECT_EQ(ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())], (ir::Shape{ir::kBatch, 4}));
  EXPECT_EQ(ir::class_count(graph), 4);
  OnnxBuilder dense({-1, 4, 6, 6});
  dense.node("Relu", {"x"}, "y");
  io::write_atomically(io::posix(), path("d.onnx"), dense.bytes());
  EXPECT_EQ(error_of([&] { ir::class_count(load(path("d.onnx"))); }, ErrorCode::kUnsupported),
            "the network's output [N, 4, 6, 6] is not one number for each class (expected [N, classes])");
}

TEST_F(ModelFile, AnOnnxFileIsImported) {
  io::write_atomically(io::posix(), path("m.onnx"), small_network().bytes());
  EXPECT_EQ(text(load(path("m.onnx"), 4)), text(small_network().import()));
}

TEST_F(ModelFile, AnotherNumberOfClassesIsRefused) {
  io::write_atomically(io::posix(), path("m.onnx"), small_network().bytes());
  EXPECT_EQ(
      error_of([&] { load(path("m.onnx"), 10); }),
      path("m.onnx") +
          ": the network's output has shape [N, 4], expected [N, 10] (does the data set fit the model?)");
}

TEST_F(ModelFile, WeightsAloneAreNoModel) {
  io::write_safetensors(io::posix(), path("w.safetensors"), state_dict(zoo("digits-cnn", 10, 9)));
  EXPECT_EQ(error_of([&] { load(path("w.safetensors")); }),
            path("w.safetensors") +
                ": it holds weights but no graph (metadata 'bitline.graph') "
                "(weights for a network of the zoo are loaded with zoo:NAME=FILE)");
}

TEST_F(ModelFile, ADamagedGraphIsRefusedWithTheFilesName) {
  io::TensorFile file = state_dict(zoo("digits-cnn", 10, 9));
  file.metadata[kGraphKey] = R"({"version":1,"values":[{"node":"a","op":"Relu","inputs":[0]}],"output":0})";
  io::write_safetensors(io::posix(), path("w.safetensors"), file);
  EXPECT_EQ(error_of([&] { load(path("w.safetensors")); }),
            path("w.safetensors") + ": node 'a': it reads value 0 before it is written");
}

TEST_F(ModelFile, OtherNamesAreRefusedWithAHint) {
  EXPECT_EQ(error_of([&] { load("resnet20"); }), "'resnet20' names no model (did you mean 'zoo:resnet20'?)");
  EXPECT_EQ(
      error_of([&] { load("model.pt"); }),
      "'model.pt' names no model (expected zoo:NAME, a file .onnx or a file .safetensors saved by bitline)");
  EXPECT_EQ(error_of([&] { load("zoo:vgg"); }).rfind("unknown network 'vgg'", 0), 0u);
  EXPECT_NE(error_of([&] { load(path("absent.onnx")); }).find("absent.onnx"), std::string::npos);
}

}  // namespace
}  // namespace bitline::frontend
