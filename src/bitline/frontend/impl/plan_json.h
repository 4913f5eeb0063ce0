// The quantization plan of a model as JSON: the configuration of every layer on arrays and the notes. Files
// of tensors hold the scales as tensors; where there is nothing but text, the plan holds them, too.
#pragma once

#include "bitline/io/json.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

inline constexpr const char* kPlanKey = "bitline.quantization";

enum class PlanScales { kElsewhere, kInside };

io::Json plan_to_json(const quant::QuantizedModel& model, PlanScales scales);

// Fills layers and notes of the model; scales only where the plan holds them. Error{kBadInput}: unknown
// version, values out of range, a layer listed twice.
void read_plan(const io::Json& plan, quant::QuantizedModel& model);

}  // namespace bitline::frontend
