#include "bitline/sim/parallel.h"

#include <algorithm>

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

namespace bitline::sim {

void for_each_piece(std::int64_t count, int threads, const std::function<void(std::int64_t)>& piece) {
  const auto available =
      static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
  tbb::task_arena arena(std::clamp(threads, 1, std::max(1, available)));
  arena.execute([&] { tbb::parallel_for(std::int64_t{0}, count, piece, tbb::simple_partitioner()); });
}

}  // namespace bitline::sim
