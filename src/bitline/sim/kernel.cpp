#include "bitline/sim/kernel.h"

#include <array>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/sim/impl/kernels.h"

namespace bitline::sim {

std::span<const CimKernel* const> cim_kernels() {
  static const std::array<const CimKernel*, 8> table = {
      &depthwise_kernel(), &amx_kernel(),     &vnni_kernel(),     &lookup_kernel(),
      &avx2_kernel(),      &blocked_kernel(), &portable_kernel(), &reference_kernel()};
  return table;
}

const CimKernel& choose_kernel(std::string_view name, const LayerProgram& program) {
  std::string reasons;
  std::vector<std::string> names = {"auto"};
  for (const CimKernel* kernel : cim_kernels()) {
    names.push_back(kernel->name());
    if (name != "auto" && name != kernel->name()) continue;
    const std::string reason = kernel->decline(program);
    if (reason.empty()) return *kernel;
    reasons += (reasons.empty() ? "" : "; ") + kernel->name() + ": " + reason;
  }
  if (reasons.empty()) bad_input("unknown kernel '" + std::string(name) + "'", {}, suggestion(name, names));
  unsupported("no kernel can run this layer", Where{{}, 0, 0, program.name}, reasons);
}

std::string declined_before(const CimKernel& chosen, const LayerProgram& program) {
  std::string reasons;
  for (const CimKernel* kernel : cim_kernels()) {
    if (kernel == &chosen) break;
    const std::string reason = kernel->decline(program);
    if (!reason.empty()) reasons += (reasons.empty() ? "" : "; ") + kernel->name() + ": " + reason;
  }
  return reasons;
}

}  // namespace bitline::sim
