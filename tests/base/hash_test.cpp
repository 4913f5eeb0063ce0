#include "bitline/base/hash.h"

#include <set>

#include <gtest/gtest.h>

namespace bitline {
namespace {

TEST(Hash, TextAndItsBytesAgree) {
  const std::string text = "conv1.weight";
  EXPECT_EQ(hash_bytes(text), hash_bytes(std::as_bytes(std::span(text))));
}

TEST(Hash, EveryFlippedBitChangesTheHash) {
  std::string text = "a short text to hash";
  std::set<std::uint64_t> seen = {hash_bytes(text)};
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(seen.insert(hash_bytes(changed)).second) << "bit " << bit;
  }
}

TEST(Hash, LengthMattersEvenForZeros) {
  std::set<std::uint64_t> seen;
  for (std::size_t n = 0; n < 64; ++n) seen.insert(hash_bytes(std::string(n, '\0')));
  EXPECT_EQ(seen.size(), 64u);
}

TEST(Hash, CombinationDependsOnOrder) {
  EXPECT_NE(hash_combine(1, 2), hash_combine(2, 1));
}

TEST(Hash, TextIsSixteenHexadecimalDigits) {
  EXPECT_EQ(hash_text(0), "0000000000000000");
  EXPECT_EQ(hash_text(0x0123456789ABCDEFu), "0123456789abcdef");
}

}  // namespace
}  // namespace bitline
