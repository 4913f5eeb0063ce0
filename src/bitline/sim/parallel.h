// Independent pieces of work on several threads. Results must not depend on which thread runs which piece.
#pragma once

#include <cstdint>
#include <functional>

namespace bitline::sim {

// Calls piece(0) .. piece(count - 1) on at most `threads` threads (never more than the processors). The first
// exception is rethrown after the others have stopped.
void for_each_piece(std::int64_t count, int threads, const std::function<void(std::int64_t)>& piece);

}  // namespace bitline::sim
