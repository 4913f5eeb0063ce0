#include "bitline/estimate/activity.h"

#include <algorithm>

namespace bitline::estimate {

namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

// Whole numbers of all replicas together, each of which handles positions / replicas.
double for_picture(const mapping::MappedLayer& layer, std::int64_t of_all, std::int64_t cycles) {
  return static_cast<double>(of_all) * static_cast<double>(layer.positions * cycles) /
         static_cast<double>(layer.replicas);
}

std::int64_t conversions_of_block(const mapping::Block& b, const mapping::MappedLayer& layer,
                                  const Conversions& conversions) {
  if (b.first_part != 0) return 0;
  return b.outputs * conversions_of(conversions.accumulation, b.slices, layer.input_cycles);
}

// What a layer's blocks do in one cycle, and the conversions for one position.
struct Counts {
  std::int64_t rows = 0, sums = 0, conversions = 0, reads = 0, cells = 0;
};

std::vector<Counts> count_blocks(const mapping::Mapping& mapping, const Conversions& conversions) {
  std::vector<Counts> out(mapping.layers.size());
  for (const mapping::Block& b : mapping.blocks) {
    Counts& layer = out[index(b.layer)];
    layer.rows += b.rows;
    layer.cells += b.rows * b.width();
    if (b.first_part == 0) layer.sums += b.outputs * b.slices;
    layer.conversions += conversions_of_block(b, mapping.layers[index(b.layer)], conversions);
  }
  return out;
}

// Of one array for one position.
struct Turn {
  std::int64_t layer = -1, reads = 0, conversions = 0;
};

std::vector<Turn> count_turns(const mapping::Mapping& mapping, const Conversions& conversions,
                              Activity& out) {
  std::vector<Turn> turns(index(out.arrays_a_round * mapping.rounds));
  for (const mapping::Block& b : mapping.blocks) {
    Turn& turn = turns[index(b.round * out.arrays_a_round + b.array)];
    turn.layer = b.layer;
    turn.reads = std::max(turn.reads, b.read + 1);
    turn.conversions += conversions_of_block(b, mapping.layers[index(b.layer)], conversions);
    out.rounds[index(b.round)].cells += static_cast<double>(b.rows * b.width());
  }
  return turns;
}

// The reads of each array, and what they amount to.
void count_arrays(const mapping::Mapping& mapping, const Conversions& conversions, Activity& out,
                  std::vector<Counts>& counts) {
  const std::vector<Turn> turns = count_turns(mapping, conversions, out);
  for (std::size_t a = 0; a < turns.size(); ++a) {
    const Turn& turn = turns[a];
    if (turn.layer < 0) continue;
    const mapping::MappedLayer& layer = mapping.layers[index(turn.layer)];
    const double positions = static_cast<double>(layer.positions) / static_cast<double>(layer.replicas);
    const std::int64_t reads = turn.reads * layer.input_cycles;
    const double cycles =
        std::max(static_cast<double>(reads), static_cast<double>(turn.conversions) * conversions.cycles);
    out.arrays[a] = {turn.layer, static_cast<double>(reads) * positions, cycles * positions};
    counts[index(turn.layer)].reads += turn.reads;
    RoundActivity& round = out.rounds[a / index(out.arrays_a_round)];
    double& time = round.times[index(turn.layer)];
    time = std::max(time, cycles * static_cast<double>(layer.positions_of_replica()));
  }
}

}  // namespace

Activity count_activity(const mapping::Mapping& mapping, const Conversions& conversions) {
  Activity out;
  for (const mapping::Block& b : mapping.blocks)
    out.arrays_a_round = std::max(out.arrays_a_round, b.array + 1);
  out.arrays.resize(index(out.arrays_a_round * mapping.rounds));
  out.rounds.resize(index(mapping.rounds));
  for (RoundActivity& round : out.rounds) round.times.resize(mapping.layers.size(), 0.0);
  std::vector<Counts> counts = count_blocks(mapping, conversions);
  count_arrays(mapping, conversions, out, counts);
  for (std::size_t l = 0; l < counts.size(); ++l) {
    const mapping::MappedLayer& layer = mapping.layers[l];
    const Counts& c = counts[l];
    out.layers.push_back({for_picture(layer, c.reads, layer.input_cycles),
                          for_picture(layer, c.rows, layer.input_cycles),
                          for_picture(layer, c.sums, layer.input_cycles),
                          for_picture(layer, c.conversions, 1), static_cast<double>(c.cells)});
  }
  return out;
}

}  // namespace bitline::estimate
