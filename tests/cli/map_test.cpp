// bitline map: figures, the files it writes, and its errors. Needs no training library.
#include <set>

#include "figures.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

TEST(Map, WritesAMappingAndAPicture) {
  const Scratch scratch;
  const Words words = {"map",        "zoo:resnet20",
                       "--hardware", "isaac",
                       "--out",      scratch.path("mapping.json"),
                       "--picture",  scratch.path("arrays.svg")};
  const result::Record record = json_of(words);
  expect_documented(record);
  EXPECT_EQ(count(record, "mapped_layer_count"), 20);
  EXPECT_EQ(count(record, "chip_arrays"), 16128);
  EXPECT_LE(count(record, "arrays"), 16128);
  EXPECT_EQ(count(record, "rounds"), 1);
  const std::string mapping = scratch.read("mapping.json");
  EXPECT_NE(mapping.find("\"bitline-mapping/1\""), std::string::npos);
  const std::string picture = scratch.read("arrays.svg");
  EXPECT_EQ(picture.find("<svg "), 0u);
  EXPECT_NE(picture.find("layer1.0.conv1, replica 0"), std::string::npos);
  json_of(words);
  EXPECT_EQ(scratch.read("mapping.json"), mapping) << "the same bytes again";
  EXPECT_EQ(scratch.read("arrays.svg"), picture);
}

TEST(Map, SeparateSlicesCountAsInfoDoes) {
  const result::Record record = json_of(
      {"map", "zoo:resnet20", "--hardware", "128x128:2b", "--precision", "W4A4", "--slices", "separate"});
  expect_documented(record);
  // 2 slices, and row tiles of conv1, of stages of 16, 32 and 64 channels, and of the classifier
  EXPECT_EQ(count(record, "arrays"), 2 * (1 + 6 * 2 + (2 + 5 * 3) + (3 + 5 * 5) + 1));
}

TEST(Map, DepthwiseNetworksPack) {
  const Words words = {"map", "zoo:mobilenet_v2", "--hardware", "128x128:2b"};
  const std::int64_t alone = count(json_of(words), "arrays");
  EXPECT_LT(count(json_of(joined(words, {"--packing", "diagonal"})), "arrays"), alone / 4);
}

TEST(Map, ErrorsNameWhatDoesNotFit) {
  expect_error(run_program({"map", "zoo:resnet18", "--hardware", "cascade"}), 3,
               {"CASCADE has 6400", "weights.loading", "--reload"});
  EXPECT_GT(count(json_of({"map", "zoo:resnet18", "--hardware", "cascade", "--reload"}), "rounds"), 1);
  expect_error(run_program({"map", "zoo:resnet18", "--hardware", "16x16:1b"}), 3,
               {"node 'conv1'", "49 rows", "activates 16 at once", "--rows packed"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "128x128:2b", "--precision", "W17A4"}), 3,
               {"17 bits", "1 to 16"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "isac"}), 3, {"did you mean 'isaac'"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "rtx2080"}), 4, {"RTX 2080"});
}

TEST(Map, WrongValuesAreUsageErrors) {
  const Words words = {"map", "zoo:digits-cnn", "--hardware", "128x128:2b"};
  const auto refused = [&](const Words& more, const std::vector<std::string>& parts) {
    expect_error(run_program(joined(words, more)), 2, parts);
  };
  refused({"--slices", "adjacend"}, {"--slices", "adjacend", "auto", "adjacent", "separate"});
  refused({"--pairs", "x"}, {"--pairs", "adjacent"});
  refused({"--rows", "pack"}, {"--rows", "windows", "packed"});
  refused({"--packing", "tight"}, {"--packing", "none", "diagonal", "stacked"});
  refused({"--arrays", "-1"}, {"--arrays", "0 to 1073741824"});
  expect_error(run_program(joined(words, {"--precision", "W4"})), 3, {"precision 'W4' is not valid", "W4A4"});
  const Scratch scratch;
  const Words twice = {"--out", scratch.path("m.json"), "--picture", scratch.path("./m.json")};
  refused(twice, {"--out and --picture", "m.json"});
  EXPECT_FALSE(scratch.exists("m.json"));
}

TEST(Map, ABudgetWithReloadRunsInRounds) {
  const Words words = {"map", "zoo:resnet20", "--hardware", "isaac", "--arrays", "20"};
  expect_error(run_program(words), 3, {"more than the budget of 20", "--reload"});
  const result::Record record = json_of(joined(words, {"--reload"}));
  EXPECT_EQ(count(record, "rounds"), (count(record, "arrays") + 19) / 20);
}

TEST(Map, EveryLayerHasAColourOfItsOwn) {
  const Scratch scratch;
  json_of(
      {"map", "zoo:resnet50", "--hardware", "isaac", "--no-replicas", "--picture", scratch.path("a.svg")});
  const std::string picture = scratch.read("a.svg"), box = "width=\"12.00\" height=\"12.00\" fill=\"";
  std::set<std::string> colours;
  std::size_t boxes = 0;
  for (std::size_t at = picture.find(box); at != std::string::npos; at = picture.find(box, at + 1), ++boxes)
    colours.insert(picture.substr(at + box.size(), 7));
  EXPECT_EQ(boxes, 54U);
  EXPECT_EQ(colours.size(), boxes);
}

}  // namespace
}  // namespace bitline::cli
