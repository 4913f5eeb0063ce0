// A sample of a large tensor or of many images: one from each of equal stretches, at a place drawn by the
// counter-based generator. Unlike every k-th value it cannot fall in step with the rows or channels of the
// tensor, and unlike the first images it is of all of a set that is in the order of its classes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bitline::quant {

// Numbers below `count`, rising: all where there are at most `most` (at least 1), else one from each of
// `most` equal stretches. The same arguments give the same numbers.
std::vector<std::size_t> sample_places(std::size_t count, std::size_t most);

// The values at these places.
std::vector<float> sample_values(std::span<const float> values, std::size_t most);

}  // namespace bitline::quant
