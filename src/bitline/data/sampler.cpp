#include "bitline/data/sampler.h"

#include <limits>
#include <numeric>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/base/philox.h"

namespace bitline::data {

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
  BITLINE_CHECK(count < std::int64_t{std::numeric_limits<std::uint32_t>::max()});
  std::vector<std::int64_t> order = sequential_order(0, count);
  const Philox random(seed, stream_id("epoch_order", static_cast<std::uint64_t>(epoch)));
  for (std::size_t left = order.size(); left > 1; --left) {  // Fisher-Yates
    const std::size_t pick = random.below(left, static_cast<std::uint32_t>(left));
    std::swap(order[left - 1], order[pick]);
  }
  return order;
}

std::vector<std::int64_t> sequential_order(std::int64_t first, std::int64_t count) {
  BITLINE_CHECK(count >= 0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), first);
  return order;
}

}  // namespace bitline::data
