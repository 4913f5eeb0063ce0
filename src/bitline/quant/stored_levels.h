// How a digit of a weight is stored in cells that only hold conductances, and what it is worth when it is
// read.
//
//   digit = sum over its cells of sign * level - sign * reference
//
//   encoding          digits of the slice     cells   level            column       reference column
//   differential      -high .. high           2       max(+-d, 0)      + and -      none: the pair subtracts
//   twos-complement   0 .. high               1       d                added        at level 0
//   twos-complement   -1, 0 (the sign alone)  1       -d               subtracted   at level 0
//   twos-complement   low .. high, low < -1   1       d - low          added        at level -low
//
// The conductance of a level is g0 + level, in steps between levels: g0 = highest level of the cell /
// (on/off ratio - 1), 0 for an unlimited ratio. A column that has no partner subtracts a reference column,
// which takes g0 away and, where zero lies at half range, that half. Variation, stuck cells and the densities
// of estimates all stand on this one definition (docs/cim_operator.md).
#pragma once

#include "bitline/quant/config.h"
#include "bitline/quant/slicing.h"

namespace bitline::quant {

class StoredLevels {
 public:
  // Of the digits of one slice, in cells of config.cell_bits.
  StoredLevels(const CimConfig& config, const BitSlice& slice);

  int cells() const { return pair_ ? 2 : 1; }  // that hold a digit
  int highest() const { return highest_; }     // level that digits of this slice use
  int cell_highest() const { return cell_highest_; }
  bool has_reference() const { return !pair_; }
  int reference() const { return reference_; }  // level of the reference column
  int sign(int cell) const { return cell == 1 ? -1 : sign_; }

  // The level of one of the digit's cells; of a digit that varies, too: never below the lowest level.
  template <class Digit>
  Digit level(Digit digit, int cell) const {
    const Digit level = static_cast<Digit>(sign(cell)) * digit + static_cast<Digit>(reference_);
    return level > Digit{0} ? level : Digit{0};
  }

  // The conductance of level 0 at an on/off ratio above 1; 0 means unlimited.
  double lowest_conductance(double on_off) const {
    return on_off > 1.0 ? cell_highest_ / (on_off - 1.0) : 0.0;
  }

 private:
  bool pair_;
  int sign_ = 1;
  int reference_ = 0;
  int highest_;
  int cell_highest_;
};

}  // namespace bitline::quant
