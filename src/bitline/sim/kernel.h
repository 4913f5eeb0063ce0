// One interface for every implementation of the CIM operator. `reference` is the slow, obvious one that the
// others are tested against; it stays for ever.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/sim/im2col.h"
#include "bitline/sim/layer_program.h"

namespace bitline::sim {

// A layer made ready by one kernel. run() is const and thread-safe.
class PreparedLayer {
 public:
  virtual ~PreparedLayer() = default;

  // One image. codes: activation codes [C][H][W] as floats; y: [O][Hout][Wout]. With `trace`, every ADC code
  // is appended in the order [pixel][tile][input slice][weight slice][output] (for an ideal ADC: the integer
  // sum).
  virtual void run(std::span<const float> codes, ImageSize input, std::span<float> y,
                   std::vector<float>* trace = nullptr) const = 0;
};

class CimKernel {
 public:
  virtual ~CimKernel() = default;
  virtual std::string name() const = 0;
  // Why this kernel cannot run the layer; empty when it can.
  virtual std::string decline(const LayerProgram& program) const = 0;
  // The program must outlive the result.
  virtual std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const = 0;
};

// All kernels, best first.
std::span<const CimKernel* const> cim_kernels();
// By name; "auto" takes the first that does not decline. Error{kUnsupported} with the reason otherwise.
const CimKernel& choose_kernel(std::string_view name, const LayerProgram& program);

}  // namespace bitline::sim
