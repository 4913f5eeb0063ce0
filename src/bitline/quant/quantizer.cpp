#include "bitline/quant/quantizer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"
#include "bitline/base/wide.h"

namespace bitline::quant {

namespace {

constexpr std::array<NumberFormat, 4> kFormats = {{{"auto", nullptr, 1},
                                                   {"signed", signed_range, 1},
                                                   {"strict", strict_range, 2},
                                                   {"unsigned", unsigned_range, 1}}};

struct Preset {
  const char* name;
  const char* meaning;
};

constexpr std::array<Preset, 2> kPresets = {{{"lg-lsq", "ssg+asr+mde"}, {"lg-lsq-task", "ssg-task+asr+mde"}}};

constexpr std::size_t kChunk = 256;  // values at a time, in the first cache

struct Chunk {
  float v[kChunk];        // clipped
  float code[kChunk];     // rounded, or the blend of it
  float inside[kChunk];   // 1 where low <= v <= high
  float between[kChunk];  // 1 where low < v < high
  float slope[kChunk];
  float terms[kChunk];
};

BITLINE_WIDE void place(const float* __restrict x, std::size_t n, float scale, float offset, float low,
                        float high, Chunk& c) {
  for (std::size_t i = 0; i < n; ++i) {
    const float v = (x[i] - offset) / scale;
    float clipped = v < low ? low : v;
    clipped = clipped > high ? high : clipped;
    c.v[i] = clipped;
    c.code[i] = round_half_even(clipped);
    // Products of zeros and ones, since conditions would keep the loop from being vectorized.
    c.inside[i] = (v >= low ? 1.0f : 0.0f) * (v <= high ? 1.0f : 0.0f);
    c.between[i] = (v > low ? 1.0f : 0.0f) * (v < high ? 1.0f : 0.0f);
  }
}

void place(std::span<const float> x, const ScaledGroup& group, Chunk& c) {
  place(x.data(), x.size(), group.scale, group.offset, static_cast<float>(group.range.low),
        static_cast<float>(group.range.high), c);
}

BITLINE_WIDE void dequantize(const Chunk& c, std::size_t n, float scale, float offset, float* __restrict y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = scale * c.code[i] + offset;
}

// dx, and the terms of dscale.
BITLINE_WIDE void backward(const Chunk& c, const float* __restrict dy, std::size_t n, float clipped_passes,
                           float* __restrict dx, float* __restrict terms) {
  for (std::size_t i = 0; i < n; ++i) {
    const float m = c.slope[i] * c.inside[i] + clipped_passes * (1.0f - c.inside[i]);
    dx[i] = dy[i] * m;
    terms[i] = dy[i] * (c.code[i] - c.between[i] * (c.v[i] * c.slope[i]));
  }
}

BITLINE_WIDE void offset_terms(const Chunk& c, const float* __restrict dy, std::size_t n,
                               float* __restrict terms) {
  for (std::size_t i = 0; i < n; ++i) terms[i] = dy[i] * (1.0f - c.inside[i] * c.slope[i]);
}

// The same pairs whatever the vector width, so that the sum is the same everywhere.
BITLINE_WIDE float pairwise_sum(float* terms, std::size_t n) {
  for (std::size_t i = n; i < kChunk; ++i) terms[i] = 0.0f;
  for (std::size_t half = kChunk / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) terms[i] += terms[i + half];
  }
  return terms[0];
}

// The codes become what a correction makes of them in the forward pass; slopes are those of the codes.
void blend(const Rounding& rounding, std::size_t n, Chunk& c) {
  if (rounding.correction->place != CorrectionPlace::kForward) return;
  for (std::size_t i = 0; i < n; ++i) c.code[i] = rounded_value(rounding, c.v[i], c.code[i]);
}

// visit(first, count) over a span, a chunk at a time.
template <class Visit>
void for_each_chunk(std::size_t size, Visit&& visit) {
  for (std::size_t first = 0; first < size; first += kChunk) visit(first, std::min(kChunk, size - first));
}

std::string anneal_text(const Anneal& a) {
  return a.from == a.to ? number_text(a.from) : number_text(a.from) + ".." + number_text(a.to);
}

double parse_number(std::string_view text, std::string_view part, const ParameterRange& range) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() ||
      !(value >= range.least && value <= range.most)) {
    bad_input(
        "quantizer part '" + std::string(part) + "' is not valid", {},
        "its parameter is " + number_text(range.least) + " to " + number_text(range.most) + ", or A..B");
  }
  return value;
}

// The parameter after the colon of "name:PARAMETER"; the usual one where there is none.
Anneal parse_parameter(std::string_view part, const ParameterRange& range) {
  const std::size_t colon = part.find(':');
  if (colon == std::string_view::npos) return {range.usual, range.usual_end};
  const std::string_view text = part.substr(colon + 1);
  const std::size_t dots = text.find("..");
  const double from = parse_number(text.substr(0, dots), part, range);
  return {from, dots == std::string_view::npos ? from : parse_number(text.substr(dots + 2), part, range)};
}

// The entry of that name; null where there is none. Tables outlive the program's use of them.
template <class Table>
const auto* named(const Table& table, std::string_view name) {
  const auto it =
      std::find_if(table.begin(), table.end(), [name](const auto& entry) { return name == entry.name; });
  return it == table.end() ? nullptr : &*it;
}

// Reads the parts of a text into a spec; each axis may be named once.
class SpecReader {
 public:
  explicit SpecReader(const QuantizerSpec& start) : spec_(start) {}

  void read(std::string_view text) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find('+', begin), text.size());
      read_part(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  const QuantizerSpec& spec() const { return spec_; }

 private:
  void read_part(std::string_view part) {
    const std::string_view name = part.substr(0, part.find(':'));
    const bool plain = name.size() == part.size();
    if (plain && (read_preset(name) || read_format(name) || read_flag(name))) return;
    if (read_policy(name, part) || read_surrogate(name, part) || read_correction(name, part)) return;
    bad_input("unknown quantizer part '" + std::string(part) + "'", {}, suggestion(name, names()));
  }

  bool read_preset(std::string_view name) {
    const Preset* preset = named(kPresets, name);
    if (preset != nullptr) read(preset->meaning);
    return preset != nullptr;
  }

  bool read_policy(std::string_view name, std::string_view part) {
    const ScalePolicy* policy = named(scale_policies(), name);
    if (policy == nullptr || (!policy->has_parameter && name != part)) return false;
    once(policy_named_, "scale policy", name);
    spec_.policy = policy;
    spec_.policy_parameter = parse_parameter(part, policy->rho);
    return true;
  }

  bool read_format(std::string_view name) {
    const NumberFormat* format = named(kFormats, name);
    if (format == nullptr) return false;
    once(format_named_, "number format", name);
    spec_.format = format;
    return true;
  }

  bool read_flag(std::string_view name) {
    if (name == "pow2") return spec_.power_of_two = true;
    if (name == "pass") return spec_.pass_clipped = true;
    return false;
  }

  bool read_surrogate(std::string_view name, std::string_view part) {
    const Surrogate* surrogate = named(surrogates(), name);
    if (surrogate == nullptr || (!surrogate->has_parameter && name != part)) return false;
    once(surrogate_named_, "rounding surrogate", name);
    spec_.surrogate = surrogate;
    spec_.surrogate_parameter = parse_parameter(part, surrogate->parameter);
    return true;
  }

  bool read_correction(std::string_view name, std::string_view part) {
    const Correction* correction = named(corrections(), name);
    if (correction == nullptr || (correction->place == CorrectionPlace::kNone && name != part)) return false;
    once(correction_named_, "correction", name);
    spec_.correction = correction;
    spec_.correction_amount = parse_parameter(part, correction->parameter);
    return true;
  }

  static void once(bool& named, const char* axis, std::string_view name) {
    if (named)
      bad_input("a quantizer has one " + std::string(axis) + ": '" + std::string(name) + "' is a second one");
    named = true;
  }

  static std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const Preset& preset : kPresets) out.emplace_back(preset.name);
    for (const ScalePolicy& policy : scale_policies()) out.emplace_back(policy.name);
    for (const Surrogate& surrogate : surrogates()) out.emplace_back(surrogate.name);
    for (const Correction& correction : corrections()) out.emplace_back(correction.name);
    for (const NumberFormat& format : kFormats) out.emplace_back(format.name);
    out.insert(out.end(), {"pow2", "pass"});
    return out;
  }

  QuantizerSpec spec_;
  bool policy_named_ = false, format_named_ = false, surrogate_named_ = false, correction_named_ = false;
};

}  // namespace

std::span<const NumberFormat> number_formats() {
  return kFormats;
}

Rounding QuantizerSpec::rounding(double progress) const {
  return {surrogate, static_cast<float>(surrogate_parameter.at(progress)), correction,
          static_cast<float>(correction_amount.at(progress))};
}

float QuantizerSpec::probe_ratio(double progress) const {
  return static_cast<float>(policy_parameter.at(progress));
}

std::string QuantizerSpec::text() const {
  std::string out = policy->name;
  if (policy->has_parameter) out += ":" + anneal_text(policy_parameter);
  out += "+" + std::string(surrogate->name);
  if (surrogate->has_parameter) out += ":" + anneal_text(surrogate_parameter);
  if (correction->place != CorrectionPlace::kNone)
    out += "+" + std::string(correction->name) + ":" + anneal_text(correction_amount);
  if (format != &kFormats[0]) out += "+" + std::string(format->name);
  if (power_of_two) out += "+pow2";
  if (pass_clipped) out += "+pass";
  return out;
}

QuantizerSpec parse_quantizer(std::string_view text, const QuantizerSpec& start) {
  SpecReader reader(start);
  reader.read(text);
  return reader.spec();
}

void quantize(std::span<const float> x, const ScaledGroup& group, std::span<float> y) {
  BITLINE_CHECK(y.size() == x.size());
  Chunk c;
  for_each_chunk(x.size(), [&](std::size_t first, std::size_t count) {
    place(x.subspan(first, count), group, c);
    blend(group.rounding, count, c);
    dequantize(c, count, group.scale, group.offset, y.data() + first);
  });
}

GroupGradient quantize_backward(std::span<const float> x, std::span<const float> dy, const ScaledGroup& group,
                                std::span<float> dx) {
  BITLINE_CHECK(dy.size() == x.size() && dx.size() == x.size());
  GroupGradient sums;
  Chunk c;
  for_each_chunk(x.size(), [&](std::size_t first, std::size_t count) {
    place(x.subspan(first, count), group, c);
    const float* g = dy.data() + first;
    rounding_slopes(group.rounding, {c.v, c.code, g, count}, c.slope);
    blend(group.rounding, count, c);
    if (group.learns_offset) {
      offset_terms(c, g, count, c.terms);
      sums.offset += static_cast<double>(pairwise_sum(c.terms, count));
    }
    backward(c, g, count, group.pass_clipped ? 1.0f : 0.0f, dx.data() + first, c.terms);
    sums.scale += static_cast<double>(pairwise_sum(c.terms, count));
  });
  return sums;
}

CodeSlopes code_slopes(float x, float g, const ScaledGroup& group) {
  const auto low = static_cast<float>(group.range.low), high = static_cast<float>(group.range.high);
  const float v = (x - group.offset) / group.scale;
  if (v < low || v > high) return {group.pass_clipped ? 1.0f : 0.0f, 0.0f};
  const float code = round_half_even(v);
  float slope = 1.0f;
  if (!group.rounding.straight_through()) rounding_slopes(group.rounding, {&v, &code, &g, 1}, &slope);
  return {slope, v > low && v < high ? slope : 0.0f};
}

GroupGradient add_penalty(std::span<const float> x, const ScaledGroup& group, std::int64_t count,
                          std::span<float> dx) {
  const Rounding& rounding = group.rounding;
  if (rounding.correction->place != CorrectionPlace::kLoss || rounding.amount == 0.0f) return {};
  // d/dv of amount * e^2 / count; e's code is constant, v moves with x, the scale and the offset.
  const float unit = 2.0f * rounding.amount / static_cast<float>(count);
  GroupGradient sums;
  Chunk c;
  for_each_chunk(x.size(), [&](std::size_t first, std::size_t n) {
    place(x.subspan(first, n), group, c);
    for (std::size_t i = 0; i < n; ++i) {
      const float dv = unit * (c.v[i] - c.code[i]) * c.between[i];
      dx[first + i] += dv / group.scale;
      sums.scale -= static_cast<double>(dv * c.v[i] / group.scale);
      sums.offset -= static_cast<double>(dv / group.scale);
    }
  });
  return sums;
}

}  // namespace bitline::quant
