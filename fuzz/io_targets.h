// What the fuzzers of the io parsers do with one input; the tests run the same functions on small inputs.
#pragma once

#include <cstddef>
#include <span>

namespace bitline::fuzz {

// Each parses the bytes and, when they are accepted, checks what must then hold. True when accepted, false
// when refused with Error{kBadInput}; any other exception goes through and is a finding.
bool try_json(std::span<const std::byte> bytes);         // dump and parse again gives the same text
bool try_safetensors(std::span<const std::byte> bytes);  // encode and parse again gives the same file
bool try_yaml(std::span<const std::byte> bytes);         // every value can be asked for every type

}  // namespace bitline::fuzz
