// The standard training augmentation of small images: pad by `pad` zeros, crop back at a random place, flip
// left-right with probability 1/2. A function of (seed, epoch, image index) alone.
#pragma once

#include <cstdint>
#include <span>

#include "bitline/data/dataset.h"

namespace bitline::data {

struct Augmentation {
  int pad = 0;
  bool flip = false;
};

// In place on one CHW image (already normalized or not; padding is zero in the given scale).
void augment(std::span<float> image, const ImageShape& shape, const Augmentation& what, std::uint64_t seed,
             std::int64_t epoch, std::int64_t index);

// Leaves the middle side x side pixels of every image. After a random shift of each image by up to as many
// pixels as that takes off a border, it is a random crop. Error{kBadInput} for a side outside 1..height,
// width.
void crop_centre(Batch& batch, std::int64_t side);

}  // namespace bitline::data
