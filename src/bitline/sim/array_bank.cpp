#include "bitline/sim/array_bank.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "bitline/base/error.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

// What a cell holds of a digit.
std::int16_t held(std::int32_t digit, std::int64_t part, int parts) {
  const std::int32_t value = parts == 1 ? digit : std::max(part == 0 ? digit : -digit, 0);
  BITLINE_CHECK(std::abs(value) <= std::numeric_limits<std::int16_t>::max());
  return static_cast<std::int16_t>(value);
}

void find_used(ArrayCells& array) {
  const auto begin = array.cells.begin();
  for (std::size_t row = 0; row < array.used.size(); ++row) {
    const auto from = begin + static_cast<std::int64_t>(row) * array.columns, to = from + array.columns;
    const auto holds = [](std::int16_t cell) { return cell != 0; };
    const auto first = std::find_if(from, to, holds);
    auto end = to;
    while (end != first && !holds(*(end - 1))) --end;
    array.used[row] = {first - from, end - from};
  }
}

}  // namespace

ArrayBank::ArrayBank(const mapping::Mapping& mapping, std::vector<const LayerProgram*> programs,
                     CellEdit edit)
    : mapping_(mapping), programs_(std::move(programs)), edit_(std::move(edit)) {
  for (const mapping::Block& block : mapping.blocks) {
    blocks_[{block.round, block.array}].push_back(&block);
    arrays_.try_emplace(block.array);
  }
}

void ArrayBank::write(std::int64_t round, int threads) {
  if (round == round_) return;
  round_ = round;
  std::vector<std::int64_t> arrays;
  for (auto it = blocks_.lower_bound({round, 0}); it != blocks_.end() && it->first.first == round; ++it)
    arrays.push_back(it->first.second);
  for_each_piece(std::ssize(arrays), threads,
                 [&](std::int64_t i) { write_array(round, arrays[static_cast<std::size_t>(i)]); });
}

const ArrayCells& ArrayBank::array(std::int64_t round, std::int64_t array) const {
  const ArrayCells& found = arrays_.at(array);
  BITLINE_CHECK(found.round == round);
  return found;
}

void ArrayBank::write_array(std::int64_t round, std::int64_t index) {
  ArrayCells& array = arrays_.at(index);
  const mapping::Chip& chip = mapping_.chip;
  array.columns = chip.columns;
  array.cells.assign(static_cast<std::size_t>(chip.rows * chip.columns), 0);
  array.used.resize(static_cast<std::size_t>(chip.rows));
  for (const mapping::Block* block : blocks_.at({round, index})) write_block(*block, array);
  if (edit_) edit_(round, index, array.cells);
  find_used(array);
  array.round = round;
}

void ArrayBank::write_block(const mapping::Block& block, ArrayCells& array) const {
  const auto layer = static_cast<std::size_t>(block.layer);
  const LayerProgram& program = *programs_[layer];
  const mapping::MappedLayer& mapped = mapping_.layers[layer];
  for (std::int64_t k = 0; k < block.rows; ++k) {
    const std::int64_t row = block.first_row + k;
    const std::size_t tile = program.tiling.tile_of(row);
    std::int16_t* cell = array.cells.data() + (block.row + k) * array.columns + block.column;
    for (std::int64_t o = block.first_output; o < block.first_output + block.outputs; ++o) {
      for (std::int64_t j = block.first_slice; j < block.first_slice + block.slices; ++j) {
        const std::size_t at = program.cell_index(tile, row - program.tiling.first_row(tile),
                                                  static_cast<int>(j), block.group * mapped.outputs + o);
        for (std::int64_t part = block.first_part; part < block.first_part + block.parts; ++part)
          *cell++ = held(program.cells[at], part, mapped.parts);
      }
    }
  }
}

}  // namespace bitline::sim
