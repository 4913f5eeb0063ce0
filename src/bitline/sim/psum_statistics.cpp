#include "bitline/sim/psum_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bitline/base/error.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

constexpr double kHistogramBins = 4096.0;
constexpr std::int64_t kPieces = 16;  // of the groups, filled side by side
constexpr int kMostShift = 14;        // so that counts weighed by significance squared do not overflow

struct ColumnUse {
  std::size_t place;  // in a pixel's trace
  std::size_t group;
  float unit;  // output per integer of the sum
  int shift;   // its significance is 2^shift
  std::int64_t weight = 1;
};

struct GroupSums {
  float low = std::numeric_limits<float>::max();
  float high = std::numeric_limits<float>::lowest();
  double unit = 0.0;      // smallest distance of two sums of one column
  bool same_unit = true;  // all columns have it, so sums of the group lie on one grid
};

// Weighs columns by significance squared, relative to the most significant one of their group where that has
// a shift above kMostShift; what is then below one counts as one.
void weigh(std::vector<ColumnUse>& columns, std::size_t groups) {
  std::vector<int> dropped(groups, 0);
  for (const ColumnUse& c : columns) dropped[c.group] = std::max(dropped[c.group], c.shift - kMostShift);
  for (ColumnUse& c : columns) c.weight = std::int64_t{1} << 2 * std::max(0, c.shift - dropped[c.group]);
}

// The columns of a layer in the order of a pixel's trace.
std::vector<ColumnUse> columns_of(const LayerProgram& program, const quant::CimLayer& layer) {
  const quant::GroupMap groups = psum_groups(program.tiling, layer.config);
  const quant::GroupMap weights = weight_groups(program.tiling, layer.config);
  const auto& grid = program.tiling.grid;
  const std::size_t count = static_cast<std::size_t>(groups.count());
  std::vector<ColumnUse> columns;
  for (int t = 0; t < grid.tiles; ++t) {
    for (std::size_t i = 0; i < program.input_slices.size(); ++i) {
      const std::size_t first = layer.config.cycle_ranges ? i * count : 0;  // of the cycle's converters
      for (int j = 0; j < grid.slices; ++j) {
        const int shift =
            program.weight_slices[static_cast<std::size_t>(j)].shift + program.input_slices[i].shift;
        for (int o = 0; o < grid.outputs; ++o) {
          const float scale = layer.weight_scale[static_cast<std::size_t>(weights.group(t, j, o))];
          columns.push_back({columns.size(), first + static_cast<std::size_t>(groups.group(t, j, o)),
                             layer.activation_scale * scale, shift});
        }
      }
    }
  }
  weigh(columns, count * static_cast<std::size_t>(quant::range_sets(layer.config)));
  return columns;
}

template <class Visit>
void for_each_sum(const PsumTraces& traces, std::size_t stride, const std::vector<ColumnUse>& columns,
                  Visit&& visit) {
  for (const std::vector<float>& trace : traces) {
    for (std::size_t i = 0; i < trace.size(); i += stride) {
      for (const ColumnUse& column : columns) visit(column, trace[i + column.place] * column.unit);
    }
  }
}

quant::Histogram empty_histogram(const GroupSums& group, const std::string& layer) {
  const double range = static_cast<double>(group.high) - static_cast<double>(group.low);
  if (!std::isfinite(range) || !std::isfinite(group.unit))
    bad_input("calibration met partial sums that are not finite", Where{{}, 0, 0, layer},
              "check the weights and the images");
  const double finest = range / kHistogramBins;
  quant::Histogram h;
  h.first = static_cast<double>(group.low);
  h.width = group.same_unit || finest == 0.0 ? std::max(group.unit, finest) : finest;
  h.counts.assign(static_cast<std::size_t>(std::lround(range / h.width)) + 1, 0);
  return h;
}

// Histograms of some groups, given all of their columns.
void fill(const PsumTraces& traces, std::size_t stride, const std::vector<ColumnUse>& columns,
          const std::string& layer, std::vector<quant::Histogram>& histograms) {
  std::vector<GroupSums> sums(histograms.size());
  for_each_sum(traces, stride, columns, [&](const ColumnUse& column, float sum) {
    GroupSums& group = sums[column.group];
    group.low = std::min(group.low, sum);
    group.high = std::max(group.high, sum);
  });
  for (const ColumnUse& column : columns) {
    GroupSums& group = sums[column.group];
    const auto mine = static_cast<double>(column.unit);
    group.same_unit = group.same_unit && (group.unit == 0.0 || group.unit == mine);
    group.unit = group.unit == 0.0 ? mine : std::min(group.unit, mine);
  }
  for (const ColumnUse& column : columns) {
    if (histograms[column.group].counts.empty())
      histograms[column.group] = empty_histogram(sums[column.group], layer);
  }
  for_each_sum(traces, stride, columns, [&](const ColumnUse& column, float sum) {
    quant::Histogram& h = histograms[column.group];
    const double bin = (static_cast<double>(sum) - h.first) / h.width + 0.5;
    h.counts[std::min(h.counts.size() - 1, static_cast<std::size_t>(bin))] += column.weight;
  });
}

}  // namespace

std::vector<quant::Histogram> psum_histograms(const LayerProgram& program, const quant::CimLayer& layer,
                                              const PsumTraces& traces, int threads) {
  const std::vector<ColumnUse> columns = columns_of(program, layer);
  const std::int64_t groups =
      std::int64_t{quant::range_sets(layer.config)} * psum_groups(program.tiling, layer.config).count();
  const std::int64_t pieces = std::min(kPieces, groups);
  std::vector<std::vector<ColumnUse>> of_piece(static_cast<std::size_t>(pieces));
  for (const ColumnUse& column : columns)
    of_piece[static_cast<std::size_t>(static_cast<std::int64_t>(column.group) * pieces / groups)].push_back(
        column);
  std::vector<quant::Histogram> histograms(static_cast<std::size_t>(groups));
  for_each_piece(pieces, threads, [&](std::int64_t piece) {
    fill(traces, columns.size(), of_piece[static_cast<std::size_t>(piece)], program.name, histograms);
  });
  return histograms;
}

}  // namespace bitline::sim
