#include "bitline/app/verification_report.h"

#include "bitline/base/error.h"

namespace bitline::app {

void add_comparison(const ComparisonNames& names, const Execution& expected, const Execution& actual,
                    const Session& session, result::Record& record) {
  std::int64_t codes = 0, mismatches = 0;
  result::Table table{names.verdict,
                      "The " + names.expected + " against the " + names.actual,
                      {{"layer", "layer", 0},
                       {"input_codes", "input codes", 0},
                       {"input_mismatches", "differ", 0},
                       {"adc_codes", "ADC codes", 0},
                       {"adc_mismatches", "differ", 0}},
                      {}};
  for (const sim::LayerComparison& c : sim::compare_traces(expected.trace, actual.trace)) {
    codes += c.input_codes + c.adc_codes;
    mismatches += c.input_mismatches + c.adc_mismatches;
    table.rows.push_back({c.layer, c.input_codes, c.input_mismatches, c.adc_codes, c.adc_mismatches});
  }
  const bool equal = mismatches == 0 && actual.logits.data == expected.logits.data;
  record.add(names.images, actual.logits.dim(0));
  record.add(names.codes, codes);
  record.add(names.mismatches, mismatches);
  record.add(names.verdict, std::string(equal ? "equal" : "different"));
  record.tables.push_back(std::move(table));
  if (equal) return;
  session.show(record);
  throw Error(ErrorCode::kVerification, "the " + names.actual + " differs from the " + names.expected +
                                            " in " + std::to_string(mismatches) + " of " +
                                            std::to_string(codes) + " codes");
}

}  // namespace bitline::app
