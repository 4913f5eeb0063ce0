#include "bitline/train/bfloat16.h"

#include <bit>
#include <cstdint>

#include "bitline/base/wide.h"

namespace bitline::train {

namespace {

constexpr int kDropped = 16;  // bits of a float that a bfloat16 lacks
constexpr std::uint32_t kAlmostHalf = 0x7fff;
constexpr std::uint16_t kNan = 0x7fc0;

}  // namespace

BITLINE_WIDE void widen(std::span<const at::BFloat16> from, std::span<float> to) {
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = std::bit_cast<float>(std::uint32_t{from[i].x} << kDropped);
}

BITLINE_WIDE void narrow(std::span<const float> from, std::span<at::BFloat16> to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(from[i]);
    const std::uint32_t even = (bits >> kDropped) & 1;
    const auto rounded = static_cast<std::uint16_t>((bits + kAlmostHalf + even) >> kDropped);
    to[i].x = from[i] != from[i] ? kNan : rounded;
  }
}

}  // namespace bitline::train
