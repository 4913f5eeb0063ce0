// Accuracy of a network on labelled images, on one chip without variation or on many with.
//
// Images come batch by batch: one batch runs while the next is read, and only the activations of slices of
// kMicroBatch images exist, one slice a thread. Results are the same for any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "bitline/base/context.h"
#include "bitline/ir/tensor.h"
#include "bitline/sim/network.h"

namespace bitline::sim {

inline constexpr std::int64_t kMicroBatch = 16;

struct LabelledBatch {
  ir::Tensor images;        // normalized, [N, C, H, W]
  std::vector<int> labels;  // N
};
// The next batch, nothing at the end. Called from other threads, one call at a time.
using BatchSource = std::function<std::optional<LabelledBatch>()>;

// Logits of one micro-batch, of which the first is image `first` of all.
using Forward = std::function<ir::Tensor(const ir::Tensor& images, std::uint64_t first)>;

struct Evaluation {
  std::int64_t images = 0;
  std::int64_t correct = 0;       // the label has the largest logit; of equal ones the first counts
  std::int64_t correct_top5 = 0;  // the label is among the five largest
  double accuracy() const;        // percent; 0 without images
  double accuracy_top5() const;
};

// Accuracy of several networks on the same images. progress(images done) is called after each batch.
std::vector<Evaluation> evaluate(const std::vector<Forward>& networks, const BatchSource& source,
                                 const Context& context,
                                 const std::function<void(std::int64_t)>& progress = {});
Evaluation evaluate(const Network& network, const BatchSource& source, const Context& context);

// Statistics over chips, in percent of top-1.
struct ChipStatistics {
  std::vector<double> accuracies;  // by chip
  double mean = 0.0;
  double deviation = 0.0;  // sample standard deviation; 0 for one chip
  double yield95 = 0.0;    // the accuracy that at least 95 % of the chips reach
};
ChipStatistics chip_statistics(std::vector<double> accuracies);

ChipStatistics evaluate_chips(const Network& network, const Variation& variation, int chips,
                              const BatchSource& source, const Context& context);

}  // namespace bitline::sim
