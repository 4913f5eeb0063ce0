#include "bitline/estimate/activity.h"

#include <algorithm>

#include "bitline/estimate/accumulation.h"

namespace bitline::estimate {

namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

std::int64_t cycles_of(const mapping::MappedLayer& layer) {
  return layer.input_cycles * ((layer.positions + layer.replicas - 1) / layer.replicas);
}

// Positions that one replica handles for a picture, times the cycles of each.
double mean_cycles(const mapping::MappedLayer& layer) {
  return static_cast<double>(layer.positions) * layer.input_cycles / static_cast<double>(layer.replicas);
}

// First the number of reads of each array, then what they amount to.
void count_arrays(const mapping::Mapping& mapping, Activity& out) {
  for (const mapping::Block& b : mapping.blocks) {
    const mapping::MappedLayer& layer = mapping.layers[index(b.layer)];
    ArrayActivity& array = out.arrays[index(b.round * out.arrays_a_round + b.array)];
    array.layer = b.layer;
    array.reads = std::max(array.reads, static_cast<double>(b.read + 1));
    std::int64_t& stage = out.rounds[index(b.round)].stages[index(b.layer)];
    stage = std::max(stage, (b.read + 1) * cycles_of(layer));
    out.rounds[index(b.round)].cells += static_cast<double>(b.rows * b.width());
  }
  for (ArrayActivity& array : out.arrays) {
    if (array.layer < 0) continue;
    array.reads *= mean_cycles(mapping.layers[index(array.layer)]);
    out.layers[index(array.layer)].array_reads += array.reads;
  }
}

}  // namespace

Activity count_activity(const mapping::Mapping& mapping, const hardware::Accumulation& accumulation) {
  Activity out;
  out.layers.resize(mapping.layers.size());
  for (const mapping::Block& b : mapping.blocks) {
    const double cycles = mean_cycles(mapping.layers[index(b.layer)]);
    LayerActivity& layer = out.layers[index(b.layer)];
    layer.row_uses += static_cast<double>(b.rows) * cycles;
    if (b.first_part == 0) {
      const mapping::MappedLayer& l = mapping.layers[index(b.layer)];
      const double positions = static_cast<double>(l.positions) / static_cast<double>(l.replicas);
      layer.sums += static_cast<double>(b.outputs * b.slices) * cycles;
      layer.conversions +=
          static_cast<double>(b.outputs * conversions_of(accumulation, b.slices, l.input_cycles)) * positions;
    }
    layer.cells += static_cast<double>(b.rows * b.width());
    out.arrays_a_round = std::max(out.arrays_a_round, b.array + 1);
  }
  out.arrays.resize(index(out.arrays_a_round * mapping.rounds));
  out.rounds.resize(index(mapping.rounds));
  for (RoundActivity& round : out.rounds) round.stages.resize(mapping.layers.size(), 0);
  count_arrays(mapping, out);
  return out;
}

}  // namespace bitline::estimate
