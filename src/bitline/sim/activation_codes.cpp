#include "bitline/sim/activation_codes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/quant/lsq.h"
#include "bitline/quant/mse.h"
#include "bitline/quant/scale.h"
#include "bitline/quant/value_sample.h"

namespace bitline::sim {

namespace {

constexpr std::size_t kMostValues = 1'000'000;  // that a scale is chosen by
constexpr int kMostOffsetBits = 8;              // the bins of a histogram tell no more levels apart
constexpr double kOffsetBins = 4096.0;

using quant::CimLayer;
using quant::CodeRange;

struct Codes {
  bool is_signed = false;
  float scale = 1.0f, offset = 0.0f;
};

using Values = std::span<const float>;

CodeRange unsigned_of(const CimLayer& layer) {
  return quant::unsigned_range(layer.config.activation_bits);
}

std::optional<Codes> unsigned_codes(Values x, const quant::RangeSpec& range, const CimLayer& layer) {
  return Codes{false, quant::choose_scale(range, x, unsigned_of(layer))};
}

std::optional<Codes> signed_codes(Values x, const quant::RangeSpec& range, const CimLayer& layer) {
  return Codes{true, quant::choose_scale(range, x, quant::signed_range(layer.config.activation_bits))};
}

// Codes with an offset are the levels of a converter: equal steps around a centre.
std::optional<Codes> offset_codes(Values x, const quant::RangeSpec& range, const CimLayer& layer) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const double width = (static_cast<double>(*high) - static_cast<double>(*low)) / kOffsetBins;
  if (layer.config.activation_bits > kMostOffsetBits || !(width >= static_cast<double>(quant::kLeastScale)))
    return std::nullopt;
  quant::Histogram histogram{static_cast<double>(*low), width, {}};
  histogram.counts.assign(static_cast<std::size_t>(kOffsetBins) + 1, 0);
  for (const float value : x)
    ++histogram.counts[static_cast<std::size_t>(std::lround((static_cast<double>(value) - *low) / width))];
  const int levels = unsigned_of(layer).high + 1;
  const quant::AdcRange found = quant::choose_adc_range(range, histogram, levels);
  return Codes{false, static_cast<float>(found.step),
               static_cast<float>(found.centre - 0.5 * found.step * (levels - 1))};
}

struct Kind {
  const char* name;
  bool ActivationKinds::*allowed;
  std::optional<Codes> (*choose)(Values x, const quant::RangeSpec& range, const CimLayer& layer);
};

constexpr std::array<Kind, 3> kKinds = {{{"unsigned", &ActivationKinds::unsigned_codes, unsigned_codes},
                                         {"signed", &ActivationKinds::signed_codes, signed_codes},
                                         {"offset", &ActivationKinds::offset, offset_codes}}};

void set(CimLayer& layer, const Codes& codes) {
  layer.activation_signed = codes.is_signed;
  layer.activation_scale = codes.scale;
  layer.activation_offset = codes.offset;
}

double error_of(Values x, const CimLayer& layer) {
  std::vector<float> moved(x.begin(), x.end());
  for (float& value : moved) value -= layer.activation_offset;
  return quant::squared_error(moved, layer.activation_scale, quant::activation_range(layer));
}

}  // namespace

std::vector<std::string> activation_kind_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

ActivationKinds parse_activation_kinds(const std::vector<std::string>& names) {
  ActivationKinds kinds{false, false, false};
  for (const std::string& name : names) {
    const auto it = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return name == k.name; });
    if (it == kKinds.end())
      throw Error(ErrorCode::kUsage, "unknown kind of activation codes '" + name + "'", {},
                  suggestion(name, activation_kind_names()));
    kinds.*it->allowed = true;
  }
  if (kinds == ActivationKinds{false, false, false})
    throw Error(ErrorCode::kUsage, "activation codes need at least one kind", {},
                suggestion("", activation_kind_names()));
  return kinds;
}

std::string activation_kind(const CimLayer& layer) {
  if (layer.activation_offset != 0.0f) return "offset";
  return layer.activation_signed ? "signed" : "unsigned";
}

void choose_activation_codes(std::span<const float> x, const quant::RangeSpec& range,
                             const ActivationKinds& kinds, CimLayer& layer) {
  const std::vector<float> sample =
      quant::sample_values(x, range.method->by_extremes ? x.size() : kMostValues);
  const bool negative = *std::min_element(x.begin(), x.end()) < 0.0f;
  if (!negative && kinds.unsigned_codes) return set(layer, *unsigned_codes(sample, range, layer));
  double least = std::numeric_limits<double>::infinity();
  CimLayer best = layer;
  for (const Kind& kind : kKinds) {
    if (!(kinds.*kind.allowed)) continue;
    CimLayer tried = layer;
    if (const auto codes = kind.choose(sample, range, layer)) set(tried, *codes);
    const double error = error_of(sample, tried);
    if (!(error < least)) continue;
    least = error;
    best = tried;
  }
  layer = best;
}

}  // namespace bitline::sim
