#include "bitline/base/philox.h"

#include <cmath>
#include <numbers>
#include <string_view>

#include "bitline/base/hash.h"
#include "bitline/base/wide.h"

namespace bitline {

namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53u;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57u;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9u;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85u;
constexpr int kRounds = 10;

PhiloxBlock round_once(const PhiloxBlock& c, std::uint32_t k0, std::uint32_t k1) {
  const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c[0];
  const std::uint64_t p1 = std::uint64_t{kMultiplier1} * c[2];
  return {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
}

constexpr std::size_t kSideBySide = 16;

// Blocks side by side, word after word, so that vectors of the processor hold one word of each.
struct Counters {
  std::uint32_t word[4][kSideBySide];
};

BITLINE_WIDE void rounds(Counters& c, std::uint32_t k0, std::uint32_t k1) {
  for (int r = 0; r < kRounds; ++r, k0 += kWeyl0, k1 += kWeyl1) {
    for (std::size_t i = 0; i < kSideBySide; ++i) {
      const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c.word[0][i];
      const std::uint64_t p1 = std::uint64_t{kMultiplier1} * c.word[2][i];
      c.word[0][i] = static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1][i] ^ k0;
      c.word[1][i] = static_cast<std::uint32_t>(p1);
      c.word[2][i] = static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3][i] ^ k1;
      c.word[3][i] = static_cast<std::uint32_t>(p0);
    }
  }
}

double unit_interval(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits53 = ((std::uint64_t{high} << 32) | low) >> 11;
  return static_cast<double>(bits53) * 0x1.0p-53;
}

}  // namespace

PhiloxBlock philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int r = 0; r < kRounds; ++r) {
    counter = round_once(counter, key[0], key[1]);
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

PhiloxBlock Philox::block(std::uint64_t index) const {
  return philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                     static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                    {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
}

void Philox::blocks(std::uint64_t first, std::uint64_t count, std::uint32_t* words) const {
  for (std::uint64_t done = 0; done < count; done += kSideBySide) {
    Counters c;
    for (std::size_t i = 0; i < kSideBySide; ++i) {
      const std::uint64_t index = first + done + i;
      c.word[0][i] = static_cast<std::uint32_t>(index);
      c.word[1][i] = static_cast<std::uint32_t>(index >> 32);
      c.word[2][i] = static_cast<std::uint32_t>(stream_);
      c.word[3][i] = static_cast<std::uint32_t>(stream_ >> 32);
    }
    rounds(c, static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32));
    for (std::size_t i = 0; i < kSideBySide && done + i < count; ++i) {
      for (std::size_t w = 0; w < 4; ++w) *words++ = c.word[w][i];
    }
  }
}

std::uint32_t Philox::bits(std::uint64_t index) const {
  return block(index >> 2)[index & 3];
}

double Philox::uniform(std::uint64_t index) const {
  const PhiloxBlock b = block(index);
  return unit_interval(b[0], b[1]);
}

double Philox::normal(std::uint64_t index) const {
  const PhiloxBlock b = block(index);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - unit_interval(b[0], b[1])));
  return radius * std::cos(2.0 * std::numbers::pi * unit_interval(b[2], b[3]));
}

std::uint32_t Philox::below(std::uint64_t index, std::uint32_t bound) const {
  // Lemire's multiply-shift with rejection. The four words of the block are four tries; the last is taken
  // as it is, which leaves a bias below 2^-32 for every bound that fits in memory.
  const PhiloxBlock b = block(index);
  const std::uint32_t threshold = (0u - bound) % bound;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t product = std::uint64_t{b[static_cast<std::size_t>(i)]} * bound;
    if (static_cast<std::uint32_t>(product) >= threshold) return static_cast<std::uint32_t>(product >> 32);
  }
  return static_cast<std::uint32_t>((std::uint64_t{b[3]} * bound) >> 32);
}

std::uint64_t stream_id(const char* purpose, std::uint64_t a, std::uint64_t b) {
  return hash_combine(hash_combine(hash_bytes(std::string_view(purpose)), a), b);
}

}  // namespace bitline
