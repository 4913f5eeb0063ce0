#include "bitline/sim/evaluate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

ir::Tensor take_images(const ir::Tensor& batch, std::int64_t first, std::int64_t count) {
  ir::Shape shape = batch.shape;
  shape[0] = count;
  const std::size_t each = batch.size() / static_cast<std::size_t>(batch.dim(0));
  const auto begin = batch.data.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(first) * each);
  return {std::move(shape),
          {begin, begin + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(count) * each)}};
}

std::int64_t count_correct(const ir::Tensor& logits, const int* labels) {
  const std::size_t images = static_cast<std::size_t>(logits.dim(0));
  const std::size_t classes = logits.size() / images;
  std::int64_t correct = 0;
  for (std::size_t n = 0; n < images; ++n) {
    const float* row = logits.data.data() + n * classes;
    correct += std::max_element(row, row + classes) - row == labels[n] ? 1 : 0;
  }
  return correct;
}

}  // namespace

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
    std::vector<std::atomic<std::int64_t>> correct(networks.size());
    const auto run_piece = [&](std::int64_t task) {
      context.check_cancelled();
      const auto network = static_cast<std::size_t>(task / pieces);
      const std::int64_t first = task % pieces * kMicroBatch;
      const ir::Tensor piece = take_images(batch->images, first, std::min(kMicroBatch, images - first));
      correct[network] += count_correct(networks[network](piece, done + static_cast<std::uint64_t>(first)),
                                        batch->labels.data() + first);
    };
    for_each_piece(pieces * static_cast<std::int64_t>(networks.size()), context.threads, run_piece);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].images += images;
      out[i].correct += correct[i];
    }
    if (progress) progress(out.front().images);
  }
  return out;
}

Evaluation evaluate(const Network& network, const BatchSource& source, const Context& context) {
  const Forward forward = [&](const ir::Tensor& images, std::uint64_t first) {
    return network.forward(images, nullptr, first);
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
    forwards.emplace_back([&one](const ir::Tensor& images, std::uint64_t first) {
      return one.forward(images, nullptr, first);
    });
  }
  std::vector<double> accuracies;
  for (const Evaluation& e : evaluate(forwards, source, context)) accuracies.push_back(e.accuracy());
  return chip_statistics(std::move(accuracies));
}

}  // namespace bitline::sim
