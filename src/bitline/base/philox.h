// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). A number is a pure function of (seed, stream, index), so the result of a computation does not
// depend on the order or the thread in which its random numbers are drawn.
#pragma once

#include <array>
#include <cstdint>

namespace bitline {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// The raw bijection: ten rounds on a 128-bit counter under a 64-bit key.
PhiloxBlock philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key);

// Random access to one stream: at(i) depends on nothing but (seed, stream, i).
class Philox {
 public:
  Philox(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  PhiloxBlock block(std::uint64_t index) const;
  // block(first), block(first + 1), ...: words[4 * count], several blocks at once.
  void blocks(std::uint64_t first, std::uint64_t count, std::uint32_t* words) const;
  std::uint32_t bits(std::uint64_t index) const;                        // uniform 32 bits
  double uniform(std::uint64_t index) const;                            // [0, 1), 53 bits
  double normal(std::uint64_t index) const;                             // N(0, 1), Box-Muller
  std::uint32_t below(std::uint64_t index, std::uint32_t bound) const;  // [0, bound), bound > 0

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
};

// Derives a stream id from a name and up to two numbers, so that callers need no table of magic constants.
std::uint64_t stream_id(const char* purpose, std::uint64_t a = 0, std::uint64_t b = 0);

}  // namespace bitline
