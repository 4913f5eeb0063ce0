// The matrix product behind the blocked kernel and its gradients: oneDNN's single-precision product, one
// thread a call. Products of small integers are exact while sums stay below 2^24, whatever the order of
// addition.
#pragma once

#include <cstdint>

namespace bitline::sim {

struct MatmulSize {
  std::int64_t m = 0, n = 0, k = 0;
};

// c[m][n] = beta * c + op(a) * op(b), row-major and dense. transpose_a: a is stored [k][m]; transpose_b: b is
// [n][k].
void matmul(const MatmulSize& size, const float* a, bool transpose_a, const float* b, bool transpose_b,
            float beta, float* c);

}  // namespace bitline::sim
