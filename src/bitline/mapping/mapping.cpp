#include "bitline/mapping/mapping.h"

#include <array>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::mapping {

namespace {

constexpr std::array<const char*, 2> kRowPolicies = {"windows", "packed"};
constexpr std::array<const char*, 3> kSpreads = {"auto", "adjacent", "separate"};
constexpr std::array<const char*, 3> kPackings = {"none", "diagonal", "stacked"};

template <std::size_t N>
std::size_t index_of(std::string_view text, const std::array<const char*, N>& names, const char* what) {
  for (std::size_t i = 0; i < N; ++i) {
    if (text == names[i]) return i;
  }
  const std::vector<std::string> known(names.begin(), names.end());
  bad_input("unknown " + std::string(what) + " '" + std::string(text) + "'", {}, suggestion(text, known));
}

}  // namespace

RowPolicy parse_row_policy(std::string_view text) {
  return static_cast<RowPolicy>(index_of(text, kRowPolicies, "row policy"));
}

Spread parse_spread(std::string_view text) {
  return static_cast<Spread>(index_of(text, kSpreads, "spread"));
}

Packing parse_packing(std::string_view text) {
  return static_cast<Packing>(index_of(text, kPackings, "packing"));
}

std::vector<std::string> row_policy_names() {
  return {kRowPolicies.begin(), kRowPolicies.end()};
}

std::vector<std::string> spread_names() {
  return {kSpreads.begin(), kSpreads.end()};
}

std::vector<std::string> packing_names() {
  return {kPackings.begin(), kPackings.end()};
}

std::string name_of(RowPolicy policy) {
  return kRowPolicies[static_cast<std::size_t>(policy)];
}

std::string name_of(Spread spread) {
  return kSpreads[static_cast<std::size_t>(spread)];
}

std::string name_of(Packing packing) {
  return kPackings[static_cast<std::size_t>(packing)];
}

std::string to_text(const Mapping& mapping) {
  const auto number = [](std::int64_t n) { return std::to_string(n); };
  std::string out = mapping.chip.name + ": " + number(mapping.arrays) + " arrays of " +
                    number(mapping.chip.rows) + "x" + number(mapping.chip.columns) + ", " +
                    number(mapping.rounds) + " rounds, " +
                    number(static_cast<std::int64_t>(mapping.blocks.size())) + " blocks\n";
  for (const MappedLayer& layer : mapping.layers) {
    out += "  " + layer.node + ": " + number(layer.groups) + " groups of " + number(layer.rows) + "x" +
           number(layer.outputs) + ", " + number(layer.weight_bits) + " bits in " +
           number(static_cast<std::int64_t>(layer.slices.size())) + " slices x " + number(layer.parts) +
           ", " + number(layer.replicas) + " replicas\n";
  }
  return out;
}

}  // namespace bitline::mapping
