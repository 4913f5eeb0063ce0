// Networks by their shapes: sizes that their papers print, and that nothing computes with them.
#include "bitline/frontend/outline.h"

#include <fstream>
#include <map>
#include <numeric>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/frontend/model.h"
#include "bitline/frontend/zoo.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

std::int64_t parameters(const ir::Graph& graph) {
  std::int64_t sum = 0;
  for (const auto& [id, tensor] : graph.constants()) sum += ir::element_count(tensor.shape);
  return sum;
}

TEST(Outline, ParametersAndOutputs) {
  const std::map<std::string, std::int64_t> expected = {
      {"alexnet", 60965224}, {"vgg-a", 132863336},   {"vgg-b", 133047848},   {"vgg-c", 133638952},
      {"vgg-d", 138357544},  {"vgg-e", 143667240},   {"msra-a", 178017384},  {"msra-b", 183327080},
      {"msra-c", 330603368}, {"googlenet", 6998552}, {"deepface", 118923774}};
  for (const std::string& name : outline_names()) {
    const ir::Graph graph = outline(name);
    EXPECT_EQ(parameters(graph), expected.at(name)) << name;
    const std::vector<ir::Shape> shapes = ir::infer_shapes(graph);
    const std::int64_t classes = name == "deepface" ? 4030 : 1000;
    EXPECT_EQ(shapes[static_cast<std::size_t>(graph.output())], (ir::Shape{ir::kBatch, classes})) << name;
  }
}

TEST(Outline, WeightsHaveNoValues) {
  const ir::Graph graph = outline("vgg-a");
  for (const auto& [id, tensor] : graph.constants()) {
    if (tensor.shape.size() > 1) {
      EXPECT_TRUE(tensor.data.empty()) << graph.value_name(id);
    }
  }
  EXPECT_TRUE(is_outline("vgg-a"));
  EXPECT_FALSE(is_outline("vgg16"));
  EXPECT_EQ(error_of([] { zoo("vgg-a", 0, 1); }),
            "'vgg-a' has shapes and no weights (bitline map and bitline estimate take it)");
  EXPECT_EQ(error_of([] { outline("vgg-f"); }).substr(0, 23), "unknown outline 'vgg-f'");
}

TEST(Outline, ShapesAreLoadedWhereTheySuffice) {
  EXPECT_EQ(load_shapes(io::posix(), "zoo:deepface", 1).graph.nodes().size(),
            outline("deepface").nodes().size());
  const ir::Graph digits = load_shapes(io::posix(), "zoo:digits-cnn", 1).graph;
  EXPECT_FALSE(digits.constants().begin()->second.data.empty());
  EXPECT_NE(error_of([] { load_model(io::posix(), "zoo:vgg-a", 0, 1); }), "");
}

TEST(Outline, IsTheListOfTheDocumentation) {
  std::ifstream file(BITLINE_SOURCE_DIR "/docs/networks.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const std::string& name : outline_names())
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name;
}

}  // namespace
}  // namespace bitline::frontend
