// The kernels this folder implements, for the table in kernel.cpp.
#pragma once

#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/kernel.h"

namespace bitline::sim {

// Of kernels that never hold the sums of a whole row.
inline constexpr const char* kDeclinesReadNoise = "sums get read noise";

const CimKernel& reference_kernel();
const CimKernel& depthwise_kernel();
const CimKernel& amx_kernel();
const CimKernel& vnni_kernel();
const CimKernel& lookup_kernel();
const CimKernel& avx2_kernel();
const CimKernel& blocked_kernel();
const CimKernel& portable_kernel();

// A kernel of bytes on these inner loops; `missing`: why the processor cannot run them.
std::unique_ptr<CimKernel> int8_kernel(std::string name, const Int8Functions& functions, std::string missing);

}  // namespace bitline::sim
