// A quantized model compiled for simulation: CIM layers as integer programs on a kernel, the rest on the
// float interpreter. The result depends on nothing but the model and the input.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/ir/interpreter.h"
#include "bitline/quant/config.h"
#include "bitline/sim/kernel.h"
#include "bitline/sim/layout.h"
#include "bitline/sim/variation.h"

namespace bitline::sim {

// The integers that entered and left one layer, image after image.
struct LayerTrace {
  std::string name;
  std::vector<float> input_codes;  // [image][C][H][W]
  std::vector<float> adc_codes;    // see PreparedLayer::run
};
using Trace = std::vector<LayerTrace>;

// What a batch brings to a layer on arrays.
struct BatchCodes {
  std::span<const quant::Code> codes;  // [image][H][W][C], each activation code minus the lowest one
  std::int64_t images = 0;
  ImageSize size;
  std::uint64_t first = 0;  // index of the first image in its data set
};

// Another way to run layers on arrays than on kernels. y: [image][Hout][Wout][O]; adc_codes: image after
// image as PreparedLayer::run appends them, null when not wanted. False leaves the layer to its kernel.
using LayerRunner = std::function<bool(const LayerProgram& program, const BatchCodes& batch,
                                       std::span<float> y, std::vector<float>* adc_codes)>;

class Network {
 public:
  explicit Network(const quant::QuantizedModel& model, std::string_view kernel = "auto");

  // The same network on one chip with cell variation.
  Network on_chip(const Variation& variation, std::uint64_t seed, std::uint64_t chip) const;

  // Logits [N, classes] of normalized images [N, C, H, W], of which the first is image `first` of its data
  // set (what read noise depends on). One thread; thread-safe. Layers are run in graph order.
  ir::Tensor forward(const ir::Tensor& images, Trace* trace = nullptr, std::uint64_t first = 0,
                     const LayerRunner& runner = {}) const;

  // The same for logits that are to be judged: Error{kBadInput} naming the first node whose values are not
  // finite where the logits are not.
  ir::Tensor finite_logits(const ir::Tensor& images, std::uint64_t first) const;

  const std::vector<const LayerProgram*> programs() const;  // in graph order
  const CimKernel& kernel(const std::string& layer) const;

 private:
  struct Layer {
    LayerProgram program;
    const CimKernel* kernel = nullptr;
    std::unique_ptr<PreparedLayer> prepared;
  };
  struct Execution {
    const LayerRunner& runner;
    std::uint64_t first = 0;
  };
  Network(std::shared_ptr<const ir::Graph> graph, std::string kernel)
      : graph_(std::move(graph)), kernel_(std::move(kernel)) {}
  void add_layer(LayerProgram program);
  ir::Tensor run_on_array(const Layer& layer, const ir::Node& node, const ir::Tensor& given,
                          ir::Tensor* dying, const Execution& execution, LayerTrace* trace) const;

  std::shared_ptr<const ir::Graph> graph_;
  std::string kernel_;
  std::map<std::string, std::unique_ptr<Layer>> layers_;
  std::shared_ptr<const Layout> layout_;
};

// Compiles one named layer of a model.
LayerProgram compile_node(const ir::Graph& graph, const ir::Node& node, const quant::CimLayer& layer);

// Runs one prepared layer on a batch x: [N, C, H, W] or [N, K].
ir::Tensor run_layer(const LayerProgram& program, const PreparedLayer& prepared, const ir::Tensor& x,
                     LayerTrace* trace = nullptr);

}  // namespace bitline::sim
