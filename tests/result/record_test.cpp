#include "bitline/result/record.h"

#include <limits>

#include <gtest/gtest.h>

namespace bitline::result {
namespace {

TEST(Record, FiguresAreFoundByKeyInTheOrderAdded) {
  Record record;
  record.add("top1", 91.37, "%");
  record.add("images", std::int64_t{10000});
  record.add("config", std::string("W4A4P1"), {}, 0);
  ASSERT_EQ(record.figures.size(), 3U);
  EXPECT_EQ(record.figures[1].key, "images");
  const Figure* top1 = record.find("top1");
  ASSERT_NE(top1, nullptr);
  EXPECT_EQ(std::get<double>(top1->value), 91.37);
  EXPECT_EQ(top1->unit, "%");
  EXPECT_EQ(top1->decimals, 2);
  EXPECT_EQ(record.find("top"), nullptr);
  EXPECT_EQ(Record{}.find("top1"), nullptr);
}

TEST(Record, TheFirstOfTwoEqualKeysIsFound) {
  Record record;
  record.add("seconds", 1.0);
  record.add("seconds", 2.0);
  EXPECT_EQ(std::get<double>(record.find("seconds")->value), 1.0);
}

TEST(Record, ValuesAsText) {
  EXPECT_EQ(value_text(Value{91.375}, 1), "91.4");
  EXPECT_EQ(value_text(Value{-0.5}, 3), "-0.500");
  EXPECT_EQ(value_text(Value{2.0}, 0), "2");
  EXPECT_EQ(value_text(Value{std::string("column")}, 3), "column");
  EXPECT_EQ(value_text(Value{std::numeric_limits<std::int64_t>::min()}, 2), "-9223372036854775808");
  EXPECT_EQ(value_text(Value{std::int64_t{7}}, 2), "7");  // counts have no decimals
}

}  // namespace
}  // namespace bitline::result
