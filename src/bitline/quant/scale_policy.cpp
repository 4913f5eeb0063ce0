#include "bitline/quant/scale_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/quant/mse.h"
#include "bitline/quant/scale.h"

namespace bitline::quant {

namespace {

constexpr ParameterRange kNoProbes{0.0, 0.0, 0.0};
constexpr ParameterRange kLlsqProbes{2.0, 2.0, 2.0}, kSsgProbes{1.001, 16.0, 2.0, 1.1};

constexpr std::array<ScalePolicy, 7> kPolicies = {
    {{"minmax", true, false, false, nullptr, false, kNoProbes},
     {"mse", false, false, false, nullptr, false, kNoProbes},
     {"lsq", false, true, false, nullptr, false, kNoProbes},
     {"lsq-offset", false, true, true, nullptr, false, kNoProbes},
     {"llsq", false, false, false, llsq_gradient, false, kLlsqProbes},
     {"ssg", false, false, false, ssg_gradient, true, kSsgProbes},
     {"ssg-task", false, true, false, ssg_gradient, true, kSsgProbes}}};

}  // namespace

ScaleErrors& ScaleErrors::operator+=(const ScaleErrors& other) {
  here += other.here;
  smaller += other.smaller;
  bigger += other.bigger;
  return *this;
}

ScaleErrors probe_scale(std::span<const float> x, float scale, CodeRange range, float rho) {
  if (x.empty()) return {};
  const auto n = static_cast<double>(x.size());
  return {squared_error(x, scale, range) / n, squared_error(x, scale / rho, range) / n,
          squared_error(x, scale * rho, range) / n};
}

// The table of LLSQ's code: shrink unless the error grows towards s/2, grow when it falls towards 2s.
double llsq_gradient(const ScaleErrors& e, double scale) {
  const bool smaller_is_better = e.here - e.smaller >= 0.0;
  const bool bigger_is_worse = e.bigger - e.here > 0.0;
  if (smaller_is_better && (bigger_is_worse || e.bigger >= e.smaller)) return scale * scale;
  return bigger_is_worse ? 0.0 : -scale * scale;
}

double ssg_gradient(const ScaleErrors& e, double scale) {
  const double best = std::min({e.here, e.smaller, e.bigger});
  if (best == e.here) return 0.0;
  const double improvement = (e.here - best) / (e.here + std::numeric_limits<double>::min());
  return (best == e.smaller ? improvement : -improvement) * scale;
}

std::span<const ScalePolicy> scale_policies() {
  return kPolicies;
}

const ScalePolicy& scale_policy(std::string_view name) {
  std::vector<std::string> names;
  for (const ScalePolicy& policy : kPolicies) {
    if (name == policy.name) return policy;
    names.emplace_back(policy.name);
  }
  bad_input("unknown scale policy '" + std::string(name) + "'", {}, suggestion(name, names));
}

float range_scale(std::span<const float> x, CodeRange range) {
  float largest = 0.0f;
  for (const float value : x) largest = std::max(largest, std::fabs(value));
  const float scale = largest / static_cast<float>(std::max(-range.low, range.high));
  return scale >= kLeastScale ? scale : 1.0f;
}

float power_of_two_scale(float scale) {
  int exponent = 0;
  const float mantissa = std::frexp(scale, &exponent);  // [0.5, 1)
  return std::ldexp(1.0f, mantissa == 0.5f ? exponent - 1 : exponent);
}

}  // namespace bitline::quant
