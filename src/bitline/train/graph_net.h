// A graph as LibTorch trains it: weights, batch-norm and quantizer scales are leaves, nodes run as operators.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/ir/graph.h"
#include "bitline/quant/config.h"
#include "bitline/train/backend.h"
#include "bitline/train/cim_operator.h"
#include "bitline/train/operator_choice.h"
#include "bitline/train/optimizer.h"
#include "bitline/train/psum_view.h"
#include "bitline/train/scale_motion.h"

namespace bitline::train {

// What a batch showed, by node name, to be applied once a step in shard order: mean and (unbiased) variance
// of a batch-norm, the mean partial sum of each converter group of a layer on arrays, and its activations.
struct BatchStatistics {
  std::map<std::string, std::pair<at::Tensor, at::Tensor>> by_node;
  std::map<std::string, at::Tensor> psum_mean;
  std::map<std::string, ActivationView> activations;  // of layers on arrays
  std::map<std::string, PsumView> psums;              // of those with converters
};

enum class BatchNormMode { kBatch, kFixed };

// Factors on the learning rate.
struct ScaleRates {
  double weight = 1.0;  // of weight scales
  double range = 1.0;   // of activation scales, ADC steps and ADC centres
};

class GraphNet {
 public:
  // Error{kBadInput} for a name that the backend does not have, Error{kUnsupported} for a quantizer or layer
  // that the operator does not take.
  GraphNet(const quant::QuantizedModel& model, const Backend& backend, const ScaleRates& rates = ScaleRates(),
           const Quantizers& quantizers = Quantizers());

  const std::vector<Parameter>& parameters() const { return parameters_; }

  // Logits in training form. `share`: what part of the batch the images are. Thread-safe: parameters are only
  // read.
  at::Tensor forward(const at::Tensor& images, BatchNormMode mode, BatchStatistics* statistics,
                     double share = 1.0) const;

  // Where in the training the next steps are, 0 to 1: annealed parameters follow.
  void set_progress(double progress);

  // Replaces the gradients of scales whose policy is not the gradient of the task alone. gradients[i] belongs
  // to parameter i.
  void shape_gradients(std::vector<at::Tensor>& gradients, const std::vector<BatchStatistics>& shards) const;

  // Brings scales that a step took beyond their reach (quant/scale.h) back to its end.
  void keep_in_reach();

  // Moves scales that follow ranges, after a step.
  void follow_ranges(const std::vector<BatchStatistics>& shards, double momentum);

  // running = (1 - momentum) * running + momentum * statistics. ADC centres move by as much as the running
  // mean of their partial sums.
  void update_running(const std::vector<BatchStatistics>& shards, double momentum);

  // Evaluation form on the float interpreter, layers on arrays by composed LibTorch operators.
  ir::Tensor trace(const ir::Tensor& images, sim::Trace& trace) const;

  quant::QuantizedModel export_model() const;

  // All state by name: parameters, batch-norm statistics and running means of partial sums.
  std::map<std::string, at::Tensor> state() const;
  // Takes over values by name; every name of state() must be there with as many values. Error{kBadInput}.
  void load_state(const std::map<std::string, at::Tensor>& values);
  std::string device() const { return device_; }

 private:
  struct Layer {
    CimSpec spec;
    CimTensors tensors;         // scales; weight and bias are in constants_
    at::Tensor psum_mean;       // running, [converter groups]; undefined with an ideal ADC
    at::Tensor psum_mean_seen;  // [1]: 0 before the first batch
  };

  void add_layer(const ir::Node& node, const quant::CimLayer& layer, const ScaleRates& rates,
                 const Quantizers& quantizers);
  void add_offset(const std::string& name, const quant::CimLayer& layer, Layer& out, const ScaleRates& rates);
  void add_parameter(const std::string& name, const at::Tensor& value, bool decays, double rate,
                     bool gathers = true, const at::Tensor& most_step = {});
  void add_scale(const std::string& name, const at::Tensor& s0, const at::Tensor& u, double rate,
                 const quant::QuantizerSpec& quantizer);
  struct Pass {
    BatchNormMode mode;
    BatchStatistics* statistics;
    double share;
  };
  at::Tensor run_node(const ir::Node& node, const std::vector<at::Tensor>& operands, const Pass& pass) const;
  at::Tensor run_layer(const Layer& layer, const ir::Node& node, const at::Tensor& x, const Pass& pass) const;
  at::Tensor batch_norm(const ir::Node& node, const std::vector<at::Tensor>& operands, BatchNormMode mode,
                        BatchStatistics* statistics) const;
  CimTensors tensors_of(const ir::Node& node) const;
  void update_batch_norm(const ir::Node& node, const std::vector<BatchStatistics>& shards, double momentum);
  static void follow_psums(Layer& layer, const std::string& name, const std::vector<BatchStatistics>& shards,
                           double momentum);

  quant::QuantizedModel start_;
  std::string device_;
  CimOperator operator_ = nullptr;
  at::ScalarType compute_;
  ir::ValueId logits_;  // of forward: a Softmax at the end is left out
  std::map<ir::ValueId, at::Tensor> constants_;
  std::map<std::string, Layer> layers_;
  std::vector<Parameter> parameters_;
};

}  // namespace bitline::train
