// What came out of the steps of a recipe, as tables: the accuracy of every step, what each network costs on
// its chip, and the steps' own tables of cell variation.
#pragma once

#include <vector>

#include "bitline/app/recipe.h"
#include "bitline/result/record.h"

namespace bitline::app {

// `done` has the record of each step. Adds
//   summary          a row for each step that has them: configuration, accuracy, variation
//   chip             a row for each estimate: chip, energy, latency and rate (of the pipeline, if it was
//                    simulated), area, and the accuracy of the last step before that measured the model file,
//                    or made it
//   STEP/variation   of steps with several variations
void add_summary(const Recipe& recipe, const std::vector<result::Record>& done, result::Record& record);

}  // namespace bitline::app
