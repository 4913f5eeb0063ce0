#include "zoo_onnx.h"

#include <map>
#include <stdexcept>

namespace bitline::frontend {

namespace {

constexpr float kSmallestVariance = 0.5f;

class Writer {
 public:
  explicit Writer(const ir::Graph& graph) : graph_(graph), net_(graph.input_shape()) {
    for (const auto& [id, value] : graph.constants())
      net_.weight(graph.value_name(id), value.shape, value.data);
    for (const ir::Node& node : graph.nodes()) {
      if (std::holds_alternative<ir::Slice>(node.op)) slices_[node.inputs[0]].push_back(&node);
    }
  }

  OnnxBuilder write() {
    for (const ir::Node& node : graph_.nodes()) {
      std::visit([&](const auto& op) { add(node, op); }, node.op);
    }
    return std::move(net_);
  }

 private:
  std::string name(ir::ValueId id) const {
    if (id == graph_.input()) return "x";
    return id == graph_.output() ? "y" : graph_.value_name(id);
  }

  onnx::NodeProto& plain(const ir::Node& node, const char* op) {
    std::vector<std::string> inputs;
    for (const ir::ValueId id : node.inputs) inputs.push_back(name(id));
    onnx::NodeProto& out = net_.node(op, inputs, name(node.output));
    out.set_name(node.name);
    return out;
  }

  static void set_window(onnx::NodeProto& out, const ir::Window& w) {
    set_integers(out, "kernel_shape", {w.kernel.begin(), w.kernel.end()});
    set_integers(out, "strides", {w.stride.begin(), w.stride.end()});
    set_integers(out, "pads", {w.pad_begin[0], w.pad_begin[1], w.pad_end[0], w.pad_end[1]});
  }

  void add(const ir::Node& node, const ir::Conv& op) {
    onnx::NodeProto& out = plain(node, "Conv");
    set_window(out, op.window);
    set_integer(out, "group", op.groups);
  }
  void add(const ir::Node& node, const ir::MaxPool& op) { set_window(plain(node, "MaxPool"), op.window); }
  void add(const ir::Node& node, const ir::BatchNorm& op) {
    set_real(plain(node, "BatchNormalization"), "epsilon", op.epsilon);
  }
  void add(const ir::Node& node, const ir::Relu&) { plain(node, "Relu"); }
  void add(const ir::Node& node, const ir::Add&) { plain(node, "Add"); }
  void add(const ir::Node& node, const ir::GlobalAveragePool&) { plain(node, "GlobalAveragePool"); }
  void add(const ir::Node& node, const ir::Flatten& op) {
    set_integer(plain(node, "Flatten"), "axis", op.axis);
  }
  void add(const ir::Node& node, const ir::Linear&) { set_integer(plain(node, "Gemm"), "transB", 1); }
  void add(const ir::Node& node, const ir::Concat& op) {
    set_integer(plain(node, "Concat"), "axis", op.axis);
  }
  void add(const ir::Node& node, const ir::Transpose& op) {
    set_integers(plain(node, "Transpose"), "perm", {op.order.begin(), op.order.end()});
  }
  void add(const ir::Node& node, const ir::Clip& op) {
    const std::string low = node.name + ".low", high = node.name + ".high";
    constant(low, op.low);
    constant(high, op.high);
    net_.node("Clip", {name(node.inputs[0]), low, high}, name(node.output));
  }
  void add(const ir::Node& node, const ir::Reshape& op) {
    const std::string at = node.name, x = name(node.inputs[0]);
    net_.numbers(at + ".zero", {0});
    net_.numbers(at + ".rest", {op.dims.begin() + 1, op.dims.end()});
    net_.node("Shape", {x}, at + ".shape");
    net_.node("Gather", {at + ".shape", at + ".zero"}, at + ".batch");
    set_integer(net_.node("Concat", {at + ".batch", at + ".rest"}, at + ".dims"), "axis", 0);
    net_.node("Reshape", {x, at + ".dims"}, name(node.output));
  }
  // All slices of a value are written at the first of them.
  void add(const ir::Node& node, const ir::Slice& op) {
    const std::vector<const ir::Node*>& parts = slices_.at(node.inputs[0]);
    if (&node != parts.front()) return;
    std::vector<std::int64_t> extents;
    for (const ir::Node* part : parts) {
      const auto& slice = std::get<ir::Slice>(part->op);
      extents.push_back(slice.ends[0] - slice.starts[0]);
    }
    net_.numbers(node.name + ".extents", extents);
    onnx::NodeProto& out =
        net_.node("Split", {name(node.inputs[0]), node.name + ".extents"}, name(node.output));
    for (std::size_t i = 1; i < parts.size(); ++i) out.add_output(name(parts[i]->output));
    set_integer(out, "axis", op.axes[0]);
  }
  template <class Op>
  void add(const ir::Node& node, const Op&) {
    throw std::logic_error("no form of " + node.name);
  }

  void constant(const std::string& output, float value) {
    onnx::TensorProto& tensor = set_tensor(net_.node("Constant", {}, output), "value");
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_float_data(value);
  }

  const ir::Graph& graph_;
  OnnxBuilder net_;
  std::map<ir::ValueId, std::vector<const ir::Node*>> slices_;  // by the value they cut
};

}  // namespace

OnnxBuilder write_as_pytorch(const ir::Graph& graph) {
  return Writer(graph).write();
}

void randomize_batch_norms(ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) {
    if (!std::holds_alternative<ir::BatchNorm>(node.op)) continue;
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      ir::Tensor& value = graph.constant(node.inputs[i]);
      const bool positive = i == 1 || i == 4;  // gamma and variance
      value = lcg_tensor(value.shape, 1.0f, positive ? kSmallestVariance : -kSmallestVariance);
    }
  }
}

}  // namespace bitline::frontend
