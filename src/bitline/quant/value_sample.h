// A sample of a large tensor: one value from each of equal stretches, at a place drawn by the counter-based
// generator. Unlike every k-th value it cannot fall in step with the rows or channels of the tensor.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bitline::quant {

// All values where there are at most `most` (at least 1), else `most` of them in their order. The same values
// give the same sample.
std::vector<float> sample_values(std::span<const float> values, std::size_t most);

}  // namespace bitline::quant
