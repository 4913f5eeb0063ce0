#include "sim/emulated_kernels.h"

#include "bitline/sim/impl/kernels.h"

namespace bitline::sim {

const Int8Functions& emulated_vnni();
const Int8Functions& emulated_amx();

const std::vector<const CimKernel*>& all_kernels() {
  static const auto vnni = int8_kernel("vnni-emulated", emulated_vnni(), "");
  static const auto amx = int8_kernel("amx-emulated", emulated_amx(), "");
  static const std::vector<const CimKernel*> kernels = [] {
    std::vector<const CimKernel*> all(cim_kernels().begin(), cim_kernels().end());
    all.push_back(vnni.get());
    all.push_back(amx.get());
    return all;
  }();
  return kernels;
}

}  // namespace bitline::sim
