// Rows of x times rows of w: the float linear layer. Each sum is 16 partial sums, one for each 16th element,
// added up in one order, so a row's result depends on nothing but the row: not on how many rows there are,
// where it stands, or how wide the processor's registers are. (oneDNN adds up the last rows of a batch in
// another order.)
#pragma once

#include <cstdint>

namespace bitline::ir {

// y[r][o] = sum_k x[r][k] * w[o][k] + bias[o]; `bias` may be null.
void dot_rows(const float* x, std::int64_t rows, const float* w, std::int64_t outputs, std::int64_t length,
              const float* bias, float* y);

}  // namespace bitline::ir
