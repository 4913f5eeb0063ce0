// The kernels this folder implements, for the table in kernel.cpp.
#pragma once

#include "bitline/sim/kernel.h"

namespace bitline::sim {

const CimKernel& reference_kernel();
const CimKernel& avx2_kernel();
const CimKernel& blocked_kernel();
const CimKernel& portable_kernel();

}  // namespace bitline::sim
