// The kernels of this processor, and behind them those whose instructions are emulated: "vnni-emulated" and
// "amx-emulated" run the AVX-512 and AMX loops anywhere.
#pragma once

#include <vector>

#include "bitline/sim/kernel.h"

namespace bitline::sim {

const std::vector<const CimKernel*>& all_kernels();

}  // namespace bitline::sim
