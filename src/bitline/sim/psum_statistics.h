// The partial sums that a layer's converters have to hold, as histograms, one for each converter group.
#pragma once

#include <cstdint>
#include <vector>

#include "bitline/quant/mse.h"
#include "bitline/sim/layer_program.h"

namespace bitline::sim {

// Converter codes of one image under an ideal converter, in the order of PreparedLayer::run's trace.
using PsumTraces = std::vector<std::vector<float>>;

// Histograms of the sums of each converter group of `layer` ([cycle][group] with ranges for each cycle), in
// output units, each sum weighted by the square of its slice's significance. Sums on one grid get a bin each,
// up to a limit. The same for any `threads`.
std::vector<quant::Histogram> psum_histograms(const LayerProgram& program, const quant::CimLayer& layer,
                                              const PsumTraces& traces, int threads);

}  // namespace bitline::sim
