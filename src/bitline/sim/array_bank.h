// The arrays of a chip as matrices of cells, written round by round from a mapping.
//
// A cell of a differential pair holds the magnitude of a positive (part 0) or negative (part 1) digit, so it
// is never negative. In two's complement a cell holds its digit; that of the slice with the sign may be
// negative, for which a chip has a reference column. Cells that nobody writes hold zero.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "bitline/mapping/mapping.h"
#include "bitline/sim/layer_program.h"

namespace bitline::sim {

struct ArrayCells {
  std::int64_t columns = 0;
  std::int64_t round = -1;          // whose weights it holds; -1: not written yet
  std::vector<std::int16_t> cells;  // [row][column]

  struct Span {
    std::int64_t first = 0, end = 0;
  };
  std::vector<Span> used;  // of each row: the columns outside hold zero
};

// Changes what was written to an array: faulty cells, a defective writer. Called once for each array that is
// written, by several threads.
using CellEdit = std::function<void(std::int64_t round, std::int64_t array, std::span<std::int16_t> cells)>;

class ArrayBank {
 public:
  // `programs` are those of mapping.layers, without variation. Both must outlive the bank.
  ArrayBank(const mapping::Mapping& mapping, std::vector<const LayerProgram*> programs, CellEdit edit = {});

  // Writes all arrays that the round uses, unless it is the round of the last call. The others keep what they
  // hold.
  void write(std::int64_t round, int threads = 1);

  // An array that holds the weights of this round; anything else is a defect of the caller.
  const ArrayCells& array(std::int64_t round, std::int64_t array) const;

 private:
  void write_array(std::int64_t round, std::int64_t array);
  void write_block(const mapping::Block& block, ArrayCells& array) const;

  const mapping::Mapping& mapping_;
  std::vector<const LayerProgram*> programs_;
  CellEdit edit_;
  std::int64_t round_ = -1;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<const mapping::Block*>>
      blocks_;  // round, array
  std::map<std::int64_t, ArrayCells> arrays_;
};

}  // namespace bitline::sim
