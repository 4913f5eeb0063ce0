// Which images, in which order: the permutation of an epoch, a function of (seed, epoch) alone, and the
// images that stand for a whole set.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitline/data/dataset.h"

namespace bitline::data {

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch);
std::vector<std::int64_t> sequential_order(std::int64_t first, std::int64_t count);

// Whether the set is in the order of its labels, so that its first `count` images, fewer than all, do not
// stand for it: labels only rise or only fall from image to image, or neighbours are less than half as far
// apart in their labels as two images drawn at random (our own definition). So several sorted parts in a row
// are sorted, as are blocks of one class in any order; rare classes and labels in turn (0 1 2 0 1 2) are
// mixed.
bool is_sorted(const Dataset& set, std::int64_t count);

// `count` images spread evenly over the set ordered by class, drawn within each class, in ascending order
// (systematic sampling). Each class gets its share to within one image.
std::vector<std::int64_t> spread_order(const Dataset& set, std::int64_t count, std::uint64_t seed);

// The images that `count` test images are, 0 or more than there are: all of them, the first ones of a set
// that is mixed, else spread ones. The same for every command and seed, so that figures repeat.
std::vector<std::int64_t> subset_order(const Dataset& set, std::int64_t count);

// Names of the classes that none of these images has.
std::vector<std::string> missing_classes(const Dataset& set, std::span<const std::int64_t> images);

}  // namespace bitline::data
