// What the fuzzer of array descriptions does with one input; the tests run the same function.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// Reads the bytes as a hardware file and, when they are shorter than a line, as the short text of --hardware.
// True when the file is accepted: its values are in range then, and its short text reads back to the same
// geometry. False when refused with Error{kBadInput}, or kUnsupported (a chip without arrays); anything else
// leaves as an exception.
bool try_array_spec(std::span<const std::byte> bytes);

}  // namespace bitline::fuzz
