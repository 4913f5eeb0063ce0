#include "bitline/data/sampler.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/base/philox.h"

namespace bitline::data {

namespace {

constexpr std::uint64_t kSubsetSeed = 1;  // of all commands
constexpr double kMixedSteps = 0.5;       // of label_steps; below, a set is nearer to a sorted one

bool only_rises_or_falls(const Dataset& set) {
  bool rises = true, falls = true;
  for (std::int64_t i = 1; i < set.size() && (rises || falls); ++i) {
    rises = rises && set.label(i - 1) <= set.label(i);
    falls = falls && set.label(i - 1) >= set.label(i);
  }
  return rises != falls;  // both: one class
}

// Mean distance of neighbouring labels over that of two images drawn at random. With F(c) the images of
// classes up to c, two of n images are on both sides of c with chance 2 F(c) (n - F(c)) / (n (n - 1)).
double label_steps(const Dataset& set) {
  const auto images = static_cast<double>(set.size());
  std::vector<double> counts(set.class_names().size(), 0.0);
  double steps = 0.0, drawn = 0.0, below = 0.0;  // means times n - 1
  for (std::int64_t i = 0; i < set.size(); ++i) {
    counts[static_cast<std::size_t>(set.label(i))] += 1.0;
    if (i > 0) steps += std::abs(set.label(i) - set.label(i - 1));
  }
  for (const double count : counts) {
    below += count;
    drawn += 2.0 * below * (images - below) / images;
  }
  return drawn == 0.0 ? 1.0 : steps / drawn;
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
  return count < set.size() && (only_rises_or_falls(set) || label_steps(set) < kMixedSteps);
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
