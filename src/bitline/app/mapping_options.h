// Options of commands that place a network on a chip: the model, the hardware, the precision of a float model
// and how blocks are cut and packed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bitline/app/session.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/mapping/map_network.h"

namespace CLI {
class App;
}

namespace bitline::app {

// A whole chip, or arrays alone: then there are as many as needed and no costs.
struct OpenedChip {
  std::optional<hardware::HardwareSpec> spec;
  hardware::ArraySpec array;
  mapping::Chip chip;
};
OpenedChip open_chip(Session& session, const std::string& text);

struct MappingFlags {
  std::string model;
  std::string precision;  // empty: the chip's operands
  std::vector<std::string> digital, float_layers;
  std::string rows = "windows", slices = "auto", pairs = "auto", packing = "none";
  std::int64_t arrays = 0;
  bool no_replicas = false;
  bool reload = false;

  void declare(CLI::App& app);
  mapping::MappingOptions options() const;

  quant::QuantizedModel load_model(Session& session) const;  // as it is
  // A quantized artefact as it is; Error{kBadInput} where it needs more of the chip's DACs or ADCs than they
  // have (quant/converter_fit.h). Of a float model every convolution and linear layer that is not named by
  // --digital or --float-layers is configured for the arrays; it has no scales then.
  quant::QuantizedModel load(Session& session, const OpenedChip& chip) const;

  // What the network costs on a chip that it may not be quantized for. Layers of an artefact that are for
  // other arrays keep their bits and get the arrays, converters and encoding of the chip, and no scales: such
  // a network cannot be simulated. Throws Error{kBadInput} where the encoding has no weights of so few bits.
  struct Workload {
    quant::QuantizedModel model;
    bool adapted = false;     // some layer is for other arrays
    std::string converters;   // how the chip runs what its converters cannot: "as 1-bit inputs, 4 cycles"
    bool ideal_sums = false;  // has_ideal_sums of the network before it is adapted
  };
  Workload load_for_costs(Session& session, const OpenedChip& chip) const;

 private:
  quant::QuantizedModel load_any(Session& session, const OpenedChip& chip) const;  // whether it fits or not
};

// Whether a layer of an artefact has ideal partial sums, which no ADC has. False of a float model: there they
// are no plan of anyone's.
bool has_ideal_sums(const quant::QuantizedModel& model);

// "W16A16 on ISAAC-CE".
std::string mapped_text(const quant::QuantizedModel& model, const OpenedChip& chip);

}  // namespace bitline::app
