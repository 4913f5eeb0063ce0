// The order of an epoch: a pseudo-random permutation that is a function of (seed, epoch) alone.
#pragma once

#include <cstdint>
#include <vector>

namespace bitline::data {

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch);
std::vector<std::int64_t> sequential_order(std::int64_t first, std::int64_t count);

}  // namespace bitline::data
