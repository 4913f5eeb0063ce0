// The graph under construction while an ONNX file is walked: what each ONNX value name stands for so far, and
// the view of one ONNX node that the operator converters work through.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bitline/frontend/impl/onnx_attributes.h"
#include "bitline/frontend/impl/onnx_literal.h"
#include "bitline/frontend/impl/onnx_refusals.h"
#include "bitline/ir/graph.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

struct Unknown {};  // written by a node that cannot be imported

// What a quantizer makes of an activation: code = round(clip(x / scale + zero_point, low, high)), or the
// value (code - zero_point) * scale. The graph has no such node: a layer with quantized weights takes the
// quantizer of its input into the quantization plan.
struct Quantized {
  ir::ValueId value = -1;  // x
  float scale = 1.0f;
  std::int64_t zero_point = 0;
  quant::CodeRange range;
  bool codes = false;  // QuantizeLinear without its DequantizeLinear yet
  std::string node;    // the quantizer
};
using Value = std::variant<Unknown, ir::ValueId, Literal, Quantized>;

// The grid that a constant's values lie on; see Literal.
struct WeightGrid {
  quant::CodeRange range;
  std::shared_ptr<const Floats> scales;
};

class Draft {
 public:
  // `most_folded`: elements that all literals computed on import may have together.
  Draft(std::string path, std::int64_t opset, std::int64_t most_folded)
      : path_(std::move(path)), opset_(opset), most_folded_(most_folded), folds_left_(most_folded) {}

  const std::string& path() const { return path_; }
  std::int64_t opset() const { return opset_; }

  void add_input(const std::string& name, const ir::Shape& shape, std::int64_t fixed_batch);
  void define(const std::string& name, Value value, const Where& where);  // refuses a second definition
  const Value* find(const std::string& name) const;
  void require_folds(std::size_t elements, const Where& where) const;  // Error{kUnsupported}: too many
  void count_folded(const Literal& literal, const Where& where);

  // The one constant for the literal called `name`; made, and checked to be finite, at the first call.
  ir::ValueId constant_for(const std::string& name, const Where& where);
  // A constant for one reader alone, for what training moves or tracks reader by reader.
  ir::ValueId own_constant_for(const std::string& name, const Where& where);
  ir::ValueId add_constant(const std::string& name, ir::Tensor tensor);
  ir::ValueId add_node(const std::string& name, ir::Op op, const std::vector<ir::ValueId>& inputs);

  void keep_grid(ir::ValueId constant, WeightGrid grid) { grids_[constant] = std::move(grid); }
  const WeightGrid* find_grid(ir::ValueId constant) const;
  // The last node is a layer on arrays.
  void plan(quant::CimLayer layer) { plan_[graph_.nodes().back().name] = std::move(layer); }
  const std::map<std::string, quant::CimLayer>& plan() const { return plan_; }

  // The nodes that cannot be imported so far, collected so that one error names all of them.
  RefusedNodes& refusals() { return refusals_; }

  const ir::Shape& shape(ir::ValueId id) const { return shapes_[static_cast<std::size_t>(id)]; }
  std::int64_t fixed_batch() const { return fixed_batch_; }  // of the file, 0 when symbolic
  ir::Graph& graph() { return graph_; }

 private:
  std::string unique(const std::string& name);

  std::string path_;
  std::int64_t opset_;
  std::int64_t most_folded_;
  std::int64_t folds_left_;
  std::int64_t fixed_batch_ = 0;
  ir::Graph graph_;
  std::vector<ir::Shape> shapes_;  // indexed by ValueId
  std::map<std::string, Value> values_;
  std::map<std::string, ir::ValueId> constants_;  // literals that became constants
  std::map<ir::ValueId, WeightGrid> grids_;
  std::map<std::string, quant::CimLayer> plan_;
  std::set<std::string> names_;
  RefusedNodes refusals_;
};

// Which operators can read a quantized activation.
enum class Reads {
  kFloat,      // none
  kLayer,      // as first input, with quantized weights: the quantizer goes into the plan
  kMovement,   // they only move values or pick some, so what they write is quantized in the same way
  kQuantizer,  // the nodes of the quantizer itself, which ask for it
};

class OnnxNode {
 public:
  OnnxNode(Draft& draft, const onnx::NodeProto& proto, std::string name,
           const std::set<std::string>& read_names);
  void set_reads(Reads reads) { reads_ = reads; }

  const Attributes& attributes() const { return attributes_; }
  const std::string& op_type() const { return proto_.op_type(); }
  const std::string& name() const { return where_.node; }
  const Where& where() const { return where_; }
  std::int64_t opset() const { return draft_.opset(); }
  std::int64_t fixed_batch() const { return draft_.fixed_batch(); }

  std::size_t input_count() const { return static_cast<std::size_t>(proto_.input_size()); }
  std::size_t output_count() const { return static_cast<std::size_t>(proto_.output_size()); }
  bool has_input(std::size_t i) const;  // present and not omitted by an empty name
  bool is_literal(std::size_t i) const;
  bool reads_unknown() const;
  bool reads_only_literals() const;  // at least one

  const Literal* find_literal(
      std::size_t i) const;                     // null when omitted; Error{kUnsupported} for an activation
  const Literal& literal(std::size_t i) const;  // the same, and required
  Integers integers(std::size_t i) const;       // of a literal
  Floats floats(std::size_t i) const;           // of a literal, finite or not
  ir::Tensor tensor(std::size_t i) const;       // of a literal, finite
  ir::ValueId value(std::size_t i);             // an activation, or a literal made a constant
  ir::ValueId own_value(std::size_t i);         // of a literal: a constant that no other node reads
  ir::ValueId activation(std::size_t i);        // Error{kUnsupported} for a literal
  ir::Shape shape(std::size_t i) const;         // of an activation or a literal
  void require_folds(std::size_t elements) const { draft_.require_folds(elements, where_); }
  const Quantized* find_quantized(std::size_t i) const;  // null when it is none

  // An axis attribute or input counted from either end, as 0 .. rank-1.
  int axis(std::int64_t axis, std::size_t rank) const;

  ir::ValueId add_constant(const std::string& role, ir::Tensor tensor);  // "node.role", checked to be finite
  void keep_grid(ir::ValueId constant, WeightGrid grid) { draft_.keep_grid(constant, std::move(grid)); }
  ir::ValueId add_step(const std::string& role, ir::Op op, const std::vector<ir::ValueId>& inputs);
  // A layer called as the node, planned where its input is quantized; finish(op) makes it the output, too.
  ir::ValueId add_layer(ir::Op op, const std::vector<ir::ValueId>& inputs);
  void finish(ir::Op op, const std::vector<ir::ValueId>& inputs);  // the node that writes the output
  void finish(Value value);                                        // the output is this value itself
  void finish_folded(Literal value);                               // computed from literals
  void finish_all(const std::vector<ir::ValueId>& values);         // one for each output
  void abandon();                                                  // the outputs are Unknown

  [[noreturn]] void refuse(const std::string& reason) const;  // Error{kUnsupported}
  void note_refusal(const std::string& reason);               // the same, but what follows is looked at, too
  [[noreturn]] void reject(const std::string& reason,
                           const std::string& hint = {}) const;  // Error{kBadInput}

 private:
  const std::string& input_name(std::size_t i) const;
  const Value& input(std::size_t i) const;
  ir::ValueId value_of(const Quantized& quantized, std::size_t i);

  Draft& draft_;
  const onnx::NodeProto& proto_;
  Where where_;
  Attributes attributes_;
  const std::set<std::string>& read_names_;
  Reads reads_ = Reads::kFloat;
  const Quantized* quantized_ = nullptr;  // what a layer or a movement read
};

// How one ONNX operator becomes nodes of the graph.
struct Converter {
  std::string_view op;  // full name
  void (*convert)(OnnxNode& node);
  Reads reads = Reads::kFloat;
};

// "Conv" for a standard operator, "domain.Op" for others.
std::string full_name(const onnx::NodeProto& node);

std::span<const Converter> linear_ops();     // Conv, Gemm, MatMul, BatchNormalization
std::span<const Converter> pool_ops();       // pooling and means
std::span<const Converter> pointwise_ops();  // activations and arithmetic
std::span<const Converter> shape_ops();      // movement of data
std::span<const Converter> quantizer_ops();  // Quant, QuantizeLinear, DequantizeLinear

const Converter* find_converter(std::string_view op);  // null when unknown
std::vector<std::string> supported_operators();

}  // namespace bitline::frontend
