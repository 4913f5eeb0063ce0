#include "bitline/report/json.h"

#include <cmath>
#include <limits>

#include "base/error_of.h"
#include "sample_record.h"
#include <gtest/gtest.h>

namespace bitline::report {
namespace {

result::Record parsed(const std::string& text) {
  return record_from_json(io::parse_json(text, "result.json"));
}

result::Record through_text(const result::Record& record) {
  return parsed(to_json(record).dump());
}

void expect_equal(const result::Record& a, const result::Record& b) {
  EXPECT_EQ(a.title, b.title);
  ASSERT_EQ(a.figures.size(), b.figures.size());
  for (std::size_t i = 0; i < a.figures.size(); ++i) {
    EXPECT_EQ(a.figures[i].key, b.figures[i].key);
    EXPECT_EQ(a.figures[i].value, b.figures[i].value) << a.figures[i].key;
    EXPECT_EQ(a.figures[i].unit, b.figures[i].unit);
    EXPECT_EQ(a.figures[i].decimals, b.figures[i].decimals);
  }
  ASSERT_EQ(a.tables.size(), b.tables.size());
  for (std::size_t i = 0; i < a.tables.size(); ++i) {
    EXPECT_EQ(a.tables[i].key, b.tables[i].key);
    EXPECT_EQ(a.tables[i].title, b.tables[i].title);
    EXPECT_EQ(a.tables[i].rows, b.tables[i].rows);
    ASSERT_EQ(a.tables[i].columns.size(), b.tables[i].columns.size());
    for (std::size_t k = 0; k < a.tables[i].columns.size(); ++k) {
      EXPECT_EQ(a.tables[i].columns[k].key, b.tables[i].columns[k].key);
      EXPECT_EQ(a.tables[i].columns[k].title, b.tables[i].columns[k].title);
      EXPECT_EQ(a.tables[i].columns[k].decimals, b.tables[i].columns[k].decimals);
    }
  }
}

TEST(RecordJson, Golden) {
  EXPECT_EQ(to_json(sample_record()).dump(-1),
            R"({"title":"Evaluation of resnet20","figures":{"top1":{"value":91.375,"unit":"%"},)"
            R"("images":{"value":10000,"unit":""},"seconds":{"value":12.25,"unit":"s","decimals":1},)"
            R"("config":{"value":"W4A4P3 column 128x128 2b","unit":""}},)"
            R"("tables":{"layers":{"title":"Layers","columns":[{"key":"name","title":"layer"},)"
            R"({"key":"arrays","title":"arrays"},{"key":"energy","title":"energy [µJ]","decimals":3}],)"
            R"("rows":[{"name":"conv1","arrays":3,"energy":0.5},)"
            R"({"name":"stage1.0.conv1","arrays":128,"energy":1234.0625}]}}})");
}

TEST(RecordJson, RoundTripIsExact) {
  expect_equal(through_text(sample_record()), sample_record());
  expect_equal(through_text({}), {});
  result::Record hard;
  hard.title = "quotes \" and \\ and\nlines";
  hard.add("whole_double", 2.0);  // must not come back as an integer
  hard.add("tenth", 0.1, "", 0);
  hard.add("denormal", std::numeric_limits<double>::denorm_min(), "", 17);
  hard.add("largest", std::numeric_limits<double>::max());
  hard.add("least", std::numeric_limits<std::int64_t>::min());
  hard.add("digits", "42");  // must not come back as a number
  hard.tables.push_back({"empty", "", {}, {{}, {}}});
  expect_equal(through_text(hard), hard);
}

TEST(RecordJson, WhatIsNoNumberIsNull) {
  result::Record record;
  record.add("a", std::nan(""));
  record.add("b", -std::numeric_limits<double>::infinity());
  EXPECT_EQ(
      to_json(record).dump(-1),
      R"({"title":"","figures":{"a":{"value":null,"unit":""},"b":{"value":null,"unit":""}},"tables":{}})");
  EXPECT_TRUE(std::isnan(std::get<double>(through_text(record).figures[1].value)));
}

TEST(RecordJson, DefectsAreNamed) {
  result::Record record = sample_record();
  record.add("top1", 1.0);
  EXPECT_EQ(error_of([&] { to_json(record); }, ErrorCode::kInternal), "node 'figures': two figures 'top1'");
  record = sample_record();
  record.tables.push_back(record.tables[0]);
  EXPECT_EQ(error_of([&] { to_json(record); }, ErrorCode::kInternal), "node 'tables': two tables 'layers'");
  record = sample_record();
  record.tables[0].columns[2].key = "name";
  EXPECT_EQ(error_of([&] { to_json(record); }, ErrorCode::kInternal),
            "node 'tables.layers': two columns 'name'");
}

struct Damage {
  const char* text;
  const char* error;
};

class RefusedRecord : public testing::TestWithParam<Damage> {};

TEST_P(RefusedRecord, NamesThePlace) {
  EXPECT_EQ(error_of([&] { parsed(GetParam().text); }), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedRecord,
    testing::Values(
        Damage{"[]", "expected an object"}, Damage{R"({"title":""})", "'figures' is missing"},
        Damage{R"({"title":1,"figures":{},"tables":{}})", "node 'title': expected text"},
        Damage{R"({"titel":"","figures":{},"tables":{}})", "unknown entry 'titel' (did you mean 'title'?)"},
        Damage{R"({"title":"","figures":[],"tables":{}})", "node 'figures': expected an object"},
        Damage{R"({"title":"","figures":{"a":{"value":1}},"tables":{}})",
               "node 'figures.a': 'unit' is missing"},
        Damage{R"({"title":"","figures":{"a":{"value":true,"unit":""}},"tables":{}})",
               "node 'figures.a.value': expected a number, text or null"},
        Damage{R"({"title":"","figures":{"a":{"value":1,"unit":"","decimals":18}},"tables":{}})",
               "node 'figures.a.decimals': expected an integer from 0 to 17"},
        Damage{R"({"title":"","figures":{"a":{"value":1,"unit":"","decimals":-1}},"tables":{}})",
               "node 'figures.a.decimals': expected an integer from 0 to 17"},
        Damage{R"({"title":"","figures":{},"tables":{"t":{"title":"","columns":{},"rows":[]}}})",
               "node 'tables.t.columns': expected an array"},
        Damage{R"({"title":"","figures":{},"tables":{"t":{"title":"","columns":[
                  {"key":"k","title":""},{"key":"k","title":""}],"rows":[]}}})",
               "node 'tables.t.columns[1]': two columns 'k'"},
        Damage{R"({"title":"","figures":{},"tables":{"t":{"title":"","columns":[{"key":"k","title":""}],
                  "rows":[{"k":1},{}]}}})",
               "node 'tables.t.rows[1]': 'k' is missing"},
        Damage{R"({"title":"","figures":{},"tables":{"t":{"title":"","columns":[{"key":"key","title":""}],
                  "rows":[{"kye":1}]}}})",
               "node 'tables.t.rows[0]': unknown entry 'kye' (did you mean 'key'?)"}));

}  // namespace
}  // namespace bitline::report
