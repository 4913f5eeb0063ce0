// bitline map: figures, the files it writes, and its errors. Needs no training library.
#include <fstream>
#include <iterator>

#include "digits.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

result::Record json(const Words& words) {
  const Outcome o = run_program(joined(words, {"--format", "json"}));
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return record_of(o.out);
}

std::int64_t count(const result::Record& record, const char* key) {
  const result::Figure* figure = record.find(key);
  EXPECT_NE(figure, nullptr) << key;
  return figure == nullptr ? 0 : std::get<std::int64_t>(figure->value);
}

void expect_documented(const result::Record& record) {
  std::ifstream file(BITLINE_SOURCE_DIR "/docs/results.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const auto documented = [&page](const std::string& key) {
    return page.find("`" + key + "`") != std::string::npos;
  };
  for (const result::Figure& figure : record.figures) EXPECT_TRUE(documented(figure.key)) << figure.key;
  for (const result::Table& table : record.tables) EXPECT_TRUE(documented(table.key)) << table.key;
}

TEST(Map, WritesAMappingAndAPicture) {
  const Scratch scratch;
  const Words words = {"map",        "zoo:resnet20",
                       "--hardware", "isaac",
                       "--out",      scratch.path("mapping.json"),
                       "--picture",  scratch.path("arrays.svg")};
  const result::Record record = json(words);
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
  json(words);
  EXPECT_EQ(scratch.read("mapping.json"), mapping) << "the same bytes again";
  EXPECT_EQ(scratch.read("arrays.svg"), picture);
}

TEST(Map, SeparateSlicesCountAsInfoDoes) {
  const result::Record record = json(
      {"map", "zoo:resnet20", "--hardware", "128x128:2b", "--precision", "W4A4", "--slices", "separate"});
  expect_documented(record);
  // 2 slices, and row tiles of conv1, of stages of 16, 32 and 64 channels, and of the classifier
  EXPECT_EQ(count(record, "arrays"), 2 * (1 + 6 * 2 + (2 + 5 * 3) + (3 + 5 * 5) + 1));
}

TEST(Map, DepthwiseNetworksPack) {
  const Words words = {"map", "zoo:mobilenet_v2", "--hardware", "128x128:2b"};
  const std::int64_t alone = count(json(words), "arrays");
  EXPECT_LT(count(json(joined(words, {"--packing", "diagonal"})), "arrays"), alone / 4);
}

TEST(Map, ErrorsNameWhatDoesNotFit) {
  expect_error(run_program({"map", "zoo:resnet18", "--hardware", "cascade"}), 3,
               {"CASCADE has 6400", "weights.loading", "--reload"});
  EXPECT_GT(count(json({"map", "zoo:resnet18", "--hardware", "cascade", "--reload"}), "rounds"), 1);
  expect_error(run_program({"map", "zoo:resnet18", "--hardware", "16x16:1b"}), 3,
               {"node 'conv1'", "49 rows", "the array has 16"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "128x128:2b", "--slices", "adjacend"}), 3,
               {"unknown spread 'adjacend'", "adjacent"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "128x128:2b", "--precision", "W17A4"}), 3,
               {"17 bits", "1 to 16"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "isac"}), 3, {"did you mean 'isaac'"});
  expect_error(run_program({"map", "zoo:resnet20", "--hardware", "rtx2080"}), 4, {"RTX 2080"});
}

}  // namespace
}  // namespace bitline::cli
