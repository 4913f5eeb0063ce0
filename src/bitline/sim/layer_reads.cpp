#include "bitline/sim/layer_reads.h"

#include <compare>
#include <set>

#include "bitline/base/error.h"

namespace bitline::sim {

namespace {

struct Place {
  std::int64_t replica, round, array, read;
  auto operator<=>(const Place&) const = default;
};

struct Lines {
  std::map<std::int64_t, std::int64_t> inputs;  // by row
  std::vector<Bitline> bitlines;
};

void add_wordlines(const mapping::Block& block, const mapping::LayerShape& shape,
                   const WindowGeometry& geometry, Lines& lines) {
  const std::int64_t window = shape.window_size(), first_channel = block.group * shape.group_inputs();
  for (std::int64_t k = 0; k < block.rows; ++k) {
    const std::int64_t row = block.first_row + k;
    const std::int64_t input =
        geometry.taps()[static_cast<std::size_t>(row % window)] + first_channel + row / window;
    const auto [it, added] = lines.inputs.try_emplace(block.row + k, input);
    BITLINE_CHECK(added || it->second == input);
  }
}

void add_bitlines(const mapping::Block& block, const LayerProgram& program, Lines& lines) {
  const auto tile = static_cast<int>(program.tiling.tile_of(block.first_row));
  std::int64_t column = block.column;
  for (std::int64_t o = block.first_output; o < block.first_output + block.outputs; ++o) {
    const auto output = static_cast<int>(block.group * program.tiling.shape.group_outputs() + o);
    for (std::int64_t j = block.first_slice; j < block.first_slice + block.slices; ++j) {
      const std::int64_t conversion = program.tiling.grid.column(tile, static_cast<int>(j), output);
      for (std::int64_t part = block.first_part; part < block.first_part + block.parts; ++part)
        lines.bitlines.push_back({column++, conversion, part == 0 ? 1 : -1});
    }
  }
}

}  // namespace

LayerReads::LayerReads(const mapping::Mapping& mapping, std::int64_t layer, const LayerProgram& program,
                       const WindowGeometry& geometry) {
  std::map<Place, Lines> places;
  std::set<std::int64_t> rounds;
  for (const mapping::Block& block : mapping.blocks) {
    if (block.layer != layer) continue;
    Lines& lines = places[{block.replica, block.round, block.array, block.read}];
    add_wordlines(block, program.tiling.shape, geometry, lines);
    add_bitlines(block, program, lines);
    rounds.insert(block.round);
  }
  rounds_.assign(rounds.begin(), rounds.end());
  for (auto& [place, lines] : places) {
    std::vector<ArrayReads>& arrays = arrays_[{place.replica, place.round}];
    if (arrays.empty() || arrays.back().array != place.array) arrays.push_back({place.array, {}});
    ArrayRead read;
    for (const auto& [row, input] : lines.inputs) read.wordlines.push_back({row, input});
    read.bitlines = std::move(lines.bitlines);
    arrays.back().reads.push_back(std::move(read));
  }
}

const std::vector<ArrayReads>& LayerReads::arrays(std::int64_t replica, std::int64_t round) const {
  static const std::vector<ArrayReads> none;
  const auto it = arrays_.find({replica, round});
  return it == arrays_.end() ? none : it->second;
}

}  // namespace bitline::sim
