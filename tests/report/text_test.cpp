#include "bitline/report/text.h"

#include <sstream>

#include "base/error_of.h"
#include "sample_record.h"
#include <gtest/gtest.h>

#include "bitline/report/page.h"

namespace bitline::report {
namespace {

TEST(Text, Golden) {
  EXPECT_EQ(to_text(sample_record()),
            "Evaluation of resnet20\n"
            "======================\n"
            "top1     91.38 %\n"
            "images   10000\n"
            "seconds   12.2 s\n"
            "config   W4A4P3 column 128x128 2b\n"
            "\n"
            "Layers\n"
            "------\n"
            "layer           arrays  energy [\u00b5J]\n"
            "--------------  ------  -----------\n"
            "conv1                3        0.500\n"
            "stage1.0.conv1     128     1234.062\n");
}

TEST(Text, AnEmptyTableSaysSo) {
  result::Record record{"T", {}, {{"t", "", {{"a", "first"}, {"b", "second"}}, {}}}};
  EXPECT_EQ(to_text(record), "T\n=\n\nt\n-\nfirst  second\n-----  ------\n(no rows)\n");
}

TEST(Text, ATableWithoutColumnsIsNoError) {
  result::Record record{"T", {}, {{"t", "Nothing", {}, {}}}};
  EXPECT_EQ(to_text(record), "T\n=\n\nNothing\n-------\n(no rows)\n");
}

TEST(Text, TextAmongNumbersIsAlignedWithThem) {
  result::Record record{"T", {}, {{"t", "t", {{"a", "value"}}, {{1.5}, {"-"}}}}};
  EXPECT_EQ(to_text(record), "T\n=\n\nt\n-\nvalue\n-----\n 1.50\n    -\n");
}

TEST(Text, LongTextIsBrokenBesideItsKey) {
  result::Record record;
  record.title = "T";
  record.add("note", std::string(60, 'a') + " " + std::string(60, 'b'), "%");
  EXPECT_EQ(to_text(record),
            "T\n=\nnote  " + std::string(60, 'a') + "\n      " + std::string(60, 'b') + " %\n");
}

TEST(Text, ACellOfManyLinesKeepsItsRowTogether) {
  const std::string word(30, 'w');
  result::Record record{
      "T", {}, {{"t", "t", {{"a", "a"}, {"b", "b"}}, {{word + " " + word, std::int64_t{7}}}}}};
  const std::string rule(30, '-');
  EXPECT_EQ(to_text(record),
            "T\n=\n\nt\n-\na" + std::string(31, ' ') + "b\n" + rule + "  -\n" + word + "  7\n" + word + "\n");
}

result::Table wide_table(std::size_t columns, std::size_t title_width) {
  result::Table table{"wide", "Wide", {{"name", "name"}}, {{"conv1"}, {"conv2"}}};
  for (std::size_t i = 0; i < columns; ++i) {
    const std::string title = "c" + std::to_string(i) + std::string(title_width, '.');
    table.columns.push_back({"c" + std::to_string(i), title});
    table.rows[0].emplace_back(static_cast<std::int64_t>(i));
    table.rows[1].emplace_back(static_cast<double>(i) + 0.25);
  }
  return table;
}

TEST(Text, AWideTableContinuesBelowUnderItsFirstColumn) {
  for (std::size_t columns = 1; columns < 40; ++columns) {
    const std::string text = to_text({"T", {}, {wide_table(columns, columns % 7 + 5)}});
    std::istringstream lines(text);
    std::size_t headers = 0, blocks = 0, values = 0;
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(width_of(line), 100U) << line;
      headers += line.starts_with("name   c");
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word != "conv2") continue;
      ++blocks;
      while (words >> word) EXPECT_EQ(word, std::to_string(values++) + ".25");
    }
    EXPECT_EQ(values, columns) << "every value once, in order";
    EXPECT_EQ(headers, blocks) << "each block has its header";
  }
}

TEST(Text, ANumberWiderThanThePageStaysWholeBesideTheFirstColumn) {
  result::Record record{"T", {}, {{"t", "t", {{"a", "a"}, {"b", "b", 0}}, {{"x", 1e120}}}}};
  const std::string digits = result::value_text(1e120, 0);
  EXPECT_EQ(to_text(record), "T\n=\n\nt\n-\na" + std::string(digits.size() + 1, ' ') + "b\n-  " +
                                 std::string(digits.size(), '-') + "\nx  " + digits + "\n");
}

TEST(Text, RowsThatDoNotFitAreADefect) {
  result::Record record = sample_record();
  record.tables[0].rows[0].emplace_back(1.0);
  EXPECT_EQ(error_of([&] { to_text(record); }, ErrorCode::kInternal),
            "node 'tables.layers': row 0 has 4 values, expected one for each of 3 columns");
}

}  // namespace
}  // namespace bitline::report
