// One interface for every implementation of the CIM operator. `reference` is the slow, obvious one that the
// others are tested against; it stays for ever.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/quant/adc.h"
#include "bitline/sim/layer_program.h"
#include "bitline/sim/wordlines.h"

namespace bitline::sim {

// One row tile of one convolution group in one input cycle.
struct Cycle {
  std::size_t tile = 0;
  std::int64_t group = 0;
  std::size_t input_slice = 0;
};

// The wordline bytes of `count` output pixels, and `stride` from one to the next; see WordlineBytes::gather.
struct RowBlock {
  const std::uint8_t* bytes = nullptr;
  std::int64_t count = 0;
  std::size_t stride = 0;
};

struct ImageCodes {
  std::span<const quant::Code> codes;  // [H][W][C], each activation code minus the lowest one of its range
  ImageSize size;
  std::uint64_t index = 0;  // which image of the data set; only read noise depends on it
};

// What converters pass back for a block of rows; quant::adc_backward for every sum.
struct GateBlock {
  const float* dy = nullptr;                 // [pixel][output of the layer]
  float* gated = nullptr;                    // [pixel][output of the group], added to
  float* step = nullptr;                     // [slice][output of the group], written: the sum over the pixels
  float* centre = nullptr;                   // [slice][output of the group], written
  const quant::AdcSlopes* slopes = nullptr;  // see quant::adc_backward
};

// A layer made ready by one kernel. All functions are const and thread-safe.
class PreparedLayer {
 public:
  virtual ~PreparedLayer() = default;

  // One image. y: [Hout][Wout][O]. With `trace`, every ADC code is appended in the order [pixel][tile]
  // [input slice][weight slice][output] (for an ideal ADC: the sum).
  virtual void run(const ImageCodes& image, std::span<float> y,
                   std::vector<float>* trace = nullptr) const = 0;

  // The distance between the rows of two pixels that gate() wants.
  virtual std::size_t row_stride(std::size_t tile) const = 0;
  // Backward through the converters of one cycle, without read noise. Not for an ideal ADC, which passes
  // everything on.
  virtual void gate(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const = 0;
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
// Which kernels before `chosen` decline the layer and why: "avx2: the processor has no AVX2"; empty when none
// does.
std::string declined_before(const CimKernel& chosen, const LayerProgram& program);

}  // namespace bitline::sim
