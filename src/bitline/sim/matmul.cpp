#include "bitline/sim/matmul.h"

#include <dnnl.h>
#include <omp.h>

#include "bitline/base/error.h"

namespace bitline::sim {

void matmul(const MatmulSize& size, const float* a, bool transpose_a, const float* b, bool transpose_b,
            float beta, float* c) {
  omp_set_num_threads(1);  // of the calling thread: parallelism is over images
  const std::int64_t lda = transpose_a ? size.m : size.k;
  const std::int64_t ldb = transpose_b ? size.k : size.n;
  const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', size.m, size.n,
                                          size.k, 1.0f, a, lda, b, ldb, beta, c, size.n);
  BITLINE_CHECK(status == dnnl_success);
}

}  // namespace bitline::sim
