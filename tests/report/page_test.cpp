#include "bitline/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitline::report {
namespace {

using testing::ElementsAre;

TEST(Page, WidthsCountCodePoints) {
  EXPECT_EQ(width_of("\u00b5m\u00b2"), 3U);
  EXPECT_EQ(clipped("\u00b5m\u00b2", 2), "\u00b5m");
  EXPECT_EQ(clipped("ab", 2), "ab");
  EXPECT_EQ(clipped("ab", 0), "");
  EXPECT_EQ(padded_right("\u00b5m", 4), "\u00b5m  ");
  EXPECT_EQ(padded_left("\u00b5m", 4), "  \u00b5m");
  EXPECT_EQ(padded_left("longer", 4), "longer");
}

TEST(Page, BreaksAtSpacesThenInsideWords) {
  EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("one two three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("one  two", 4), ElementsAre("one", "two"));
  EXPECT_THAT(wrapped("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(wrapped("\u00b5\u00b5\u00b5", 2), ElementsAre("\u00b5\u00b5", "\u00b5"));
  EXPECT_THAT(wrapped(" abcd", 3), ElementsAre(" ab", "cd"));  // a leading space is no place to break
  EXPECT_THAT(wrapped("exact", 5), ElementsAre("exact"));
  EXPECT_THAT(wrapped("", 5), ElementsAre(""));
  EXPECT_THAT(wrapped("a\n\nb", 5), ElementsAre("a", "", "b"));
}

TEST(Page, LinesStayNarrowWhateverTheText) {
  for (std::size_t seed = 1; seed <= 300; ++seed) {
    std::string text, letters;
    for (std::size_t i = 0, state = seed; i < 60; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const char c = "ab   "[(state >> 33) % 5];
      text += c;
      if (c != ' ') letters += c;
    }
    std::string kept;
    for (const std::string& line : wrapped(text, 1 + seed % 9)) {
      EXPECT_LE(width_of(line), 1 + seed % 9) << "'" << text << "'";
      for (const char c : line) {
        if (c != ' ') kept += c;
      }
    }
    EXPECT_EQ(kept, letters) << "'" << text << "'";
  }
}

TEST(Page, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_THAT(wrapped("\x1b[31mred\tx\x7f", 20), ElementsAre("?[31mred x?"));
}

}  // namespace
}  // namespace bitline::report
