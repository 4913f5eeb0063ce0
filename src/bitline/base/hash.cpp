#include "bitline/base/hash.h"

namespace bitline {

namespace {

constexpr std::uint64_t kOffset = 0xCBF29CE484222325ull;
constexpr std::uint64_t kPrime = 0x100000001B3ull;

std::uint64_t avalanche(std::uint64_t h) {  // the finalizer of MurmurHash3
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDull;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ull;
  return h ^ (h >> 33);
}

}  // namespace

std::uint64_t hash_bytes(std::span<const std::byte> bytes) {
  std::uint64_t h = kOffset;
  for (const std::byte b : bytes) h = (h ^ static_cast<std::uint64_t>(b)) * kPrime;
  return avalanche(h);
}

std::uint64_t hash_bytes(std::string_view text) {
  return hash_bytes(std::as_bytes(std::span(text.data(), text.size())));
}

std::uint64_t hash_combine(std::uint64_t a, std::uint64_t b) {
  return avalanche(a * kPrime + b + 0x9E3779B97F4A7C15ull);
}

std::string hash_text(std::uint64_t hash) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i) out[15 - i] = kDigits[(hash >> (4 * i)) & 15u];
  return out;
}

}  // namespace bitline
