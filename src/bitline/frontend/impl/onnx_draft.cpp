#include "bitline/frontend/impl/onnx_draft.h"

#include <algorithm>

#include "bitline/frontend/impl/onnx_plan.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {

namespace {

// Whether the shapes fit where the batch is that of the file, or one: then the file is valid.
bool fits_a_batch(const ir::Node& node, std::vector<ir::Shape> shapes, std::int64_t batch) {
  for (ir::Shape& shape : shapes)
    std::replace(shape.begin(), shape.end(), ir::kBatch, std::max<std::int64_t>(batch, 1));
  try {
    ir::infer_shape(node, shapes);
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace

void Draft::add_input(const std::string& name, const ir::Shape& shape, std::int64_t fixed_batch) {
  fixed_batch_ = fixed_batch;
  define(name, graph_.add_input(unique(name), shape), {path_, 0, 0, {}});
  shapes_.push_back(shape);
}

void Draft::define(const std::string& name, Value value, const Where& where) {
  if (!values_.emplace(name, std::move(value)).second) {
    bad_input("value '" + name + "' is written twice; every name must have one origin", where);
  }
}

const Value* Draft::find(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

void Draft::require_folds(std::size_t elements, const Where& where) const {
  if (static_cast<std::int64_t>(elements) <= folds_left_) return;
  unsupported("the constants that the file computes have more than " + std::to_string(most_folded_) +
                  " elements in all",
              where, "run a constant-folding tool over the model");
}

void Draft::count_folded(const Literal& literal, const Where& where) {
  require_folds(literal.size(), where);
  folds_left_ -= static_cast<std::int64_t>(literal.size());
}

ir::ValueId Draft::constant_for(const std::string& name, const Where& where) {
  if (const auto it = constants_.find(name); it != constants_.end()) return it->second;
  const Literal& literal = std::get<Literal>(values_.at(name));
  const ir::ValueId id = add_constant(name, to_tensor(literal, name, where));
  if (literal.scales != nullptr) keep_grid(id, {*literal.range, literal.scales});
  constants_.emplace(name, id);
  return id;
}

ir::ValueId Draft::own_constant_for(const std::string& name, const Where& where) {
  return add_constant(name, to_tensor(std::get<Literal>(values_.at(name)), name, where));
}

const WeightGrid* Draft::find_grid(ir::ValueId constant) const {
  const auto it = grids_.find(constant);
  return it == grids_.end() ? nullptr : &it->second;
}

ir::ValueId Draft::add_constant(const std::string& name, ir::Tensor tensor) {
  shapes_.push_back(tensor.shape);
  return graph_.add_constant(unique(name), std::move(tensor));
}

ir::ValueId Draft::add_node(const std::string& name, ir::Op op, const std::vector<ir::ValueId>& inputs) {
  std::vector<ir::Shape> shapes;
  for (const ir::ValueId id : inputs) shapes.push_back(shape(id));
  const ir::ValueId id = graph_.add_node(unique(name), std::move(op), inputs);
  const ir::Node& node = graph_.nodes().back();
  const Where where{path_, 0, 0, node.name};
  ir::Shape out;
  try {
    out = ir::infer_shape(node, shapes);
  } catch (const Error& e) {
    if (fits_a_batch(node, shapes, fixed_batch_))
      unsupported("it mixes the batch with constants of one batch size", where);
    throw Error(e.code(), e.message(), where, e.hint());
  }
  if (out.empty() || out[0] != ir::kBatch) {
    unsupported("its result of shape " + ir::shape_text(out) + " does not have the batch first", where);
  }
  checked_count({out.begin() + 1, out.end()}, kMaxElements, where);
  shapes_.push_back(std::move(out));
  return id;
}

std::string Draft::unique(const std::string& name) {
  std::string candidate = name;
  for (int n = 2; !names_.insert(candidate).second; ++n) candidate = name + "_" + std::to_string(n);
  return candidate;
}

OnnxNode::OnnxNode(Draft& draft, const onnx::NodeProto& proto, std::string name,
                   const std::set<std::string>& read_names)
    : draft_(draft),
      proto_(proto),
      where_{draft.path(), 0, 0, std::move(name)},
      attributes_(proto, where_),
      read_names_(read_names) {}

bool OnnxNode::has_input(std::size_t i) const {
  return i < input_count() && !proto_.input(static_cast<int>(i)).empty();
}

const std::string& OnnxNode::input_name(std::size_t i) const {
  if (!has_input(i)) reject("input " + std::to_string(i + 1) + " of " + op_type() + " is missing");
  return proto_.input(static_cast<int>(i));
}

const Value& OnnxNode::input(std::size_t i) const {
  return *draft_.find(input_name(i));
}

bool OnnxNode::is_literal(std::size_t i) const {
  return has_input(i) && std::holds_alternative<Literal>(input(i));
}

bool OnnxNode::reads_unknown() const {
  for (std::size_t i = 0; i < input_count(); ++i) {
    if (has_input(i) && std::holds_alternative<Unknown>(input(i))) return true;
  }
  return false;
}

bool OnnxNode::reads_only_literals() const {
  for (std::size_t i = 0; i < input_count(); ++i) {
    if (has_input(i) && !is_literal(i)) return false;
  }
  return input_count() > 0;
}

const Literal* OnnxNode::find_literal(std::size_t i) const {
  return has_input(i) ? &literal(i) : nullptr;
}

const Literal& OnnxNode::literal(std::size_t i) const {
  const auto* literal = std::get_if<Literal>(&input(i));
  if (literal == nullptr) refuse("its input '" + input_name(i) + "' is not constant");
  return *literal;
}

Integers OnnxNode::integers(std::size_t i) const {
  const Literal& values = literal(i);
  if (values.is_float()) reject("input '" + input_name(i) + "' holds floats, expected integers");
  return std::get<Integers>(values.data);
}

Floats OnnxNode::floats(std::size_t i) const {
  const Literal& values = literal(i);
  return values.is_float() ? std::get<Floats>(values.data) : tensor(i).data;
}

ir::Tensor OnnxNode::tensor(std::size_t i) const {
  return to_tensor(literal(i), input_name(i), where_);
}

ir::ValueId OnnxNode::value(std::size_t i) {
  const Value& value = input(i);
  if (const auto* id = std::get_if<ir::ValueId>(&value)) return *id;
  if (const auto* quantized = std::get_if<Quantized>(&value)) return value_of(*quantized, i);
  return draft_.constant_for(input_name(i), where_);
}

ir::ValueId OnnxNode::own_value(std::size_t i) {
  literal(i);
  return draft_.own_constant_for(input_name(i), where_);
}

ir::ValueId OnnxNode::value_of(const Quantized& quantized, std::size_t i) {
  const bool reads = i == 0 && (reads_ == Reads::kLayer || reads_ == Reads::kMovement);
  if (!reads || quantized.codes) {
    note_refusal(
        "it reads a quantized activation; only the first input of a layer with quantized weights can be");
    return quantized.value;
  }
  quantized_ = &quantized;
  return quantized.value;
}

const Quantized* OnnxNode::find_quantized(std::size_t i) const {
  return has_input(i) ? std::get_if<Quantized>(&input(i)) : nullptr;
}

ir::ValueId OnnxNode::activation(std::size_t i) {
  if (is_literal(i)) refuse("its input '" + input_name(i) + "' is constant, an activation is expected");
  return value(i);
}

ir::Shape OnnxNode::shape(std::size_t i) const {
  const Value& value = input(i);
  if (const auto* id = std::get_if<ir::ValueId>(&value)) return draft_.shape(*id);
  if (const auto* quantized = std::get_if<Quantized>(&value)) return draft_.shape(quantized->value);
  return std::get<Literal>(value).shape;
}

int OnnxNode::axis(std::int64_t axis, std::size_t rank) const {
  const auto extent = static_cast<std::int64_t>(rank);
  if (axis < -extent || axis >= extent) {
    reject("axis " + std::to_string(axis) + " does not exist in a tensor of " + std::to_string(rank) +
           " dimensions");
  }
  return static_cast<int>(axis < 0 ? axis + extent : axis);
}

ir::ValueId OnnxNode::add_constant(const std::string& role, ir::Tensor tensor) {
  const std::string constant = name() + "." + role;
  require_finite(tensor.data, constant, where_);
  return draft_.add_constant(constant, std::move(tensor));
}

ir::ValueId OnnxNode::add_step(const std::string& role, ir::Op op, const std::vector<ir::ValueId>& inputs) {
  return draft_.add_node(name() + "." + role, std::move(op), inputs);
}

ir::ValueId OnnxNode::add_layer(ir::Op op, const std::vector<ir::ValueId>& inputs) {
  const bool plans = quantized_ != nullptr && reads_ == Reads::kLayer;
  quant::CimLayer layer;
  if (plans) layer = planned_layer(*this, *quantized_, draft_.find_grid(inputs[1]), draft_.shape(inputs[1]));
  const ir::ValueId id = draft_.add_node(name(), std::move(op), inputs);
  if (plans) draft_.plan(std::move(layer));
  return id;
}

void OnnxNode::finish(ir::Op op, const std::vector<ir::ValueId>& inputs) {
  finish(add_layer(std::move(op), inputs));
}

void OnnxNode::finish_folded(Literal value) {
  draft_.count_folded(value, where_);
  finish(Value(std::move(value)));
}

void OnnxNode::finish(Value value) {
  if (proto_.output_size() == 0) reject("a node without output");
  for (int i = 1; i < proto_.output_size(); ++i) {
    if (read_names_.count(proto_.output(i)) != 0) refuse("only its first output is supported");
  }
  const auto* id = std::get_if<ir::ValueId>(&value);
  if (id != nullptr && quantized_ != nullptr && reads_ == Reads::kMovement) {
    Quantized moved = *quantized_;
    moved.value = *id;
    value = std::move(moved);
  }
  draft_.define(proto_.output(0), std::move(value), where_);
}

void OnnxNode::finish_all(const std::vector<ir::ValueId>& values) {
  BITLINE_CHECK(values.size() == output_count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string& name = proto_.output(static_cast<int>(i));
    if (!name.empty()) draft_.define(name, values[i], where_);
  }
}

std::string full_name(const onnx::NodeProto& node) {
  const std::string& domain = node.domain();
  return domain.empty() || domain == "ai.onnx" ? node.op_type() : domain + "." + node.op_type();
}

void OnnxNode::abandon() {
  for (const std::string& output : proto_.output()) {
    if (!output.empty()) draft_.define(output, Unknown{}, where_);
  }
}

void OnnxNode::refuse(const std::string& reason) const {
  unsupported(reason, where_);
}

void OnnxNode::note_refusal(const std::string& reason) {
  draft_.refusals().add(op_type(), name(), reason);
}

void OnnxNode::reject(const std::string& reason, const std::string& hint) const {
  bad_input(reason, where_, hint);
}

}  // namespace bitline::frontend
