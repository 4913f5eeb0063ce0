// ColumnQuant (DATE 2025) in small: on the digits, scales for each column are at least as good as one for
// each layer when partial sums have one or two bits.
#include <cstdio>

#include "training_case.h"

namespace bitline::train {
namespace {

constexpr double kMargin = 1.5;  // percentage points; one test image is 0.28

double trained_accuracy(const ir::Graph& start, const Digits& digits, const std::string& precision,
                        quant::Granularity granularity) {
  quant::CimConfig config = small_array(precision);
  config.cell_bits = 1;
  config.weight_granularity = config.psum_granularity = granularity;
  TrainOptions options = short_run();
  options.epochs = 4;
  options.batch = 32;
  options.shards = 2;
  options.learning_rate = 0.03;
  return run(calibrated(start, config, digits.images(128)), digits.sets(), options, 2).best_accuracy;
}

TEST(ColumnQuant, ColumnScalesAreAtLeastAsGoodAsLayerScales) {
  const Digits digits;
  TrainOptions options = short_run();
  options.epochs = 6;
  options.batch = 32;
  options.shards = 2;
  options.learning_rate = 0.1;
  const TrainResult trained = run(float_start(), digits.sets(), options, 2);
  EXPECT_GT(trained.best_accuracy, 95.0);
  for (const char* precision : {"W3A4P1", "W3A4P2"}) {
    const ir::Graph& start = trained.best.graph;
    const double column = trained_accuracy(start, digits, precision, quant::Granularity::kColumn);
    const double layer = trained_accuracy(start, digits, precision, quant::Granularity::kLayer);
    EXPECT_GE(column, layer - kMargin) << precision;
    EXPECT_GT(column, 85.0) << precision;
    RecordProperty(std::string(precision) + "-column", std::to_string(column));
    RecordProperty(std::string(precision) + "-layer", std::to_string(layer));
    std::printf("%s column %.2f %% layer %.2f %%\n", precision, column, layer);
  }
}

}  // namespace
}  // namespace bitline::train
