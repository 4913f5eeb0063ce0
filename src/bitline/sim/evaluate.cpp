#include "bitline/sim/evaluate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <limits>
#include <numeric>
#include <span>

#include "bitline/base/error.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

// How many classes come before `label`: those with larger logits, and of equal ones (NaN counts as one) the
// first. The largest number for a label that is none of the classes.
std::int64_t rank_of(std::span<const float> logits, int label) {
  const auto own = static_cast<std::size_t>(label);
  if (own >= logits.size()) return std::numeric_limits<std::int64_t>::max();
  std::int64_t rank = 0;
  for (std::size_t i = 0; i < own; ++i) rank += logits[i] < logits[own] ? 0 : 1;
  for (std::size_t i = own + 1; i < logits.size(); ++i) rank += logits[i] > logits[own] ? 1 : 0;
  return rank;
}

struct Counts {
  std::atomic<std::int64_t> correct{0}, correct_top5{0};

  void add(const ir::Tensor& logits, const int* labels) {
    const std::size_t images = static_cast<std::size_t>(logits.dim(0));
    const std::size_t classes = logits.size() / images;
    for (std::size_t n = 0; n < images; ++n) {
      const std::int64_t rank = rank_of(std::span(logits.data).subspan(n * classes, classes), labels[n]);
      correct += rank < 1 ? 1 : 0;
      correct_top5 += rank < 5 ? 1 : 0;
    }
  }
};

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double Evaluation::accuracy() const {
  return percent(correct, images);
}

double Evaluation::accuracy_top5() const {
  return percent(correct_top5, images);
}

std::vector<Evaluation> evaluate(const std::vector<Forward>& networks, const BatchSource& source,
                                 const Context& context, const std::function<void(std::int64_t)>& progress) {
  std::vector<Evaluation> out(networks.size());
  // The next batch is read while this one runs.
  const auto read = [&source] { return std::async(std::launch::async, [&source] { return source(); }); };
  std::future<std::optional<LabelledBatch>> next = read();
  while (const std::optional<LabelledBatch> batch = next.get()) {
    next = read();
    const std::int64_t images = batch->images.dim(0);
    const std::int64_t pieces = (images + kMicroBatch - 1) / kMicroBatch;
    const auto done = static_cast<std::uint64_t>(out.empty() ? 0 : out.front().images);
    std::vector<Counts> counts(networks.size());
    const auto run_piece = [&](std::int64_t task) {
      context.check_cancelled();
      const auto network = static_cast<std::size_t>(task / pieces);
      const std::int64_t first = task % pieces * kMicroBatch;
      const ir::Tensor piece = ir::take_images(batch->images, first, std::min(kMicroBatch, images - first));
      counts[network].add(networks[network](piece, done + static_cast<std::uint64_t>(first)),
                          batch->labels.data() + first);
    };
    for_each_piece(pieces * static_cast<std::int64_t>(networks.size()), context.threads, run_piece);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].images += images;
      out[i].correct += counts[i].correct;
      out[i].correct_top5 += counts[i].correct_top5;
    }
    if (progress) progress(out.front().images);
  }
  return out;
}

Evaluation evaluate(const Network& network, const BatchSource& source, const Context& context) {
  const Forward forward = [&](const ir::Tensor& images, std::uint64_t first) {
    return network.finite_logits(images, first);
  };
  return evaluate({forward}, source, context).front();
}

ChipStatistics chip_statistics(std::vector<double> accuracies) {
  BITLINE_CHECK(!accuracies.empty());
  ChipStatistics out;
  const auto n = static_cast<double>(accuracies.size());
  out.mean = std::accumulate(accuracies.begin(), accuracies.end(), 0.0) / n;
  double squares = 0.0;
  for (const double a : accuracies) squares += (a - out.mean) * (a - out.mean);
  out.deviation = accuracies.size() > 1 ? std::sqrt(squares / (n - 1.0)) : 0.0;
  std::vector<double> sorted = accuracies;
  std::sort(sorted.begin(), sorted.end());
  const auto failing = static_cast<std::size_t>(std::floor(0.05 * n + 1e-9));  // chips that may fall below
  out.yield95 = sorted[std::min(failing, sorted.size() - 1)];
  out.accuracies = std::move(accuracies);
  return out;
}

ChipStatistics evaluate_chips(const Network& network, const Variation& variation, int chips,
                              const BatchSource& source, const Context& context) {
  std::vector<Network> networks;
  std::vector<Forward> forwards;
  networks.reserve(static_cast<std::size_t>(chips));
  for (int chip = 0; chip < chips; ++chip) {
    networks.push_back(network.on_chip(variation, context.seed, static_cast<std::uint64_t>(chip)));
  }
  for (const Network& one : networks) {
    forwards.emplace_back(
        [&one](const ir::Tensor& images, std::uint64_t first) { return one.finite_logits(images, first); });
  }
  std::vector<double> accuracies;
  for (const Evaluation& e : evaluate(forwards, source, context)) accuracies.push_back(e.accuracy());
  return chip_statistics(std::move(accuracies));
}

}  // namespace bitline::sim
