// What the fuzzer of recipes does with one input; the tests run the same function.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// Reads the bytes as a recipe. True when accepted: it has at least one step then, each with a command and a
// place for each option. False when refused with Error{kBadInput}; anything else leaves as an exception.
bool try_recipe(std::span<const std::byte> bytes);

}  // namespace bitline::fuzz
