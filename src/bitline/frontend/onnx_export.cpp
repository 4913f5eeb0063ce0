#include "bitline/frontend/onnx_export.h"

#include <algorithm>
#include <limits>
#include <set>
#include <span>
#include <string>

#include "bitline/base/error.h"
#include "bitline/frontend/impl/onnx_writer.h"
#include "bitline/frontend/impl/plan_json.h"
#include "bitline/ir/shapes.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::frontend {

namespace {

constexpr std::int64_t kIrVersion = 7;  // the format of the release that brought opset 13
constexpr const char* kQonnxDomain = "qonnx.custom_op.general";
constexpr int kByteBits = 8;

// One layer on arrays while its quantizers are written.
struct LayerOut {
  OnnxWriter& out;
  const ir::Node& node;
  const quant::CimLayer& layer;
  const ir::Tensor& weight;

  std::string name(const char* role) const { return node.name + "." + role; }
  bool one_scale() const { return layer.weight_scale.size() == 1; }
};

// What a dialect writes for a layer; each function returns the name of the quantized value.
struct Dialect {
  const char* domain;  // of its own operators, or null
  void (*check)(const LayerOut& at);
  std::string (*input)(const LayerOut& at, const std::string& x);
  void (*weight)(const LayerOut& at, const std::string& output);
};

// --- qonnx

std::string one_float(const LayerOut& at, const char* role, float value) {
  return at.out.floats(at.name(role), {}, std::span(&value, 1));
}

// The codes of a Quant: `what` is "input" or "weight". A signed Quant of one bit means -1 and 1, so the codes
// -1 and 0 are unsigned ones less a zero point of 1.
struct QuantCodes {
  const char* what;
  int bits;
  bool is_signed;
  bool narrow;
};

void quant_node(const LayerOut& at, const QuantCodes& codes, const std::string& x, const std::string& scale,
                const std::string& output) {
  const std::string what = codes.what;
  const bool moved = codes.is_signed && codes.bits == 1;
  const std::string zero = one_float(at, (what + "_zero").c_str(), moved ? 1.0f : 0.0f);
  const std::string bits = one_float(at, (what + "_bits").c_str(), static_cast<float>(codes.bits));
  onnx::NodeProto& node =
      at.out.node("Quant", at.name((what + "_quant").c_str()), {x, scale, zero, bits}, output);
  node.set_domain(kQonnxDomain);
  add_attribute(node, "signed", std::int64_t{codes.is_signed && !moved});
  add_attribute(node, "narrow", std::int64_t{codes.narrow});
  add_attribute(node, "rounding_mode", std::string("ROUND"));
}

std::string qonnx_input(const LayerOut& at, const std::string& x) {
  const std::string output = at.out.unique(at.name("input"));
  const std::string scale = one_float(at, "input_scale", at.layer.activation_scale);
  quant_node(at, {"input", at.layer.config.activation_bits, at.layer.activation_signed, false}, x, scale,
             output);
  return output;
}

std::string qonnx_weight_scale(const LayerOut& at) {
  const std::vector<float> scales = quant::weight_scales(at.weight.shape, at.layer);
  ir::Shape shape(at.weight.shape.size(), 1);
  const quant::ScaleBlock block = quant::scale_block(at.weight.shape, at.layer.config);
  const bool by_channel = block.channels < at.weight.dim(1);
  if (!at.one_scale()) shape[0] = at.weight.dim(0);
  if (by_channel) shape[1] = at.weight.dim(1);
  const std::size_t step = scales.size() / static_cast<std::size_t>(ir::element_count(shape));
  std::vector<float> kept;
  for (std::size_t i = 0; i < scales.size(); i += step) kept.push_back(scales[i]);
  return at.out.floats(at.name("weight_scale"), shape, kept);
}

void qonnx_weight(const LayerOut& at, const std::string& output) {
  const ir::Tensor values = quant::on_grid(at.weight, at.layer);
  const int bits = at.layer.config.weight_bits;
  const bool narrow = quant::weight_range(at.layer.config) != quant::signed_range(bits);
  quant_node(at, {"weight", bits, true, narrow}, at.out.floats(output + ".values", values.shape, values.data),
             qonnx_weight_scale(at), output);
}

void check_qonnx(const LayerOut&) {}

// --- qdq

constexpr quant::CodeRange kInt8{-128, 127}, kUint8{0, 255};

// Clip to the codes that fewer bits leave.
std::string clipped(const LayerOut& at, const char* role, const std::string& codes, quant::CodeRange range,
                    bool is_signed) {
  if (range == (is_signed ? kInt8 : kUint8)) return codes;
  const std::string name = at.name(role);
  const std::string output = at.out.unique(name);
  const auto bound = [&](const char* end, int value) {
    return at.out.bytes(name + end, {}, std::span(&value, 1), is_signed);
  };
  at.out.node("Clip", name, {codes, bound(".min", range.low), bound(".max", range.high)}, output);
  return output;
}

std::string qdq_input(const LayerOut& at, const std::string& x) {
  const bool is_signed = at.layer.activation_signed;
  const int zero = 0;
  const std::string scale = one_float(at, "input_scale", at.layer.activation_scale);
  const std::string zero_point = at.out.bytes(at.name("input_zero"), {}, std::span(&zero, 1), is_signed);
  const std::string codes = at.out.unique(at.name("input_codes"));
  at.out.node("QuantizeLinear", at.name("input_quantize"), {x, scale, zero_point}, codes);
  const std::string kept = clipped(at, "input_clip", codes, quant::activation_range(at.layer), is_signed);
  const std::string output = at.out.unique(at.name("input"));
  at.out.node("DequantizeLinear", at.name("input_dequantize"), {kept, scale, zero_point}, output);
  return output;
}

void qdq_weight(const LayerOut& at, const std::string& output) {
  const ir::Shape shape = at.one_scale() ? ir::Shape{} : ir::Shape{at.weight.dim(0)};
  const std::vector<int> zeros(at.layer.weight_scale.size(), 0);
  const std::string codes =
      at.out.bytes(output + ".codes", at.weight.shape, quant::weight_codes(at.weight, at.layer), true);
  const std::string kept = clipped(at, "weight_clip", codes, quant::weight_range(at.layer.config), true);
  onnx::NodeProto& node =
      at.out.node("DequantizeLinear", at.name("weight_dequantize"),
                  {kept, at.out.floats(at.name("weight_scale"), shape, at.layer.weight_scale),
                   at.out.bytes(at.name("weight_zero"), shape, zeros, true)},
                  output);
  if (!at.one_scale()) add_attribute(node, "axis", std::int64_t{0});
}

void check_qdq(const LayerOut& at) {
  const quant::CimConfig& config = at.layer.config;
  const Where where{{}, 0, 0, at.node.name};
  const int bits = std::max(config.weight_bits, config.activation_bits);
  if (bits > kByteBits)
    unsupported("its " + std::to_string(bits) + " bits do not fit the 8-bit integers of qdq", where,
                "--to qonnx takes any number of bits");
  const quant::ScaleBlock block = quant::scale_block(at.weight.shape, config);
  const bool by_output = block.outputs == 1 || at.one_scale();
  if (block.channels >= at.weight.dim(1) && by_output) return;
  unsupported("its weight scales go by " + quant::granularity_name(config.weight_granularity) +
                  ", but qdq has one for a layer or an output channel",
              where, "--to qonnx takes any granularity");
}

// --- the graph

class Exporter {
 public:
  Exporter(const quant::QuantizedModel& model, const Dialect& dialect)
      : model_(model),
        dialect_(dialect),
        shapes_(ir::infer_shapes(model.graph)),
        out_(*proto_.mutable_graph()) {}

  std::vector<std::byte> run() {
    name_values();
    write_ends();
    write_constants();
    for (const ir::Node& node : model_.graph.nodes()) write_node(node);
    describe();
    std::string text;
    if (proto_.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
        !proto_.SerializeToString(&text)) {
      unsupported("the model does not fit an ONNX file of 2 GiB");
    }
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }

 private:
  const std::string& name(ir::ValueId id) const { return names_[static_cast<std::size_t>(id)]; }

  void name_values() {
    for (ir::ValueId id = 0; id < model_.graph.value_count(); ++id)
      names_.push_back(out_.unique(model_.graph.value_name(id)));
  }

  void set_type(onnx::ValueInfoProto& info, ir::ValueId id) const {
    info.set_name(name(id));
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t extent : shapes_[static_cast<std::size_t>(id)]) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (extent == ir::kBatch) {
        dim.set_dim_param("N");
      } else {
        dim.set_dim_value(extent);
      }
    }
  }

  void write_ends() {
    out_.graph().set_name("bitline");
    set_type(*out_.graph().add_input(), model_.graph.input());
    set_type(*out_.graph().add_output(), model_.graph.output());
  }

  // All but those that only layers on arrays read as weights: these are written with their quantizers.
  void write_constants() {
    std::vector<int> readers = model_.graph.use_counts();
    for (const ir::Node& node : model_.graph.nodes()) {
      if (model_.layers.count(node.name) != 0) --readers[static_cast<std::size_t>(node.inputs[1])];
    }
    for (const auto& [id, tensor] : model_.graph.constants()) {
      if (readers[static_cast<std::size_t>(id)] == 0) continue;
      out_.constant(name(id), tensor);
      named_.insert(id);
    }
  }

  void write_node(const ir::Node& node) {
    std::vector<std::string> inputs;
    for (const ir::ValueId id : node.inputs) inputs.push_back(name(id));
    if (const auto it = model_.layers.find(node.name); it != model_.layers.end())
      write_quantizers(node, it->second, inputs);
    out_.write(node, inputs, shapes_[static_cast<std::size_t>(node.inputs[0])].size(), name(node.output));
  }

  void write_quantizers(const ir::Node& node, const quant::CimLayer& layer,
                        std::vector<std::string>& inputs) {
    const LayerOut at{out_, node, layer, model_.graph.constant(node.inputs[1])};
    try {
      if (layer.config.slice_scales)
        unsupported("its bit slices have scales of their own, for which ONNX has no form");
      if (layer.activation_offset != 0.0f)
        unsupported("its activations have an offset that is no whole zero point", {},
                    "export it packed, or train with lsq instead of lsq-offset");
      quant::weight_scales(at.weight.shape, layer);
      dialect_.check(at);
    } catch (const Error& e) {
      throw Error(e.code(), e.message(), {{}, 0, 0, node.name}, e.hint());
    }
    inputs[0] = dialect_.input(at, inputs[0]);
    if (!named_.insert(node.inputs[1]).second) inputs[1] = out_.unique(inputs[1]);
    dialect_.weight(at, inputs[1]);
  }

  void describe() {
    proto_.set_ir_version(kIrVersion);
    proto_.set_producer_name("bitline");
    proto_.add_opset_import()->set_version(kWrittenOpset);
    if (dialect_.domain != nullptr && !model_.layers.empty()) {
      auto& import = *proto_.add_opset_import();
      import.set_domain(dialect_.domain);
      import.set_version(1);
    }
    if (quant::has_converters(model_)) {
      proto_.set_doc_string(
          "The nodes compute the network behind ideal ADCs. The quantization of partial sums by the ADCs is "
          "in the "
          "metadata 'bitline.quantization', which bitline reads.");
    }
    if (model_.layers.empty() && model_.notes.empty()) return;
    auto& property = *proto_.add_metadata_props();
    property.set_key(kPlanKey);
    property.set_value(plan_to_json(model_, PlanScales::kInside).dump(-1));
  }

  const quant::QuantizedModel& model_;
  const Dialect& dialect_;
  std::vector<ir::Shape> shapes_;
  onnx::ModelProto proto_;
  OnnxWriter out_;
  std::vector<std::string> names_;  // by ValueId
  std::set<ir::ValueId> named_;     // constants whose own name is written already
};

constexpr Dialect kQonnx{kQonnxDomain, check_qonnx, qonnx_input, qonnx_weight};
constexpr Dialect kQdq{nullptr, check_qdq, qdq_input, qdq_weight};

}  // namespace

std::vector<std::byte> export_qonnx(const quant::QuantizedModel& model) {
  return Exporter(model, kQonnx).run();
}

std::vector<std::byte> export_qdq(const quant::QuantizedModel& model) {
  return Exporter(model, kQdq).run();
}

}  // namespace bitline::frontend
