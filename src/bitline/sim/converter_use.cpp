#include "bitline/sim/converter_use.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"

namespace bitline::sim {

namespace {

// How often each column of a layer gave each code, in the order of PreparedLayer::run.
class CodeCounts {
 public:
  explicit CodeCounts(const LayerProgram& program)
      : levels_(static_cast<std::size_t>(program.config.adc_levels)),
        columns_(static_cast<std::size_t>(program.tiling.grid.tiles) * program.input_slices.size() *
                 static_cast<std::size_t>(program.tiling.grid.slices * program.tiling.grid.outputs)),
        counts_(columns_ * levels_, 0) {}

  void add(const std::vector<float>& codes) {
    BITLINE_CHECK(codes.size() % columns_ == 0);
    for (std::size_t i = 0; i < codes.size(); ++i)
      ++counts_[i % columns_ * levels_ + static_cast<std::size_t>(codes[i])];
  }

  std::size_t columns() const { return columns_; }
  std::span<const std::int64_t> of(std::size_t column) const {
    return std::span(counts_).subspan(column * levels_, levels_);
  }

 private:
  std::size_t levels_, columns_;
  std::vector<std::int64_t> counts_;  // [column][code]
};

double entropy(std::span<const std::int64_t> counts, double total) {
  double bits = 0.0;
  for (const std::int64_t count : counts) {
    const double share = static_cast<double>(count) / total;
    if (count > 0) bits -= share * std::log2(share);
  }
  return bits;
}

ConverterUse use_of_slice(const LayerProgram& program, const CodeCounts& counts, std::size_t slice) {
  ConverterUse use;
  use.layer = program.name;
  use.shift = program.weight_slices[slice].shift;
  std::int64_t lowest = 0, highest = 0, constant = 0;
  const auto outputs = static_cast<std::size_t>(program.tiling.grid.outputs);
  for (std::size_t column = 0; column < counts.columns(); ++column) {
    if (column / outputs % program.weight_slices.size() != slice) continue;
    const std::span<const std::int64_t> codes = counts.of(column);
    std::int64_t total = 0, most = 0;
    for (const std::int64_t count : codes) {
      total += count;
      most = std::max(most, count);
    }
    ++use.columns;
    use.conversions += total;
    lowest += codes.front();
    highest += codes.back();
    constant += most == total ? 1 : 0;
    use.information += entropy(codes, static_cast<double>(total));
  }
  const auto conversions = static_cast<double>(use.conversions), columns = static_cast<double>(use.columns);
  use.lowest = static_cast<double>(lowest) / conversions;
  use.highest = static_cast<double>(highest) / conversions;
  use.constant = static_cast<double>(constant) / columns;
  use.information /= columns;
  return use;
}

}  // namespace

struct ConverterCensus::LayerCounts {
  const LayerProgram* program;
  CodeCounts counts;
};

ConverterCensus::ConverterCensus(const Network& network) {
  for (const LayerProgram* program : network.programs()) {
    if (program->config.adc_levels == quant::kIdealAdc || program->config.digital) continue;
    layers_.push_back({program, CodeCounts(*program)});
  }
}

ConverterCensus::~ConverterCensus() = default;

void ConverterCensus::add(const Trace& trace) {
  for (LayerCounts& layer : layers_) {
    const auto traced = std::find_if(trace.begin(), trace.end(),
                                     [&](const LayerTrace& t) { return t.name == layer.program->name; });
    BITLINE_CHECK(traced != trace.end());
    layer.counts.add(traced->adc_codes);
  }
}

std::vector<ConverterUse> ConverterCensus::uses() const {
  std::vector<ConverterUse> out;
  for (const LayerCounts& layer : layers_) {
    for (std::size_t slice = 0; slice < layer.program->weight_slices.size(); ++slice)
      out.push_back(use_of_slice(*layer.program, layer.counts, slice));
  }
  return out;
}

}  // namespace bitline::sim
