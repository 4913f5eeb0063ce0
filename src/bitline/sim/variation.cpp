#include "bitline/sim/variation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/base/philox.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"
#include "bitline/quant/encoding.h"
#include "bitline/sim/impl/int8_layer.h"

namespace bitline::sim {

namespace {

constexpr double kMaxSigma = 2.0;
constexpr int kMaxFractionBits = 14;
constexpr double kExactLimit = 16777216.0;  // 2^24
struct Model {
  const char* name;
  double (*factor)(double theta);
};

double lognormal(double theta) {
  return std::exp(theta);
}
double gaussian(double theta) {
  return 1.0 + theta;
}

constexpr std::array<Model, 2> kModels = {{{"lognormal", lognormal}, {"gaussian", gaussian}}};

// What a variation has beside its model of spread: one number each.
struct Effect {
  const char* name;
  double Variation::*value;
  double most;
  const char* expected;
};

constexpr std::array<Effect, 3> kEffects = {
    {{"saf0", &Variation::stuck_low, 1.0, "expected a rate from 0 to 1, such as saf0:0.01"},
     {"saf1", &Variation::stuck_high, 1.0, "expected a rate from 0 to 1, such as saf1:0.001"},
     {"read", &Variation::read, 100.0, "expected digits a row from 0 to 100, such as read:0.05"}}};

const Model& find_model(std::string_view name) {
  std::vector<std::string> names = {"none"};
  for (const Effect& effect : kEffects) names.emplace_back(effect.name);
  for (const Model& model : kModels) {
    if (name == model.name) return model;
    names.emplace_back(model.name);
  }
  throw Error(ErrorCode::kUsage, "unknown variation model '" + std::string(name) + "'", {},
              suggestion(name, names));
}

// The largest sum of magnitudes down one column: what a partial sum can reach per unit of input.
double tallest_column(const LayerProgram& program, const std::vector<double>& cells) {
  const auto& grid = program.tiling.grid;
  double tallest = 1.0;
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    std::vector<double> sums(static_cast<std::size_t>(grid.slices * grid.outputs), 0.0);
    for (std::int64_t row = 0; row < program.tiling.rows(t); ++row) {
      const std::size_t begin = program.cell_index(t, row, 0, 0);
      for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += std::fabs(cells[begin + c]);
    }
    tallest = std::max(tallest, *std::max_element(sums.begin(), sums.end()));
  }
  return tallest;
}

int exact_fraction_bits(const LayerProgram& program, const std::vector<double>& cells) {
  double input = 1.0;
  int span = 1;
  for (const quant::BitSlice& s : program.input_slices) {
    input = std::max({input, std::fabs(static_cast<double>(s.low())), static_cast<double>(s.high())});
    span = std::max(span, s.high() - s.low());
  }
  // Half a grid step a cell is the most that rounding adds to a column.
  const double reach =
      (tallest_column(program, cells) + 0.5 * static_cast<double>(program.config.array_rows)) * input;
  double largest = 0.0;
  for (const double cell : cells) largest = std::max(largest, std::fabs(cell));
  const double most = largest_plane_cell(span);  // so that chips run on the integer kernels
  int bits = 0;
  while (bits < kMaxFractionBits && std::ldexp(reach, bits + 1) <= kExactLimit &&
         std::ldexp(largest, bits + 1) <= most)
    ++bits;
  return bits;
}

// One "NAME:NUMBER" of a variation's text.
void parse_effect(std::string_view text, Variation& out) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto effect =
      std::find_if(kEffects.begin(), kEffects.end(), [name](const Effect& e) { return name == e.name; });
  const bool spread = effect == kEffects.end();
  const char* model = spread ? find_model(name).name : nullptr;
  const std::string_view number =
      colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  double value = -1.0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const double most = spread ? kMaxSigma : effect->most;
  if (error != std::errc{} || end != number.data() + number.size() || !(value >= 0.0 && value <= most)) {
    throw Error(
        ErrorCode::kUsage, "variation '" + std::string(text) + "' is not valid", {},
        spread ? "expected MODEL:SIGMA with SIGMA from 0 to 2, such as lognormal:0.1" : effect->expected);
  }
  if (!spread) {
    out.*effect->value = value;
    return;
  }
  if (out.spreads())
    throw Error(ErrorCode::kUsage, "a variation has one model of spread", {}, "leave one of them out");
  out.model = model;
  out.sigma = value;
}

// What cells become: spread first, then those that are stuck.
class Chip {
 public:
  Chip(const LayerProgram& program, const Variation& variation, std::uint64_t seed, std::uint64_t chip)
      : program_(program),
        variation_(variation),
        pairs_(quant::weight_encoding(program.config.encoding).cells_per_digit == 2),
        spread_(seed, stream_id("cell-variation", chip, hash_bytes(std::string_view(program.name)))),
        stuck_(seed, stream_id("stuck-cells", chip, hash_bytes(std::string_view(program.name)))) {}

  double digit(std::size_t i, double written) const {
    double value = written;
    if (variation_.spreads())
      value *= find_model(variation_.model).factor(variation_.sigma * spread_.normal(i));
    return variation_.sticks() ? with_stuck_cells(i, value) : value;
  }

 private:
  double with_stuck_cells(std::size_t i, double value) const {
    const auto& grid = program_.tiling.grid;
    const std::size_t slice =
        i / static_cast<std::size_t>(grid.outputs) % static_cast<std::size_t>(grid.slices);
    const quant::BitSlice& levels = program_.weight_slices[slice];
    if (!pairs_) return stuck(2 * i, value - levels.low(), levels) + levels.low();
    return stuck(2 * i, std::max(value, 0.0), levels) - stuck(2 * i + 1, std::max(-value, 0.0), levels);
  }

  // The level of one physical cell.
  double stuck(std::size_t cell, double level, const quant::BitSlice& levels) const {
    const double draw = stuck_.uniform(cell);
    if (draw < variation_.stuck_low) return 0.0;
    return draw < variation_.stuck_low + variation_.stuck_high ? levels.high() - levels.low() : level;
  }

  const LayerProgram& program_;
  const Variation& variation_;
  bool pairs_;
  Philox spread_, stuck_;
};

}  // namespace

std::string Variation::text() const {
  std::string out = spreads() ? model + ":" + number_text(sigma) : "";
  for (const Effect& effect : kEffects) {
    const double value = this->*effect.value;
    if (value > 0.0) out += (out.empty() ? "" : "+") + std::string(effect.name) + ":" + number_text(value);
  }
  return out.empty() ? "none" : out;
}

Variation parse_variation(std::string_view text) {
  Variation out;
  if (text == "none") return out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('+', begin), text.size());
    parse_effect(text.substr(begin, end - begin), out);
    begin = end + 1;
  }
  if (out.stuck_low + out.stuck_high > 1.0)
    throw Error(ErrorCode::kUsage, "the rates of saf0 and saf1 add up to more than 1");
  return out;
}

LayerProgram perturb(const LayerProgram& program, const Variation& variation, std::uint64_t seed,
                     std::uint64_t chip) {
  LayerProgram out = program;
  if (variation.read > 0.0)
    out.read_noise = {variation.read, seed,
                      stream_id("read-noise", chip, hash_bytes(std::string_view(program.name)))};
  if (!variation.changes_cells()) return out;
  const Chip cells_of(program, variation, seed, chip);
  std::vector<double> cells(program.cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i)
    cells[i] = cells_of.digit(i, std::ldexp(static_cast<double>(program.cells[i]), -program.fraction_bits));
  out.fraction_bits = variation.spreads() ? exact_fraction_bits(program, cells) : program.fraction_bits;
  for (std::size_t i = 0; i < cells.size(); ++i)
    out.cells[i] = static_cast<std::int32_t>(std::nearbyint(std::ldexp(cells[i], out.fraction_bits)));
  return out;
}

}  // namespace bitline::sim
