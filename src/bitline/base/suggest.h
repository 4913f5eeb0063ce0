// "Did you mean": the known word nearest to a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bitline {

// The candidate with the smallest edit distance, if it is at most a third of the word's length (at least
// two edits are always allowed); empty when nothing is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// "did you mean 'x'?" when a candidate is near, else "known: a, b, c".
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

}  // namespace bitline
