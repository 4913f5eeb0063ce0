#include "bitline/report/crc32c.h"

#include <string>

#include <gtest/gtest.h>

namespace bitline::report {
namespace {

// RFC 3720, appendix B.4, and the check value of the CRC catalogues.
TEST(Crc32c, PublishedVectors) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  EXPECT_EQ(crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(crc32c(falling), 0x113FDB5CU);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, MaskIsARotationAndASum) {
  // 0xE3069283: the low 15 bits, 0x1283, go to the top; the upper 17, 0x1C60D, go down.
  EXPECT_EQ(masked_crc32c("123456789"), ((0x1283U << 17) | 0x1C60DU) + 0xA282EAD8U);
  EXPECT_EQ(masked_crc32c(""), 0xA282EAD8U);
}

}  // namespace
}  // namespace bitline::report
