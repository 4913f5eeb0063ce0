// Short training runs on the embedded digits, through the room's torch-free door.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "bitline/frontend/zoo.h"
#include "bitline/sim/calibrate.h"
#include "bitline/train/trainer.h"

namespace bitline::train {

// Another set's images and labels, each image after `touch`.
class TouchedImages final : public data::Dataset {
 public:
  using Touch = std::function<void(std::span<float>)>;
  TouchedImages(const data::Dataset& set, Touch touch) : set_(set), touch_(std::move(touch)) {}
  std::string name() const override { return set_.name(); }
  std::int64_t size() const override { return set_.size(); }
  data::ImageShape shape() const override { return set_.shape(); }
  const std::vector<std::string>& class_names() const override { return set_.class_names(); }
  int label(std::int64_t index) const override { return set_.label(index); }
  void read(std::int64_t index, std::span<float> pixels) const override {
    set_.read(index, pixels);
    touch_(pixels);
  }

 private:
  const data::Dataset& set_;
  Touch touch_;
};

class Digits {
 public:
  explicit Digits(std::int64_t train_images = 0, std::int64_t test_images = 0)
      : train_(open(data::Split::kTrain, train_images)), test_(open(data::Split::kTest, test_images)) {}

  TrainData sets() const { return {train_.get(), test_.get(), {}, {}}; }

  ir::Tensor images(std::int64_t count) const {
    std::vector<std::int64_t> first;
    for (std::int64_t i = 0; i < count; ++i) first.push_back(i);
    data::Batch batch = data::read_batch(*train_, first, {});
    return {{count, batch.shape.channels, batch.shape.height, batch.shape.width}, std::move(batch.pixels)};
  }

 private:
  static std::unique_ptr<data::Dataset> open(data::Split split, std::int64_t limit) {
    data::DatasetOptions options;
    options.limit = limit;
    return data::open_dataset(options, split);
  }
  std::unique_ptr<data::Dataset> train_, test_;
};

inline quant::QuantizedModel float_start(std::uint64_t seed = 3) {
  return {frontend::zoo("digits-cnn", 10, seed), {}, {}};
}

inline quant::CimConfig small_array(const std::string& precision) {
  quant::CimConfig config;
  quant::parse_precision(precision, config);
  config.array_rows = config.array_columns = 64;
  return config;
}

inline quant::QuantizedModel calibrated(const ir::Graph& graph, const quant::CimConfig& config,
                                        const ir::Tensor& images) {
  sim::CalibrateOptions options;
  options.config = config;
  return sim::calibrate(graph, images, options, Context{});
}

// Two epochs; on 64 images that is 8 steps, the last two with fixed batch-norm statistics.
inline TrainOptions short_run() {
  TrainOptions o;
  o.epochs = 2;
  o.batch = 16;
  o.shards = 4;
  o.learning_rate = 0.05;
  o.warmup_epochs = 0.5;
  o.freeze_batch_norm = 0.25;
  return o;
}

inline TrainResult run(const quant::QuantizedModel& start, const TrainData& data, const TrainOptions& options,
                       int threads = 1, io::FileSystem& fs = io::posix(),
                       const ir::Graph* teacher = nullptr) {
  Observer silent;
  Context context;
  context.threads = threads;
  return bitline_trainer()->train(start, teacher, data, options, silent, context, fs);
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// Empty when both hold the same bits, else the first thing that differs.
inline std::string difference(const quant::QuantizedModel& a, const quant::QuantizedModel& b) {
  for (const auto& [id, tensor] : a.graph.constants()) {
    if (!same_bits(tensor.data, b.graph.constant(id).data)) return a.graph.value_name(id);
  }
  for (const auto& [name, layer] : a.layers) {
    const quant::CimLayer& other = b.layers.at(name);
    if (!same_bits({layer.activation_scale}, {other.activation_scale})) return name + " activation scale";
    if (!same_bits({layer.activation_offset}, {other.activation_offset})) return name + " activation offset";
    if (!same_bits(layer.weight_scale, other.weight_scale)) return name + " weight scale";
    if (!same_bits(layer.psum_step, other.psum_step)) return name + " step";
    if (!same_bits(layer.psum_centre, other.psum_centre)) return name + " centre";
  }
  return {};
}

}  // namespace bitline::train
