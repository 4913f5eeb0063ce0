#include "bitline/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/base/philox.h"

namespace bitline::data {

namespace {

constexpr std::uint64_t kSubsetSeed = 1;  // of all commands
constexpr double kDeviations = 4.0;

bool only_rises_or_falls(const Dataset& set) {
  bool rises = true, falls = true;
  for (std::int64_t i = 1; i < set.size() && (rises || falls); ++i) {
    rises = rises && set.label(i - 1) <= set.label(i);
    falls = falls && set.label(i - 1) >= set.label(i);
  }
  return rises != falls;  // both: one class
}

std::vector<double> class_counts(const Dataset& set, std::int64_t images) {
  std::vector<double> counts(set.class_names().size(), 0.0);
  for (std::int64_t i = 0; i < images; ++i) counts[static_cast<std::size_t>(set.label(i))] += 1.0;
  return counts;
}

// Chi-squared of the first images' classes, less its mean, in its standard deviations.
double class_deviation(const Dataset& set, std::int64_t count) {
  const std::vector<double> first = class_counts(set, count), all = class_counts(set, set.size());
  const double share = static_cast<double>(count) / static_cast<double>(set.size());
  double square = 0.0, freedom = -1.0;
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (all[c] == 0.0) continue;
    const double expected = share * all[c];
    square += (first[c] - expected) * (first[c] - expected) / expected;
    freedom += 1.0;
  }
  return freedom < 1.0 ? 0.0 : (square - freedom) / std::sqrt(2.0 * freedom);
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
  BITLINE_CHECK(count < std::int64_t{std::numeric_limits<std::uint32_t>::max()});
  std::vector<std::int64_t> order = sequential_order(0, count);
  const Philox random(seed, stream_id("epoch_order", static_cast<std::uint64_t>(epoch)));
  for (std::size_t left = order.size(); left > 1; --left) {  // Fisher-Yates
    const std::size_t pick = random.below(left, static_cast<std::uint32_t>(left));
    std::swap(order[left - 1], order[pick]);
  }
  return order;
}

std::vector<std::int64_t> sequential_order(std::int64_t first, std::int64_t count) {
  BITLINE_CHECK(count >= 0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), first);
  return order;
}

bool is_sorted(const Dataset& set, std::int64_t count) {
  return count < set.size() && (only_rises_or_falls(set) || class_deviation(set, count) > kDeviations);
}

std::vector<std::int64_t> spread_order(const Dataset& set, std::int64_t count, std::uint64_t seed) {
  BITLINE_CHECK(count >= 0 && count <= set.size());
  const std::vector<std::int64_t> mixed = epoch_order(set.size(), seed, -2);
  std::vector<std::int64_t> by_class = mixed;
  std::stable_sort(by_class.begin(), by_class.end(),
                   [&set](std::int64_t a, std::int64_t b) { return set.label(a) < set.label(b); });
  const double step = static_cast<double>(set.size()) / static_cast<double>(std::max<std::int64_t>(count, 1));
  const double start = Philox(seed, stream_id("spread_order")).uniform(0);
  std::vector<std::int64_t> order;
  for (std::int64_t k = 0; k < count; ++k)
    order.push_back(by_class[static_cast<std::size_t>((static_cast<double>(k) + start) * step)]);
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<std::int64_t> subset_order(const Dataset& set, std::int64_t count) {
  if (count <= 0 || count >= set.size()) return sequential_order(0, set.size());
  return is_sorted(set, count) ? spread_order(set, count, kSubsetSeed) : sequential_order(0, count);
}

std::vector<std::string> missing_classes(const Dataset& set, std::span<const std::int64_t> images) {
  std::vector<bool> seen(set.class_names().size(), false);
  for (const std::int64_t i : images) seen[static_cast<std::size_t>(set.label(i))] = true;
  std::vector<std::string> missing;
  for (std::size_t c = 0; c < seen.size(); ++c)
    if (!seen[c]) missing.push_back(set.class_names()[c]);
  return missing;
}

}  // namespace bitline::data
