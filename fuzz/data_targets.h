// What the fuzzers of the data room do with one input; the tests run the same functions on damaged files.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// True when accepted, false when refused with Error{kBadInput}; any other exception goes through and is a
// finding. What is accepted must be whole:
bool try_image(std::span<const std::byte> bytes);  // a picture has three bytes for each of its pixels
bool try_cifar(std::span<const std::byte> bytes);  // every record has a class and pixels in [0, 1]

}  // namespace bitline::fuzz
