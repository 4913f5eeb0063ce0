// assets/digits/digits.csv.gz as it is; the source is written by the build.
#pragma once

#include <span>

namespace bitline::data {

std::span<const unsigned char> digits_bytes();

}  // namespace bitline::data
