// Two executions of a network compared code for code: figures, a table and an error when they differ.
#pragma once

#include <string>

#include "bitline/app/session.h"
#include "bitline/result/record.h"
#include "bitline/sim/verify.h"

namespace bitline::app {

struct Execution {
  ir::Tensor logits;
  sim::Trace trace;
};

struct ComparisonNames {
  std::string images, codes, mismatches, verdict;  // keys of figures; the table has that of the verdict
  std::string actual, expected;                    // "integer program", "training graph"
};

// Adds the figures and a table with a row a layer. Where a code or a logit differs, the record is shown as
// far as it is and Error{kVerification} thrown.
void add_comparison(const ComparisonNames& names, const Execution& expected, const Execution& actual,
                    const Session& session, result::Record& record);

}  // namespace bitline::app
