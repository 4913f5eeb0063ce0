// Walking several tensors of different strides together, one run of the innermost dimension at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bitline/ir/tensor.h"

namespace bitline::ir {

inline std::vector<std::int64_t> row_major_steps(const Shape& shape) {
  std::vector<std::int64_t> steps(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) steps[d - 1] = steps[d] * shape[d];
  return steps;
}

// The steps of `shape` when broadcast to a shape of `rank` dimensions: 0 along the repeated ones.
inline std::vector<std::int64_t> broadcast_steps(const Shape& shape, std::size_t rank) {
  const std::vector<std::int64_t> own = row_major_steps(shape);
  std::vector<std::int64_t> steps(rank, 0);
  const std::size_t missing = rank - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d) steps[missing + d] = shape[d] == 1 ? 0 : own[d];
  return steps;
}

// K tensors with the same extents: step[k][d] elements lead from one index of dimension d to the next.
template <std::size_t K>
class StridedWalk {
 public:
  using Steps = std::array<std::vector<std::int64_t>, K>;
  using Offsets = std::array<std::int64_t, K>;

  StridedWalk(const Shape& extents, const Steps& steps) {
    extents_.push_back(1);
    for (auto& s : steps_) s.push_back(0);
    for (std::size_t d = 0; d < extents.size(); ++d) append(extents[d], steps, d);
  }

  // Calls run(offsets, length, steps) for each innermost run.
  template <typename Run>
  void for_each(Offsets offsets, const Run& run) const {
    visit(0, offsets, run);
  }

 private:
  // Dimensions that all tensors walk as one are merged, so that runs are as long as they can be.
  void append(std::int64_t extent, const Steps& steps, std::size_t d) {
    if (extent == 1) return;
    bool merges = true;
    for (std::size_t k = 0; k < K; ++k) merges = merges && steps_[k].back() == steps[k][d] * extent;
    if (extents_.back() == 1 || merges) {
      extents_.back() *= extent;
      for (std::size_t k = 0; k < K; ++k) steps_[k].back() = steps[k][d];
      return;
    }
    extents_.push_back(extent);
    for (std::size_t k = 0; k < K; ++k) steps_[k].push_back(steps[k][d]);
  }

  template <typename Run>
  void visit(std::size_t d, Offsets offsets, const Run& run) const {
    if (d + 1 == extents_.size()) {
      Offsets steps;
      for (std::size_t k = 0; k < K; ++k) steps[k] = steps_[k][d];
      run(offsets, extents_[d], steps);
      return;
    }
    for (std::int64_t i = 0; i < extents_[d]; ++i) {
      visit(d + 1, offsets, run);
      for (std::size_t k = 0; k < K; ++k) offsets[k] += steps_[k][d];
    }
  }

  Shape extents_;
  Steps steps_;
};

}  // namespace bitline::ir
