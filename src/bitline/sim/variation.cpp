#include "bitline/sim/variation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/base/philox.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"
#include "bitline/quant/stored_levels.h"
#include "bitline/sim/impl/int8_layer.h"

namespace bitline::sim {

namespace {

constexpr double kMaxSigma = 2.0;
constexpr int kMaxFractionBits = 14;
constexpr double kExactLimit = 16777216.0;  // 2^24

struct Model {
  const char* name;
  double (*factor)(double theta);  // at least 0
  bool of_digits;                  // multiplies the digit instead of the conductances that store it
};

double lognormal(double theta) {
  return std::exp(theta);
}
double gaussian(double theta) {
  return std::max(0.0, 1.0 + theta);
}

constexpr std::array<Model, 4> kModels = {{{"lognormal", lognormal, false},
                                           {"gaussian", gaussian, false},
                                           {"lognormal-digit", lognormal, true},
                                           {"gaussian-digit", gaussian, true}}};

// What a variation has beside its model of spread: one number each.
struct Effect {
  const char* name;
  double Variation::*value;
  double least, most;
  const char* expected;
};

constexpr double kLeastOnOff = 1.001, kMostOnOff = 1e9;
constexpr std::array<Effect, 4> kEffects = {
    {{"onoff", &Variation::on_off, kLeastOnOff, kMostOnOff,
      "expected a ratio of conductances from 1.001 to 1e9, such as onoff:100"},
     {"saf0", &Variation::stuck_low, 0.0, 1.0, "expected a rate from 0 to 1, such as saf0:0.01"},
     {"saf1", &Variation::stuck_high, 0.0, 1.0, "expected a rate from 0 to 1, such as saf1:0.001"},
     {"read", &Variation::read, 0.0, 100.0, "expected digits a row from 0 to 100, such as read:0.05"}}};

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
  const double least = spread ? 0.0 : effect->least, most = spread ? kMaxSigma : effect->most;
  if (error != std::errc{} || end != number.data() + number.size() || !(value >= least && value <= most)) {
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

// What the cells of one chip become: spread first, then those that are stuck. Reference columns are tested
// when a chip is made: their cells vary, but none is stuck.
class Chip {
 public:
  Chip(const LayerProgram& program, const Variation& variation, std::uint64_t seed, std::uint64_t chip)
      : variation_(variation),
        model_(variation.spreads() ? &find_model(variation.model) : nullptr),
        column_tile_(static_cast<std::size_t>(program.tiling.grid.array_columns)),
        column_tiles_(static_cast<std::size_t>(program.tiling.grid.column_tiles())),
        spread_(stream(program, seed, "cell-variation", chip)),
        partner_(stream(program, seed, "partner-variation", chip)),
        reference_(stream(program, seed, "reference-variation", chip)),
        stuck_(stream(program, seed, "stuck-cells", chip)) {
    for (const quant::BitSlice& slice : program.weight_slices) levels_.emplace_back(program.config, slice);
  }

  // The digits of one row and slice, all outputs, as this chip has them. `line` counts rows and slices.
  void vary(std::size_t line, std::span<double> digits) const {
    const quant::StoredLevels& levels = levels_[line % levels_.size()];
    double reference = 0.0;
    for (std::size_t o = 0; o < digits.size(); ++o) {
      const std::size_t i = line * digits.size() + o;
      if (model_ != nullptr && model_->of_digits) digits[o] *= factor(spread_, i);
      if (!spreads_levels() && !variation_.sticks()) continue;
      if (o % column_tile_ == 0) reference = reference_of(line * column_tiles_ + o / column_tile_, levels);
      digits[o] = read(i, digits[o], levels) - levels.sign(0) * reference;
    }
  }

 private:
  static Philox stream(const LayerProgram& program, std::uint64_t seed, const char* purpose,
                       std::uint64_t chip) {
    return {seed, stream_id(purpose, chip, hash_bytes(std::string_view(program.name)))};
  }

  bool spreads_levels() const { return model_ != nullptr && !model_->of_digits; }
  double factor(const Philox& random, std::size_t i) const {
    return model_->factor(variation_.sigma * random.normal(i));
  }

  // What a cell conducts above g0; without change its level, exactly.
  double conductance(double level, double change, const quant::StoredLevels& levels) const {
    return level * change + levels.lowest_conductance(variation_.on_off) * (change - 1.0);
  }

  double stuck_or(double value, std::size_t cell, const quant::StoredLevels& levels) const {
    if (!variation_.sticks()) return value;
    const double draw = stuck_.uniform(cell);
    if (draw < variation_.stuck_low) return 0.0;
    return draw < variation_.stuck_low + variation_.stuck_high ? levels.highest() : value;
  }

  // The digit's own cells.
  double read(std::size_t i, double digit, const quant::StoredLevels& levels) const {
    double sum = 0.0;
    for (int cell = 0; cell < levels.cells(); ++cell) {
      const double change = spreads_levels() ? factor(cell == 0 ? spread_ : partner_, i) : 1.0;
      const double value = conductance(levels.level(digit, cell), change, levels);
      sum += levels.sign(cell) * stuck_or(value, 2 * i + static_cast<std::size_t>(cell), levels);
    }
    return sum;
  }

  double reference_of(std::size_t i, const quant::StoredLevels& levels) const {
    if (!levels.has_reference()) return 0.0;
    const bool conducts = levels.reference() > 0 || variation_.on_off > 0.0;
    const double change = spreads_levels() && conducts ? factor(reference_, i) : 1.0;
    return conductance(levels.reference(), change, levels);
  }

  const Variation& variation_;
  const Model* model_;
  std::size_t column_tile_, column_tiles_;   // outputs that share a reference, and how many such
  std::vector<quant::StoredLevels> levels_;  // by slice
  Philox spread_, partner_, reference_, stuck_;
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
  if (out.on_off > 0.0 && (!out.spreads() || find_model(out.model).of_digits))
    throw Error(ErrorCode::kUsage, "'onoff' changes nothing without a model that varies stored levels", {},
                "add lognormal:SIGMA or gaussian:SIGMA, or leave it out");
  return out;
}

LayerProgram perturb(const LayerProgram& program, const Variation& variation, std::uint64_t seed,
                     std::uint64_t chip) {
  LayerProgram out = program;
  if (variation.read > 0.0)
    out.read_noise = {variation.read, seed,
                      stream_id("read-noise", chip, hash_bytes(std::string_view(program.name)))};
  if (!variation.changes_cells()) return out;
  const Chip made(program, variation, seed, chip);
  std::vector<double> cells(program.cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i)
    cells[i] = std::ldexp(static_cast<double>(program.cells[i]), -program.fraction_bits);
  const auto outputs = static_cast<std::size_t>(program.tiling.grid.outputs);
  for (std::size_t line = 0; line * outputs < cells.size(); ++line)
    made.vary(line, std::span(cells).subspan(line * outputs, outputs));
  out.fraction_bits = variation.spreads() ? exact_fraction_bits(program, cells) : program.fraction_bits;
  for (std::size_t i = 0; i < cells.size(); ++i)
    out.cells[i] = static_cast<std::int32_t>(std::nearbyint(std::ldexp(cells[i], out.fraction_bits)));
  return out;
}

}  // namespace bitline::sim
