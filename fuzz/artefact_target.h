// What the artefact fuzz program does with one input; also run by tests/frontend on damaged files.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// Loads the bytes as an artefact, packed or not. True when they are one that survives being saved and loaded;
// false when they are refused with Error{kBadInput} or Error{kUnsupported}. Everything else is a defect and
// leaves as an exception.
bool try_artefact(std::span<const std::byte> bytes);

}  // namespace bitline::fuzz
