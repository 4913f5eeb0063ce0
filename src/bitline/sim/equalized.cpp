#include "bitline/sim/equalized.h"

#include <algorithm>
#include <vector>

#include "bitline/ir/equalize.h"
#include "bitline/sim/evaluate.h"
#include "bitline/sim/network.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

double squared_difference(const ir::Tensor& a, const ir::Tensor& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a.data[i]) - static_cast<double>(b.data[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(a.size());
}

// Mean squared difference of the outputs, the same for any number of threads.
double output_error(const Network& expected, const Network& network, const ir::Tensor& images,
                    const Context& context) {
  const std::int64_t pieces = (images.dim(0) + kMicroBatch - 1) / kMicroBatch;
  std::vector<double> errors(static_cast<std::size_t>(pieces), 0.0);
  for_each_piece(pieces, context.threads, [&](std::int64_t piece) {
    context.check_cancelled();
    const std::int64_t first = piece * kMicroBatch;
    const std::int64_t count = std::min(kMicroBatch, images.dim(0) - first);
    const ir::Tensor some = ir::take_images(images, first, count);
    errors[static_cast<std::size_t>(piece)] =
        squared_difference(expected.forward(some), network.forward(some)) * static_cast<double>(count);
  });
  double error = 0.0;
  for (const double e : errors) error += e;
  return error / static_cast<double>(images.dim(0));
}

}  // namespace

EqualizedCalibration calibrate_equalized(const ir::Graph& graph, const ir::Tensor& images,
                                         const CalibrateOptions& options, const Context& context) {
  ir::Graph equalized = ir::equalize_layers(graph);
  quant::QuantizedModel plain = calibrate(graph, images, options, context);
  quant::QuantizedModel equal = calibrate(equalized, images, options, context);
  const Network expected(quant::QuantizedModel{graph, {}, {}});
  const double without = output_error(expected, Network(plain), images, context);
  const double with = output_error(expected, Network(equal), images, context);
  if (with <= without) return {std::move(equalized), std::move(equal), without, with, true};
  return {graph, std::move(plain), without, with, false};
}

}  // namespace bitline::sim
