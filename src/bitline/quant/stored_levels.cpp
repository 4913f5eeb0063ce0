#include "bitline/quant/stored_levels.h"

#include "bitline/quant/encoding.h"

namespace bitline::quant {

StoredLevels::StoredLevels(const CimConfig& config, const BitSlice& slice)
    : pair_(weight_encoding(config.encoding).cells_per_digit == 2),
      highest_(slice.high()),
      cell_highest_((1 << config.cell_bits) - 1) {
  if (pair_ || !slice.is_signed) return;
  highest_ = slice.high() - slice.low();
  if (slice.bits == 1) {
    sign_ = -1;
  } else {
    reference_ = -slice.low();
  }
}

}  // namespace bitline::quant
