// What the simulation of a pipeline adds to the record of an estimate.
#pragma once

#include <vector>

#include "bitline/app/estimate_report.h"

namespace bitline::app {

// Figures and layers of the first chip, a table of all chips, and notes. Chips without a pipeline stay empty
// and are named with the reason. Keys are explained in docs/results.md.
void add_pipeline(const std::vector<ChipEstimate>& chips, result::Record& record);

}  // namespace bitline::app
