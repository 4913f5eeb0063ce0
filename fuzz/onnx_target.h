// What the ONNX fuzz program does with one input; also run by tests/frontend on damaged models.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// Imports the bytes. True when they are a model; false when they are refused with Error{kBadInput} or
// Error{kUnsupported}. Everything else is a defect and leaves as an exception.
bool try_onnx(std::span<const std::byte> bytes);

}  // namespace bitline::fuzz
