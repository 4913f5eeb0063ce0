#include "bitline/sim/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "sim/small_net.h"
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/sim/calibrate.h"

namespace bitline::sim {
namespace {

Context with_threads(int threads) {
  Context context;
  context.threads = threads;
  return context;
}

// The hash of all logits, in the order of the images, whatever pieces they come in.
std::uint64_t logits_hash(const Network& network, int threads) {
  std::map<std::uint64_t, std::uint64_t> pieces;  // by first image
  std::mutex mutex;
  const Forward forward = [&](const ir::Tensor& images, std::uint64_t first) {
    ir::Tensor y = network.forward(images, nullptr, first);
    const std::lock_guard lock(mutex);
    pieces[first] = hash_bytes(std::as_bytes(std::span(y.data)));
    return y;
  };
  const Evaluation result =
      evaluate({forward}, random_batches({40, 17, 1, 64}, 5), with_threads(threads)).front();
  EXPECT_EQ(result.images, 122);
  std::uint64_t hash = static_cast<std::uint64_t>(result.correct);
  for (const auto& [first, piece] : pieces) hash = hash_combine(hash, hash_combine(first, piece));
  return hash;
}

// As many threads as are asked for, also on two cores.
constexpr int kMostThreads = 8;

// Kernels that run the whole network for one to eight threads; how many there were.
int expect_same_on_every_kernel(const quant::QuantizedModel& model) {
  const Network reference(model, "reference");
  const std::vector<const LayerProgram*> programs = reference.programs();
  const std::uint64_t expected = logits_hash(reference, 1);
  int kernels = 0;
  for (const CimKernel* kernel : cim_kernels()) {
    const auto declines = [&](const LayerProgram* p) { return !kernel->decline(*p).empty(); };
    if (std::any_of(programs.begin(), programs.end(), declines)) continue;
    for (int threads = 1; threads <= kMostThreads; ++threads)
      EXPECT_EQ(logits_hash(Network(model, kernel->name()), threads), expected)
          << kernel->name() << ", " << threads << " threads";
    ++kernels;
  }
  return kernels;
}

TEST(Evaluate, EveryKernelGivesTheSameBitsForOneToEightThreads) {
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, kMostThreads);
  CalibrateOptions options;
  EXPECT_GE(expect_same_on_every_kernel(calibrate(small_net(2), random_images(16, 1), options, {})), 3);
  options.config.dac_bits = 1;
  EXPECT_GE(expect_same_on_every_kernel(calibrate(small_net(2), random_images(16, 1), options, {})), 3);
}

TEST(Evaluate, NoisyChipsGiveTheSameBitsForOneToEightThreads) {
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, kMostThreads);
  const Network network(calibrate(small_net(2), random_images(16, 1), {}, {}));
  for (const char* text : {"lognormal:0.2", "read:0.3", "gaussian:0.1+saf0:0.05+saf1:0.01+read:0.1"}) {
    const Network chip = network.on_chip(parse_variation(text), 11, 0);
    const std::uint64_t one = logits_hash(chip, 1);
    EXPECT_NE(one, logits_hash(network, 1)) << text;
    for (int threads = 2; threads <= kMostThreads; ++threads)
      EXPECT_EQ(logits_hash(chip, threads), one) << text << ", " << threads << " threads";
  }
}

TEST(Evaluate, CountsWhatTheLabelsSay) {
  const Forward first_pixel = [](const ir::Tensor& images,
                                 std::uint64_t) {  // class 1 when the first pixel is positive
    ir::Tensor logits({images.dim(0), 2});
    const std::size_t each = images.size() / static_cast<std::size_t>(images.dim(0));
    for (std::size_t n = 0; n < static_cast<std::size_t>(images.dim(0)); ++n) {
      logits.data[2 * n + 1] = images.data[n * each];
    }
    return logits;
  };
  std::int64_t expected = 0;
  BatchSource count = random_batches({50, 33}, 8);
  while (const auto batch = count()) {
    for (std::size_t n = 0; n < batch->labels.size(); ++n) {
      expected += batch->labels[n] == (batch->images.data[n * 216] > 0.0f ? 1 : 0) ? 1 : 0;
    }
  }
  std::vector<std::int64_t> progress;
  const auto results = evaluate({first_pixel, first_pixel}, random_batches({50, 33}, 8), with_threads(2),
                                [&](std::int64_t images) { progress.push_back(images); });
  ASSERT_EQ(results.size(), 2U);
  for (const Evaluation& result : results) {
    EXPECT_EQ(result.correct, expected);
    EXPECT_DOUBLE_EQ(result.accuracy(), 100.0 * static_cast<double>(expected) / 83.0);
  }
  EXPECT_EQ(progress, (std::vector<std::int64_t>{50, 83}));
  EXPECT_EQ(Evaluation{}.accuracy(), 0.0);
}

TEST(Evaluate, CountsTheFiveBestAndTheFirstOfEqualOnes) {
  const std::vector<std::vector<float>> rows = {{9, 8, 7, 6, 5, 4},   // label 4: fifth
                                                {9, 8, 7, 6, 5, 4},   // label 5: sixth
                                                {1, 1, 1, 1, 1, 1},   // label 0: the first of equal ones
                                                {1, 1, 1, 1, 1, 1},   // label 5: the last of them
                                                {2, 0, 0, 0, 0, 3}};  // label 5: first
  const std::vector<int> labels = {4, 5, 0, 5, 5};
  const Forward forward = [&rows](const ir::Tensor& images, std::uint64_t first) {
    ir::Tensor logits({images.dim(0), 6});
    for (std::size_t i = 0; i < logits.size(); ++i) logits.data[i] = rows[first + i / 6][i % 6];
    return logits;
  };
  bool given = false;
  const BatchSource source = [&]() -> std::optional<LabelledBatch> {
    if (std::exchange(given, true)) return std::nullopt;
    return LabelledBatch{ir::Tensor({5, 1, 1, 1}), labels};
  };
  const Evaluation result = evaluate({forward}, source, with_threads(2)).front();
  EXPECT_EQ(result.correct, 2);
  EXPECT_EQ(result.correct_top5, 3);
  EXPECT_DOUBLE_EQ(result.accuracy_top5(), 60.0);
  EXPECT_EQ(Evaluation{}.accuracy_top5(), 0.0);
}

TEST(Evaluate, ANetworkThatGivesNaNIsNotRight) {
  const Forward broken = [](const ir::Tensor& images, std::uint64_t) {
    return ir::Tensor({images.dim(0), 20},
                      std::vector<float>(static_cast<std::size_t>(images.dim(0)) * 20, NAN));
  };
  bool given = false;
  const BatchSource source = [&]() -> std::optional<LabelledBatch> {
    if (std::exchange(given, true)) return std::nullopt;
    return LabelledBatch{ir::Tensor({3, 1, 1, 1}), {5, 12, 19}};
  };
  EXPECT_EQ(evaluate({broken}, source, with_threads(1)).front().correct_top5, 0);
}

TEST(Evaluate, StopsWhenCancelled) {
  CancelToken cancel;
  cancel.request();
  Context context;
  context.cancel = &cancel;
  const Forward never = [](const ir::Tensor& images, std::uint64_t) {
    return ir::Tensor({images.dim(0), 5});
  };
  EXPECT_THROW(evaluate({never}, random_batches({4}, 1), context), Error);
}

TEST(ChipStatistics, OfHandMadeLists) {
  const ChipStatistics one = chip_statistics({88.0});
  EXPECT_EQ(one.mean, 88.0);
  EXPECT_EQ(one.deviation, 0.0);
  EXPECT_EQ(one.yield95, 88.0);
  const ChipStatistics three = chip_statistics({92.0, 90.0, 94.0});
  EXPECT_DOUBLE_EQ(three.mean, 92.0);
  EXPECT_DOUBLE_EQ(three.deviation, 2.0);
  EXPECT_EQ(three.yield95, 90.0);
  EXPECT_EQ(three.accuracies, (std::vector<double>{92.0, 90.0, 94.0}));
}

TEST(ChipStatistics, OneChipInTwentyMayFallBelowTheYield) {
  for (const auto& [chips, rank] : {std::pair{1, 0}, {10, 0}, {19, 0}, {20, 1}, {39, 1}, {40, 2}, {100, 5}}) {
    std::vector<double> accuracies;
    for (int i = 0; i < chips; ++i) accuracies.push_back(50.0 + static_cast<double>((i * 7) % chips));
    std::vector<double> sorted = accuracies;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(chip_statistics(accuracies).yield95, sorted[static_cast<std::size_t>(rank)])
        << chips << " chips";
  }
}

TEST(EvaluateChips, EachChipIsThatChipEvaluatedAlone) {
  const Network network(calibrate(small_net(3), random_images(16, 1), {}, {}));
  const Variation variation{"lognormal", 0.3};
  Context context = with_threads(2);
  context.seed = 11;
  const ChipStatistics chips = evaluate_chips(network, variation, 4, random_batches({60}, 2), context);
  ASSERT_EQ(chips.accuracies.size(), 4U);
  for (std::uint64_t chip = 0; chip < 4; ++chip) {
    const Evaluation alone =
        evaluate(network.on_chip(variation, 11, chip), random_batches({60}, 2), with_threads(1));
    EXPECT_EQ(chips.accuracies[chip], alone.accuracy());
  }
}

TEST(EvaluateChips, ReadNoiseDependsOnTheImageAndOnNoBatchOrThread) {
  const Network network(calibrate(small_net(3), random_images(16, 1), {}, {}));
  Variation noisy;
  noisy.read = 0.3;
  const Network chip = network.on_chip(noisy, 11, 0);
  const ir::Tensor images = random_images(40, 2);
  const ir::Tensor whole = chip.forward(images, nullptr, 5);
  EXPECT_EQ(chip.forward(images, nullptr, 5).data, whole.data);
  EXPECT_NE(chip.forward(images, nullptr, 6).data, whole.data);
  EXPECT_NE(network.forward(images).data, whole.data);
  Context four = with_threads(4);
  const Evaluation expected = evaluate(chip, random_batches({60}, 2), with_threads(1));
  EXPECT_EQ(evaluate(chip, random_batches({60}, 2), four).correct, expected.correct);
}

// Logits that are not finite are no answer: the first node whose values are not is named, in float, as
// integers and on a chip.
TEST(Evaluate, NamesTheFirstNodeThatIsNotFinite) {
  const auto with_overflow = [](ir::Graph graph) {
    ir::Tensor& weight = graph.constant(graph.find_node("fc")->inputs[1]);
    for (float& w : weight.data) w *= 1e38f;  // sums overflow to infinities of both signs
    graph.set_output(graph.add_node("behind", ir::Softmax{1}, {graph.output()}));
    return graph;
  };
  CalibrateOptions options;
  quant::QuantizedModel model = calibrate(small_net(1), random_images(6, 1), options, {});
  model.graph = with_overflow(model.graph);
  const quant::QuantizedModel in_float{with_overflow(small_net(1)), {}, {}};
  const auto message = [](const std::function<void()>& run) -> std::string {
    try {
      run();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kBadInput);
      return e.what();
    }
    return "";
  };
  const std::string expected =
      "node 'fc': its values are not finite, so the network has no answer (check the weights and the input "
      "scaling)";
  for (const quant::QuantizedModel* m : {&in_float, static_cast<const quant::QuantizedModel*>(&model)}) {
    const Network network(*m);
    EXPECT_EQ(message([&] { evaluate(network, random_batches({20}, 3), Context{}); }), expected);
  }
  EXPECT_EQ(message([&] {
              evaluate_chips(Network(model), {"lognormal", 0.1}, 2, random_batches({20}, 3), Context{});
            }),
            expected);
}

}  // namespace
}  // namespace bitline::sim
