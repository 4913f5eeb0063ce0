// Small networks on arrays, calibrated, with every axis of the configuration drawn.
#pragma once

#include <cstdint>
#include <string>

#include "bitline/quant/config.h"
#include "bitline/sim/network.h"

namespace bitline::differential {

// A configuration from a seed: bits, granularities, encoding, array, converters.
quant::CimConfig random_config(std::uint64_t seed);

// sim/small_net.h with all four layers on arrays, the linear one, too. Images are sim::random_images.
quant::QuantizedModel quantized_net(const quant::CimConfig& config, std::uint64_t seed);

// The same network behind ideal ADCs.
quant::QuantizedModel behind_ideal_adcs(quant::QuantizedModel model);

struct Answer {
  ir::Tensor logits;
  sim::Trace trace;
};
Answer answer_of(const quant::QuantizedModel& model, const ir::Tensor& images);

// Logits and every code are equal, bit for bit.
void expect_equal(const Answer& a, const Answer& b);

}  // namespace bitline::differential
