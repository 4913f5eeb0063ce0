// What the fuzzer of chip descriptions does with one input; the tests run the same function.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// Reads the bytes as a hardware file. True when it is accepted: every constant is then finite, within the
// range of its key and has a source, and its text reads back to its value. False when refused with
// Error{kBadInput}; anything else leaves as an exception.
bool try_hardware(std::span<const std::byte> bytes);

}  // namespace bitline::fuzz
