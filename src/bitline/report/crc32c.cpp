#include "bitline/report/crc32c.h"

#include <array>
#include <bit>

namespace bitline::report {

namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78U;
constexpr std::uint32_t kMaskDelta = 0xA282EAD8U;
constexpr int kMaskRotation = 15;

// What each byte value does to the remainder.
constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1U) * kPolynomial);
    table[byte] = remainder;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t remainder = ~0U;
  for (const char c : bytes) {
    remainder = (remainder >> 8) ^ kTable[(remainder ^ static_cast<unsigned char>(c)) & 0xFFU];
  }
  return ~remainder;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), kMaskRotation) + kMaskDelta;
}

}  // namespace bitline::report
