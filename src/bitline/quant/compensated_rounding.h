// Rounding weights so that a layer's outputs change least: rows of the weight matrix are rounded one after
// the other, and the rows that are still free take back what they can of the error (second-order
// compensation: Optimal Brain Surgeon; GPTQ, Frantar et al., ICLR 2023).
//
// It minimizes sum_samples |x (Q - W)|^2 greedily, given the second moments of the inputs. Rows with the
// largest moments come first.
#pragma once

#include <cstdint>
#include <span>

#include "bitline/quant/lsq.h"

namespace bitline::quant {

inline constexpr double kMomentDamping = 0.01;  // of the mean diagonal, so that every matrix can be inverted

// moments: [rows][rows], sum over samples of x_i * x_j. scales: [rows][outputs], positive. weights:
// [rows][outputs], replaced by scale * code with codes in the range. Rows without input are rounded to
// nearest. So is an output that compensation would make worse, as clipped codes can; returns how many.
std::int64_t round_compensated(std::span<const double> moments, std::int64_t rows, std::int64_t outputs,
                               std::span<const float> scales, CodeRange range, std::span<float> weights);

}  // namespace bitline::quant
