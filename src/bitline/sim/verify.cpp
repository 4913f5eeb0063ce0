#include "bitline/sim/verify.h"

#include "bitline/base/error.h"

namespace bitline::sim {

namespace {

std::int64_t count_differences(const std::vector<float>& a, const std::vector<float>& b,
                               const std::string& layer) {
  if (a.size() != b.size()) {
    throw Error(
        ErrorCode::kVerification,
        "the executions have " + std::to_string(a.size()) + " and " + std::to_string(b.size()) + " codes",
        Where{{}, 0, 0, layer});
  }
  std::int64_t differences = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differences += a[i] != b[i] ? 1 : 0;
  return differences;
}

}  // namespace

std::vector<LayerComparison> compare_traces(const Trace& expected, const Trace& actual) {
  if (expected.size() != actual.size())
    throw Error(ErrorCode::kVerification, "the executions have different layers on arrays");
  std::vector<LayerComparison> out;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const LayerTrace& a = expected[i];
    const LayerTrace& b = actual[i];
    if (a.name != b.name)
      throw Error(ErrorCode::kVerification,
                  "layer '" + a.name + "' stands where the other has '" + b.name + "'");
    out.push_back({a.name, static_cast<std::int64_t>(a.input_codes.size()),
                   count_differences(a.input_codes, b.input_codes, a.name),
                   static_cast<std::int64_t>(a.adc_codes.size()),
                   count_differences(a.adc_codes, b.adc_codes, a.name)});
  }
  return out;
}

}  // namespace bitline::sim
