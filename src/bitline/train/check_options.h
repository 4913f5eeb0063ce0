// What a training run refuses before it starts.
#pragma once

#include "bitline/train/trainer.h"

namespace bitline::train {

// Errors: kBadInput for values out of range, options that contradict each other, data that do not fit the
// network, and a teacher that is missing or has other outputs.
void check_options(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                   const TrainOptions& options);

}  // namespace bitline::train
