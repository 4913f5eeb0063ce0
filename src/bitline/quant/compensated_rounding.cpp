#include "bitline/quant/compensated_rounding.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "bitline/base/error.h"

namespace bitline::quant {

namespace {

class Matrix {
 public:
  explicit Matrix(std::size_t size) : size_(size), values_(size * size, 0.0) {}
  double& at(std::size_t i, std::size_t j) { return values_[i * size_ + j]; }
  const double* row(std::size_t i) const { return values_.data() + i * size_; }
  double* row(std::size_t i) { return values_.data() + i * size_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::vector<double> values_;
};

std::vector<std::size_t> by_falling_moment(std::span<const double> moments, std::size_t rows) {
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return moments[a * rows + a] > moments[b * rows + b];
  });
  return order;
}

Matrix ordered(std::span<const double> moments, const std::vector<std::size_t>& order) {
  const std::size_t rows = order.size();
  Matrix h(rows);
  double trace = 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < rows; ++j) h.at(i, j) = moments[order[i] * rows + order[j]];
    trace += h.at(i, i);
  }
  const double damping = std::max(kMomentDamping * trace / static_cast<double>(rows), 1e-12);
  for (std::size_t i = 0; i < rows; ++i) h.at(i, i) += damping;
  return h;
}

double dot(const double* a, const double* b, std::size_t first, std::size_t last) {
  double sum = 0.0;
  for (std::size_t i = first; i < last; ++i) sum += a[i] * b[i];
  return sum;
}

// Replaces h by the upper triangular M with h = M M^T.
void factor(Matrix& h) {
  const std::size_t n = h.size();
  for (std::size_t j = n; j-- > 0;) {
    const double d = std::sqrt(h.at(j, j) - dot(h.row(j), h.row(j), j + 1, n));
    h.at(j, j) = d;
    for (std::size_t i = 0; i < j; ++i) h.at(i, j) = (h.at(i, j) - dot(h.row(i), h.row(j), j + 1, n)) / d;
    for (std::size_t i = j + 1; i < n; ++i) h.at(i, j) = 0.0;
  }
}

// The inverse of an upper triangular matrix: U with U^T U = h^-1.
Matrix inverse(const Matrix& m) {
  const std::size_t n = m.size();
  Matrix u(n);
  for (std::size_t i = n; i-- > 0;) {
    double* row = u.row(i);
    const double d = m.row(i)[i];
    row[i] = 1.0 / d;
    for (std::size_t l = i + 1; l < n; ++l) {
      const double factor = -m.row(i)[l] / d;
      for (std::size_t j = l; j < n; ++j) row[j] += factor * u.row(l)[j];
    }
  }
  return u;
}

// |m^T x|^2 of each column of x [n][width]: what an error x costs, h = m m^T being the moments.
std::vector<double> costs(const Matrix& m, const std::vector<double>& x, std::size_t width) {
  const std::size_t n = m.size();
  std::vector<double> products(n * width, 0.0), out(width, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = x.data() + i * width;
    for (std::size_t k = i; k < n; ++k) {
      double* to = products.data() + k * width;
      const double factor = m.row(i)[k];
      for (std::size_t o = 0; o < width; ++o) to[o] += factor * row[o];
    }
  }
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t o = 0; o < width; ++o) out[o] += products[k * width + o] * products[k * width + o];
  }
  return out;
}

}  // namespace

std::int64_t round_compensated(std::span<const double> moments, std::int64_t rows, std::int64_t outputs,
                               std::span<const float> scales, CodeRange range, std::span<float> weights) {
  const auto n = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(outputs);
  BITLINE_CHECK(moments.size() == n * n && scales.size() == n * width && weights.size() == n * width);
  const auto low = static_cast<float>(range.low), high = static_cast<float>(range.high);
  const std::vector<std::size_t> order = by_falling_moment(moments, n);
  Matrix h = ordered(moments, order);
  factor(h);
  std::vector<float> nearest(weights.size());
  std::vector<double> moved(weights.size());  // by rounding to nearest, in the order of the rows
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t o = 0; o < width; ++o) {
      const std::size_t at = order[i] * width + o;
      nearest[at] = scales[at] * lsq_code(weights[at], scales[at], low, high);
      moved[i * width + o] = static_cast<double>(weights[at]) - static_cast<double>(nearest[at]);
    }
  }
  const std::vector<double> plain = costs(h, moved, width);
  const Matrix u = inverse(h);
  std::vector<double> free(weights.begin(), weights.end());  // as the errors so far have moved them
  std::vector<double> cost(width, 0.0);                      // the sum of squared errors below is |m^T x|^2
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t o = 0; o < width; ++o) {
      const std::size_t at = order[i] * width + o;
      const float scale = scales[at];
      weights[at] = scale * lsq_code(static_cast<float>(free[at]), scale, low, high);
      const double error = (free[at] - static_cast<double>(weights[at])) / u.row(i)[i];
      cost[o] += error * error;
      for (std::size_t l = i + 1; l < n; ++l) free[order[l] * width + o] -= error * u.row(i)[l];
    }
  }
  std::int64_t kept = 0;
  for (std::size_t o = 0; o < width; ++o) {
    if (cost[o] <= plain[o]) continue;
    ++kept;
    for (std::size_t at = o; at < weights.size(); at += width) weights[at] = nearest[at];
  }
  return kept;
}

}  // namespace bitline::quant
