#include "bitline/base/units.h"

#include <gtest/gtest.h>

namespace bitline {
namespace {

TEST(Units, Bytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1'468'006), "1.4 MiB");
  EXPECT_EQ(bytes_text(std::uint64_t{3} << 50), "3072.0 TiB");
}

TEST(Units, Counts) {
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(80'200'000), "80.2 M");
  EXPECT_EQ(count_text(1e9), "1.0 G");
}

TEST(Units, Durations) {
  EXPECT_EQ(duration_text(0.85), "850 ms");
  EXPECT_EQ(duration_text(12.34), "12.3 s");
  EXPECT_EQ(duration_text(245), "4 min 05 s");
  EXPECT_EQ(duration_text(3720), "1 h 02 min");
}

TEST(Units, FixedNotation) {
  EXPECT_EQ(fixed_text(2.5, 3), "2.500");
  EXPECT_EQ(fixed_text(-1.0, 0), "-1");
}

// The widest double has 309 digits before the point.
TEST(Units, FixedNotationOfAHugeNumberIsWhole) {
  const std::string text = fixed_text(1e300, 1);
  EXPECT_EQ(text.size(), 303u);
  EXPECT_EQ(text.substr(text.size() - 2), ".0");
}

TEST(Units, DurationsCarryOverWhenRounded) {
  EXPECT_EQ(duration_text(0.9996), "1.0 s");
  EXPECT_EQ(duration_text(59.99), "1 min 00 s");
}

}  // namespace
}  // namespace bitline
