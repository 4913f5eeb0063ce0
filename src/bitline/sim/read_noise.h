// Read noise: the sum on a bitline fluctuates from one conversion to the next. Every row of a tile adds an
// independent fluctuation of `sigma` ideal digits, whatever its input, so a sum over r rows has a standard
// deviation of sigma * sqrt(r).
//
// The noise of a conversion is a function of (seed, chip, layer, image, pixel, row tile, cycle, column): the
// same bits for any kernel, thread count and order. It is drawn from 4,096 equally likely levels of the
// normal distribution, scaled to a variance of one; the outermost are at 3.7 standard deviations.
#pragma once

#include <cstdint>
#include <span>

namespace bitline::sim {

struct ReadNoise {
  double sigma = 0.0;  // ideal digits a row; 0: none
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  // of a layer on a chip

  bool active() const { return sigma > 0.0; }
};

// Some neighbouring columns of one slice, converted at one pixel.
struct Conversions {
  std::uint64_t pixel = 0;    // counted through all images
  std::uint64_t ordinal = 0;  // of (row tile, input slice, weight slice) within the layer
  std::uint64_t ordinals = 1;
  std::uint64_t first_output = 0;
  std::uint64_t outputs = 1;  // of the layer
};

// sums[k] += deviation * z of the column of output first_output + k.
void add_read_noise(const ReadNoise& noise, float deviation, const Conversions& at, std::span<float> sums);

}  // namespace bitline::sim
