#include "bitline/sim/variation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/base/philox.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"

namespace bitline::sim {

namespace {

constexpr double kMaxSigma = 2.0;
constexpr int kMaxFractionBits = 14;
constexpr double kExactLimit = 16777216.0;  // 2^24
// What the integer kernels take: cells in two planes of bytes, the upper one with 7 bits beside 6 bits below,
// and 16-bit sums of two products.
constexpr double kPlane = 64.0;
constexpr double kLargestCell = 126.0 * kPlane;
constexpr double kLargestProduct = 16383.0;

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

const Model& find_model(std::string_view name) {
  std::vector<std::string> names = {"none"};
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
  double input = 1.0, span = 1.0;
  for (const quant::BitSlice& s : program.input_slices) {
    input = std::max({input, std::fabs(static_cast<double>(s.low())), static_cast<double>(s.high())});
    span = std::max(span, static_cast<double>(s.high() - s.low()));
  }
  // Half a grid step a cell is the most that rounding adds to a column.
  const double reach =
      (tallest_column(program, cells) + 0.5 * static_cast<double>(program.config.array_rows)) * input;
  double largest = 0.0;
  for (const double cell : cells) largest = std::max(largest, std::fabs(cell));
  const double most = std::min(kLargestCell, (std::floor(kLargestProduct / span) - 1.0) * kPlane);
  int bits = 0;
  while (bits < kMaxFractionBits && std::ldexp(reach, bits + 1) <= kExactLimit &&
         std::ldexp(largest, bits + 1) <= most)
    ++bits;
  return bits;
}

}  // namespace

std::string Variation::text() const {
  if (!active()) return "none";
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), sigma).ptr;
  return model + ":" + std::string(digits.data(), end);
}

Variation parse_variation(std::string_view text) {
  if (text == "none") return {};
  const std::size_t colon = text.find(':');
  const Model& model = find_model(text.substr(0, colon));
  const std::string_view number =
      colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  double sigma = -1.0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), sigma);
  if (error != std::errc{} || end != number.data() + number.size() || !(sigma >= 0.0 && sigma <= kMaxSigma)) {
    throw Error(ErrorCode::kUsage, "variation '" + std::string(text) + "' is not valid", {},
                "expected MODEL:SIGMA with SIGMA from 0 to 2, such as lognormal:0.1");
  }
  return {model.name, sigma};
}

LayerProgram perturb(const LayerProgram& program, const Variation& variation, std::uint64_t seed,
                     std::uint64_t chip) {
  LayerProgram out = program;
  if (!variation.active()) return out;
  const Model& model = find_model(variation.model);
  const Philox random(seed, stream_id("cell-variation", chip, hash_bytes(std::string_view(program.name))));
  std::vector<double> cells(program.cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double written = std::ldexp(static_cast<double>(program.cells[i]), -program.fraction_bits);
    cells[i] = written * model.factor(variation.sigma * random.normal(i));
  }
  out.fraction_bits = exact_fraction_bits(program, cells);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out.cells[i] = static_cast<std::int32_t>(std::nearbyint(std::ldexp(cells[i], out.fraction_bits)));
  }
  return out;
}

}  // namespace bitline::sim
