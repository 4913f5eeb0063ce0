#include "bitline/report/csv.h"

#include <limits>

#include "base/error_of.h"
#include "sample_record.h"
#include <gtest/gtest.h>

namespace bitline::report {
namespace {

result::Table one_column(std::vector<result::Value> values) {
  result::Table table{"t", "T", {{"x", "X"}}, {}};
  for (result::Value& value : values) table.rows.push_back({std::move(value)});
  return table;
}

TEST(Csv, KeysThenExactValues) {
  EXPECT_EQ(to_csv(sample_record().tables[0]),
            "name,arrays,energy\r\n"
            "conv1,3,0.5\r\n"
            "stage1.0.conv1,128,1234.0625\r\n");
}

TEST(Csv, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(to_csv(one_column({"plain text", "a,b", "say \"no\"", "two\nlines", "cr\rhere", ""})),
            "x\r\nplain text\r\n\"a,b\"\r\n\"say \"\"no\"\"\"\r\n\"two\nlines\"\r\n\"cr\rhere\"\r\n\"\"\r\n");
}

TEST(Csv, HeaderIsQuotedToo) {
  result::Table table = one_column({});
  table.columns[0].key = "a,b";
  EXPECT_EQ(to_csv(table), "\"a,b\"\r\n");
}

TEST(Csv, NumbersAreNotRounded) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(to_csv(one_column({0.1, 1e-12, 2.0, -kInfinity, std::numeric_limits<std::int64_t>::max()})),
            "x\r\n0.1\r\n1e-12\r\n2\r\n-inf\r\n9223372036854775807\r\n");
}

TEST(Csv, ARowThatDoesNotFitIsADefect) {
  result::Table table = sample_record().tables[0];
  table.rows[1].pop_back();
  EXPECT_EQ(error_of([&] { to_csv(table); }, ErrorCode::kInternal),
            "node 'tables.layers': row 1 has 2 values, expected one for each of 3 columns");
}

}  // namespace
}  // namespace bitline::report
