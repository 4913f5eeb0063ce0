// Calibration with cross-layer equalization (ir/equalize.h), which helps most networks and harms some: the
// outputs on the calibration images decide whether it is kept.
#pragma once

#include "bitline/sim/calibrate.h"

namespace bitline::sim {

struct EqualizedCalibration {
  ir::Graph graph;  // in float; equalized where that was kept
  quant::QuantizedModel model;
  // Mean squared error of the quantized outputs on the calibration images, against the float network's.
  double error_without = 0.0, error_with = 0.0;
  bool kept = false;  // error_with <= error_without
};

// Calibrates with and without, in twice the time. The model's error is never above that without. Errors as
// calibrate.
EqualizedCalibration calibrate_equalized(const ir::Graph& graph, const ir::Tensor& images,
                                         const CalibrateOptions& options, const Context& context);

}  // namespace bitline::sim
