// Mappings survive a write and a read, and files with errors are refused with the place.
#include "bitline/mapping/mapping_json.h"

#include "base/error_of.h"
#include "mapping/mapped_net.h"
#include <gtest/gtest.h>

namespace bitline::mapping {
namespace {

Mapping sample() {
  Chip chip = small_chip(64, 32, 2, 8);
  chip.resident = true;
  auto model = chain({{8, 8, 3}, {8, 8, 3}}, 4, config_for(chip, 4, "differential"));
  model.layers["conv0"].config = quant::digital_config();
  return map_network(model, chip, {});
}

std::string changed(const std::string& from, const std::string& to) {
  std::string text = to_json_text(sample());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error(const std::string& from, const std::string& to) {
  return error_of([&] { mapping_from_json(changed(from, to), "m.json"); });
}

TEST(MappingJson, SurvivesAWriteAndARead) {
  const Mapping mapping = sample();
  const std::string text = to_json_text(mapping);
  EXPECT_EQ(mapping_from_json(text, "m.json"), mapping);
  EXPECT_EQ(to_json_text(mapping_from_json(text, "m.json")), text);
  EXPECT_NE(text.find("\n    [0, 0, 0, 0, "), std::string::npos) << "a line a block";
  Mapping empty;
  EXPECT_EQ(mapping_from_json(to_json_text(empty), "m.json"), empty);
}

TEST(MappingJson, ErrorsSayWhere) {
  EXPECT_EQ(error("\"rounds\": 1", "\"rounds\": 0"),
            "m.json: node 'rounds': expected a whole number from 1 to 1073741824");
  EXPECT_EQ(error("\"rounds\"", "\"round\""), "m.json: unknown entry 'round' (did you mean 'rounds'?)");
  EXPECT_EQ(error("\"arrays\": ", "\"arrays\": -"),
            "m.json: node 'arrays': expected a whole number from 0 to 1073741824");
  EXPECT_EQ(error("\"cell_bits\": 2", "\"cell_bits\": true"),
            "m.json: node 'chip.cell_bits': expected a whole number from 1 to 8");
  EXPECT_EQ(error("\"rows\": 64", "\"rows\": 1073741824"),
            "m.json: node 'chip.rows': expected a whole number from 1 to 65536");
  EXPECT_EQ(error("\"columns\": 32", "\"columns\": 65537"),
            "m.json: node 'chip.columns': expected a whole number from 1 to 65536");
  EXPECT_EQ(error("\"active_rows\": 64", "\"active_rows\": 65"),
            "m.json: node 'chip.active_rows': more rows are active than the array has: 64");
  EXPECT_EQ(error("\"resident\": true", "\"resident\": 1"),
            "m.json: node 'chip.resident': expected true or false");
  EXPECT_EQ(error("\"windows\"", "\"window\""),
            "m.json: node 'rows': unknown row policy 'window' (did you mean 'windows'?)");
  EXPECT_EQ(error("mapping/1", "mapping/2"),
            "m.json: node 'schema': unknown schema 'bitline-mapping/2' (expected bitline-mapping/1)");
  EXPECT_EQ(error("\"first_row\"", "\"row_first\""),
            "m.json: node 'block_fields': expected the fields of bitline-mapping/1 in their order");
  EXPECT_EQ(error("[0, 0, 0, 0, ", "[0, 0, 0, "),
            "m.json: node 'blocks[0]': expected 16 numbers, those of block_fields");
  EXPECT_EQ(error("[0, 0, 0, 0, ", "[0, 0, 0, 1.5, "),
            "m.json: node 'blocks[0].first_row': expected a whole number from 0 to 1073741824");
  EXPECT_NE(error("\"rounds\": 1", "\"rounds\": ]").find("m.json:"), std::string::npos);
}

TEST(Mapping, IsPrintable) {
  EXPECT_NE(to_text(sample()).find("conv1: 1 groups of 72x8, 4 bits in 2 slices x 2, "), std::string::npos);
}

}  // namespace
}  // namespace bitline::mapping
