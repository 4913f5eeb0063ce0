#include "bitline/estimate/loading.h"

#include <algorithm>
#include <map>
#include <set>

#include "bitline/base/units.h"

namespace bitline::estimate {

namespace {

// Of the array that has the most.
std::size_t written_rows(const mapping::Mapping& mapping, std::int64_t round) {
  std::map<std::int64_t, std::set<std::int64_t>> rows;  // of each array
  for (const mapping::Block& b : mapping.blocks) {
    if (b.round != round) continue;
    for (std::int64_t row = b.row; row < b.row + b.rows; ++row) rows[b.array].insert(row);
  }
  std::size_t most = 0;
  for (const auto& [array, written] : rows) most = std::max(most, written.size());
  return most;
}

}  // namespace

double loaded_bytes(const mapping::Mapping& mapping, const RoundActivity& round) {
  return round.cells * mapping.chip.cell_bits / kBitsPerByte;
}

double loading_time(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                    const Activity& activity, std::size_t round) {
  if (mapping.rounds == 1) return 0.0;
  double time = 0.0;
  if (spec.weights.bandwidth)
    time = loaded_bytes(mapping, activity.rounds[round]) / spec.weights.bandwidth->value;
  if (!spec.cell.write_time) return time;
  const auto rows = static_cast<double>(written_rows(mapping, static_cast<std::int64_t>(round)));
  return std::max(time, rows * spec.cell.write_time->value);
}

}  // namespace bitline::estimate
