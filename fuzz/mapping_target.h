// What the fuzzer of mapping files does with one input; the tests run the same function.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace bitline::fuzz {

enum class MappingOutcome { kRefused, kDoesNotHold, kHolds };

// Reads the bytes as mapping.json and lets the verifier look for the network of mapping_seed() in it.
//   refused        with Error{kBadInput}
//   does not hold  the verifier found something, with a name and a text
//   holds          every count of its use is then the one that it states; and it runs as the network does,
//                  or MappedNetwork refuses it with Error{kBadInput}
// What is read writes and reads back to itself. Anything else leaves as an exception.
MappingOutcome try_mapping(std::span<const std::byte> bytes);

// A mapping that holds: two layers, the second of two groups and in two reads, replicas, reload rounds.
std::string mapping_seed();

}  // namespace bitline::fuzz
