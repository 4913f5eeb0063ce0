// Runs a quantized network as it lies on the arrays of a chip: the proof that a mapping computes the network.
//
// Every array is a matrix of cells (array_bank.h), written from the blocks of the mapping before each round.
// For each output position, input cycle, array and read the wordlines of the read's blocks are driven; every
// column adds up all its driven cells; the columns of a pair subtract; the column's converter, that of its
// (row tile, slice, output), makes a code of the sum; logic adds the codes up in the order of
// layer_program.h. So codes and outputs are those of Network bit for bit: if not, the mapping is wrong, or
// the mapper, or both verifiers.
//
// Replica r of R works on the output positions r*n .. (r+1)*n - 1 of each picture, n = ceil(positions / R),
// as the estimate assumes; the last replicas may have fewer or none.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/base/context.h"
#include "bitline/mapping/mapping.h"
#include "bitline/sim/array_bank.h"
#include "bitline/sim/layer_reads.h"
#include "bitline/sim/network.h"

namespace bitline::sim {

class MappedNetwork {
 public:
  // Errors of as_mapped (mapped_model.h); Error{kUnsupported} naming the node for sums beyond 32 bits.
  MappedNetwork(const quant::QuantizedModel& model, mapping::Mapping mapping,
                std::string_view kernel = "auto");

  // The network that this one equals code for code, on kernels.
  const Network& network() const { return network_; }

  // As Network::forward, on context.threads threads; images are those of one batch, for which every round is
  // written once. Layers in digital logic and float run as in network(). `edit` changes what is written.
  ir::Tensor forward(const ir::Tensor& images, const Context& context, Trace* trace = nullptr,
                     const CellEdit& edit = {}) const;

 private:
  struct Layer {
    std::int64_t index = 0;  // in mapping_.layers
    WindowGeometry geometry;
    LayerReads reads;
  };

  mapping::Mapping mapping_;
  Network network_;
  std::vector<const LayerProgram*> programs_;  // of mapping_.layers
  std::map<std::string, Layer> layers_;
};

}  // namespace bitline::sim
