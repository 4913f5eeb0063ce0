#include "bitline/base/suggest.h"

#include <vector>

#include <gtest/gtest.h>

namespace bitline {
namespace {

const std::vector<std::string> kWords = {"adc_bits", "cell_bits", "rows", "columns"};

TEST(Suggest, FindsTheNearestWord) {
  EXPECT_EQ(nearest("adc_bit", kWords), "adc_bits");
  EXPECT_EQ(nearest("cellbits", kWords), "cell_bits");
  EXPECT_EQ(nearest("rwos", kWords), "rows");
  EXPECT_EQ(nearest("rows", kWords), "rows");
}

TEST(Suggest, TwoEditsAreAlwaysAllowedAndThreeNotInAShortWord) {
  const std::vector<std::string> one = {"abc"};
  EXPECT_EQ(nearest("axy", one), "abc");
  EXPECT_EQ(nearest("xyz", one), "");
}

TEST(Suggest, AThirdOfALongWordMayDiffer) {
  const std::vector<std::string> one = {"abcdefghijkl"};
  EXPECT_EQ(nearest("abcdefghWXYZ", one), "abcdefghijkl");
  EXPECT_EQ(nearest("abcdefgVWXYZ", one), "");
}

TEST(Suggest, ATieGoesToTheFirst) {
  const std::vector<std::string> tied = {"cat", "car"};
  EXPECT_EQ(nearest("cap", tied), "cat");
}

TEST(Suggest, TextOffersTheNearWordOrElseAll) {
  EXPECT_EQ(suggestion("colums", kWords), "did you mean 'columns'?");
  EXPECT_EQ(suggestion("technology", kWords), "known: adc_bits, cell_bits, rows, columns");
}

}  // namespace
}  // namespace bitline
