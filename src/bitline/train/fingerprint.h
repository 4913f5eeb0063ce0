// What a checkpoint belongs to.
#pragma once

#include <cstdint>
#include <string>

#include "bitline/train/trainer.h"

namespace bitline::train {

// Of everything that decides the bits of a run, and nothing that does not (threads, paths).
std::string fingerprint(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                        const TrainOptions& options, std::uint64_t seed);

}  // namespace bitline::train
