#include "bitline/frontend/onnx.h"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "bitline/base/suggest.h"
#include "bitline/frontend/impl/onnx_draft.h"
#include "bitline/frontend/impl/onnx_fold.h"
#include "bitline/frontend/impl/onnx_plan.h"
#include "bitline/frontend/impl/plan_json.h"
#include "bitline/ir/fold.h"
#include "bitline/ir/shapes.h"
#include "bitline/quant/check_plan.h"

namespace bitline::frontend {

namespace {

constexpr std::int64_t kOldestOpset = 9;

onnx::ModelProto parse(std::span<const std::byte> bytes, const Where& where) {
  if (bytes.empty()) bad_input("the file is empty, expected an ONNX model", where);
  if (bytes.size() > std::numeric_limits<int>::max()) unsupported("an ONNX file above 2 GiB", where);
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    bad_input("this is not a whole ONNX model", where, "the file may be truncated or of another format");
  }
  if (!model.has_graph())
    bad_input("the model holds no graph", where, "the file may be truncated or of another format");
  return model;
}

bool is_standard(const std::string& domain) {
  return domain.empty() || domain == "ai.onnx";
}

std::int64_t opset_of(const onnx::ModelProto& model, const Where& where) {
  for (const auto& import : model.opset_import()) {
    if (!is_standard(import.domain())) continue;
    if (import.version() < kOldestOpset) {
      unsupported("opset " + std::to_string(import.version()) + ", expected 9 or later", where,
                  "export the model again with opset 13");
    }
    return import.version();
  }
  bad_input("the model names no version of the standard operators (opset_import)", where);
}

// What a file may compute on import: a fixed amount, and the chains of quantizers behind its own tensors.
std::int64_t most_folded(const onnx::ModelProto& model) {
  constexpr std::int64_t kChain = 4;
  return kMaxFilled + kChain * static_cast<std::int64_t>(model.ByteSizeLong());
}

// Walks the nodes in file order. What cannot be imported is collected, so that one error names all of it.
class Importer {
 public:
  Importer(const onnx::ModelProto& model, const std::string& path)
      : proto_(model.graph()),
        file_{path, 0, 0, {}},
        draft_(path, opset_of(model, file_), most_folded(model)) {}

  quant::QuantizedModel run() {
    collect_names();
    read_initializers();
    read_input();
    for (int i = 0; i < proto_.node_size(); ++i) import_node(proto_.node(i));
    report_unsupported();
    quant::QuantizedModel model{finished_graph(), {}, {}};
    for (const auto& [name, layer] : draft_.plan()) {
      if (model.graph.find_node(name) != nullptr) model.layers.emplace(name, layer);
    }
    return model;
  }

 private:
  void collect_names();
  void read_initializers();
  void read_input();
  ir::Shape input_shape(const onnx::ValueInfoProto& input) const;
  std::int64_t extent_of(const onnx::ValueInfoProto& input, int axis) const;
  void import_node(const onnx::NodeProto& proto);
  void check_inputs(const onnx::NodeProto& proto, const Where& where) const;
  void convert(OnnxNode& node, const onnx::NodeProto& proto) const;
  void report_unsupported();
  ir::Graph finished_graph();

  const onnx::GraphProto& proto_;
  Where file_;
  Draft draft_;
  std::set<std::string> read_names_;
  std::set<std::string> written_names_;
};

void Importer::collect_names() {
  for (const auto& node : proto_.node()) {
    read_names_.insert(node.input().begin(), node.input().end());
    written_names_.insert(node.output().begin(), node.output().end());
  }
  for (const auto& output : proto_.output()) read_names_.insert(output.name());
}

void Importer::read_initializers() {
  if (proto_.sparse_initializer_size() > 0) unsupported("sparse weights", file_);
  for (const auto& tensor : proto_.initializer()) {
    if (tensor.name().empty()) bad_input("an initializer without name", file_);
    draft_.define(tensor.name(), read_literal(tensor, file_), file_);
  }
}

std::int64_t Importer::extent_of(const onnx::ValueInfoProto& input, int axis) const {
  const auto& dim = input.type().tensor_type().shape().dim(axis);
  const std::string what = "dimension " + std::to_string(axis) + " of input '" + input.name() + "'";
  if (!dim.has_dim_value()) unsupported(what + " is not fixed; only the first (the batch) may vary", file_);
  if (dim.dim_value() < 0) bad_input(what + " is " + std::to_string(dim.dim_value()), file_);
  if (dim.dim_value() < 1 || dim.dim_value() > kMaxExtent)
    unsupported(
        what + " is " + std::to_string(dim.dim_value()) + ", expected 1 to " + std::to_string(kMaxExtent),
        file_);
  return dim.dim_value();
}

ir::Shape Importer::input_shape(const onnx::ValueInfoProto& input) const {
  const auto& type = input.type().tensor_type();
  if (!input.type().has_tensor_type() || !type.has_shape()) {
    unsupported("input '" + input.name() + "' has no shape, expected [N, C, H, W]", file_);
  }
  if (type.elem_type() != onnx::TensorProto::FLOAT) {
    unsupported("input '" + input.name() + "' has element type " + element_type_name(type.elem_type()) +
                    ", expected float",
                file_);
  }
  const int rank = type.shape().dim_size();
  if (rank < 2 || rank > static_cast<int>(kMaxRank)) {
    unsupported("input '" + input.name() + "' has " + std::to_string(rank) + " dimensions, expected 2 to 8",
                file_);
  }
  ir::Shape shape{ir::kBatch};
  for (int i = 1; i < rank; ++i) shape.push_back(extent_of(input, i));
  checked_count({shape.begin() + 1, shape.end()}, kMaxElements, file_);
  return shape;
}

// Files of IR version 3 list their initializers among the inputs, too.
void Importer::read_input() {
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const auto& input : proto_.input()) {
    if (draft_.find(input.name()) == nullptr) inputs.push_back(&input);
  }
  if (inputs.empty()) unsupported("the graph has no input", file_);
  if (inputs.size() > 1) {
    std::string names;
    for (const auto* input : inputs) names += (names.empty() ? "'" : ", '") + input->name() + "'";
    unsupported("the graph has " + std::to_string(inputs.size()) + " inputs (" + names + "), expected one",
                file_);
  }
  const ir::Shape shape = input_shape(*inputs[0]);
  const std::int64_t batch = inputs[0]->type().tensor_type().shape().dim(0).dim_value();
  draft_.add_input(inputs[0]->name(), shape, std::max<std::int64_t>(batch, 0));
}

void Importer::check_inputs(const onnx::NodeProto& proto, const Where& where) const {
  for (const std::string& name : proto.input()) {
    if (name.empty() || draft_.find(name) != nullptr) continue;
    if (written_names_.count(name) != 0) {
      bad_input("it reads '" + name + "' before that is written; the nodes are unsorted or form a cycle",
                where);
    }
    std::vector<std::string> known(written_names_.begin(), written_names_.end());
    for (const auto& tensor : proto_.initializer()) known.push_back(tensor.name());
    const std::string near = nearest(name, known);
    bad_input("it reads '" + name + "', which is no input, initializer or output of a node", where,
              near.empty() ? "" : "did you mean '" + near + "'?");
  }
}

void Importer::convert(OnnxNode& node, const onnx::NodeProto& proto) const {
  const Converter* converter = find_converter(full_name(proto));
  const Fold fold = find_fold(full_name(proto));
  if (converter == nullptr && fold == nullptr) {
    node.refuse(is_standard(proto.domain()) ? "the operator is not known"
                                            : "operators of domain '" + proto.domain() + "' are not known");
  }
  if (node.reads_unknown()) return node.abandon();
  if (fold != nullptr && node.reads_only_literals()) return node.finish_folded(fold(node));
  if (converter == nullptr) node.refuse("it can only be computed from constants");
  node.set_reads(converter->reads);
  converter->convert(node);
}

void Importer::import_node(const onnx::NodeProto& proto) {
  std::string name = proto.name();
  if (name.empty()) name = proto.op_type() + "_" + (proto.output_size() > 0 ? proto.output(0) : "");
  OnnxNode node(draft_, proto, name, read_names_);
  check_inputs(proto, node.where());
  try {
    convert(node, proto);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kUnsupported) throw;
    draft_.refusals().add(proto.op_type(), name, e.message());
    node.abandon();
  }
}

void Importer::report_unsupported() {
  if (draft_.refusals().count() == 0) return;
  unsupported(draft_.refusals().text(), file_, "docs/networks.md lists the operators that can be read");
}

ir::Graph Importer::finished_graph() {
  if (proto_.output_size() == 0) bad_input("the graph has no output", file_);
  if (proto_.output_size() > 1) {
    unsupported("the graph has " + std::to_string(proto_.output_size()) + " outputs, expected one", file_);
  }
  const std::string& name = proto_.output(0).name();
  const Value* output = draft_.find(name);
  if (output == nullptr) bad_input("no node writes the graph's output '" + name + "'", file_);
  if (const auto* quantized = std::get_if<Quantized>(output)) {
    unsupported("the graph's output '" + name + "' is quantized", {file_.file, 0, 0, quantized->node},
                "only inputs of layers can be quantized");
  }
  const auto* id = std::get_if<ir::ValueId>(output);
  if (id == nullptr) unsupported("the graph's output '" + name + "' does not depend on its input", file_);
  draft_.graph().set_output(*id);
  ir::Graph graph = ir::remove_dead_code(draft_.graph());
  try {
    ir::infer_shapes(graph);
  } catch (const Error& e) {
    throw Error(e.code(), e.message(), {file_.file, 0, 0, e.where().node}, e.hint());
  }
  return graph;
}

// Errors of text and figures know no file.
template <class Call>
void in_file(const std::string& path, Call call) {
  try {
    call();
  } catch (const Error& e) {
    if (!e.where().file.empty()) throw;
    throw Error(e.code(), e.message(), {path, 0, 0, e.where().node}, e.hint());
  }
}

}  // namespace

quant::QuantizedModel import_onnx(std::span<const std::byte> bytes, const std::string& path) {
  const onnx::ModelProto proto = parse(bytes, {path, 0, 0, {}});
  quant::QuantizedModel model = Importer(proto, path).run();
  for (const auto& property : proto.metadata_props()) {
    if (property.key() == kPlanKey) in_file(path, [&] { adopt_plan(property.value(), path, model); });
  }
  in_file(path, [&] { quant::check_plan(model); });
  return model;
}

quant::QuantizedModel import_onnx(io::FileSystem& fs, const std::string& path) {
  return import_onnx(fs.read(path), path);
}

}  // namespace bitline::frontend
