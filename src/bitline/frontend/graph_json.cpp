#include "bitline/frontend/graph_json.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/frontend/impl/graph_fields.h"
#include "bitline/frontend/packed.h"
#include "bitline/frontend/weights.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {

namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kLargestExtent = std::int64_t{1} << 31;
constexpr std::size_t kNodeKeys = 3;  // node, op, inputs

io::Json shape_to_json(const ir::Shape& shape) {
  io::JsonArray out;
  for (const std::int64_t extent : shape)
    out.push_back(extent == ir::kBatch ? io::Json("N") : io::Json(extent));
  return out;
}

ir::Shape shape_from_json(const io::Json& json, const Where& where) {
  ir::Shape shape;
  for (const io::Json& item : json.as_array()) {
    if (item.is_text() && item.as_text() == "N") {
      shape.push_back(ir::kBatch);
      continue;
    }
    shape.push_back(item.as_int());
    if (shape.back() < 0 || shape.back() > kLargestExtent) {
      bad_input("an extent of " + std::to_string(shape.back()) + " in a shape", where);
    }
  }
  return shape;
}

using NewIds = std::map<ir::ValueId, std::int64_t>;

io::Json node_to_json(const ir::Node& node, const NewIds& ids) {
  io::Json out{io::JsonObject{}};
  out.set("node", node.name);
  out.set("op", std::string(ir::op_name(node.op)));
  io::JsonArray inputs;
  for (const ir::ValueId id : node.inputs) inputs.emplace_back(ids.at(id));
  out.set("inputs", std::move(inputs));
  write_fields(out, node.op);
  return out;
}

io::Json named_shape(const char* kind, const std::string& name, const ir::Shape& shape) {
  io::Json out{io::JsonObject{}};
  out.set(kind, name);
  out.set("shape", shape_to_json(shape));
  return out;
}

// Builds the graph entry by entry; the id of a value is its position in the list.
class Loader {
 public:
  explicit Loader(const io::TensorFile& tensors) : tensors_(tensors) {}

  void add(const io::Json& entry) {
    if (const io::Json* name = entry.find("input")) {
      add_input(name->as_text(), entry);
    } else if (const io::Json* constant = entry.find("constant")) {
      add_constant(constant->as_text(), entry);
    } else {
      add_node(entry.at("node").as_text(), entry);
    }
  }

  ir::Graph finish(std::int64_t output) {
    if (graph_.input() < 0) bad_input("the graph has no input");
    if (output < 0 || output >= graph_.value_count())
      bad_input("output " + std::to_string(output) + " does not exist");
    for (const auto& [name, tensor] : tensors_.tensors) {
      if (std::find(used_.begin(), used_.end(), name) == used_.end())
        bad_input("tensor '" + name + "' is not in the graph");
    }
    graph_.set_output(static_cast<ir::ValueId>(output));
    ir::infer_shapes(graph_);
    return std::move(graph_);
  }

 private:
  void add_input(const std::string& name, const io::Json& entry) {
    const Where where{{}, 0, 0, name};
    if (graph_.input() >= 0) bad_input("a second input", where);
    graph_.add_input(name, shape_from_json(entry.at("shape"), where));
  }

  void add_constant(const std::string& name, const io::Json& entry) {
    const Where where{{}, 0, 0, name};
    const ir::Shape shape = shape_from_json(entry.at("shape"), where);
    const auto it = tensors_.tensors.find(name);
    if (it == tensors_.tensors.end()) bad_input("its tensor is missing", where);
    if (it->second.shape != shape) {
      bad_input(
          "its tensor has shape " + ir::shape_text(it->second.shape) + ", expected " + ir::shape_text(shape),
          where);
    }
    std::vector<float> values = io::as_floats(it->second, name);
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
      bad_input("its tensor holds NaN or infinity", where);
    }
    graph_.add_constant(name, {shape, std::move(values)});
    used_.push_back(name);
  }

  void add_node(const std::string& name, const io::Json& entry) {
    const Where where{{}, 0, 0, name};
    if (graph_.find_node(name) != nullptr) bad_input("a second node of this name", where);
    std::vector<ir::ValueId> inputs;
    for (const io::Json& item : entry.at("inputs").as_array()) {
      const std::int64_t id = item.as_int();
      if (id < 0 || id >= graph_.value_count())
        bad_input("it reads value " + std::to_string(id) + " before it is written", where);
      inputs.push_back(static_cast<ir::ValueId>(id));
    }
    graph_.add_node(name, read_operator(entry, kNodeKeys, entry.at("op").as_text(), where),
                    std::move(inputs));
  }

  const io::TensorFile& tensors_;
  ir::Graph graph_;
  std::vector<std::string> used_;
};

}  // namespace

io::Json graph_to_json(const ir::Graph& graph) {
  std::map<ir::ValueId, const ir::Node*> writers;
  for (const ir::Node& node : graph.nodes()) writers.emplace(node.output, &node);
  NewIds ids;
  io::JsonArray values;
  for (ir::ValueId id = 0; id < graph.value_count(); ++id) {
    const std::string& name = graph.value_name(id);
    if (id == graph.input()) {
      values.push_back(named_shape("input", name, graph.input_shape()));
    } else if (graph.is_constant(id)) {
      values.push_back(named_shape("constant", name, graph.constant(id).shape));
    } else if (const auto it = writers.find(id); it != writers.end()) {
      values.push_back(node_to_json(*it->second, ids));
    } else {
      continue;
    }
    ids.emplace(id, static_cast<std::int64_t>(values.size()) - 1);
  }
  io::Json out{io::JsonObject{}};
  out.set("version", kVersion);
  out.set("values", std::move(values));
  out.set("output", ids.at(graph.output()));
  return out;
}

ir::Graph graph_from_json(const io::Json& json, const io::TensorFile& tensors) {
  const std::int64_t version = json.at("version").as_int();
  if (version != kVersion) {
    bad_input("graph format version " + std::to_string(version) + ", expected " + std::to_string(kVersion),
              {}, "the file was written by another version of bitline");
  }
  Loader loader(tensors);
  for (const io::Json& entry : json.at("values").as_array()) loader.add(entry);
  return loader.finish(json.at("output").as_int());
}

void save_graph(io::FileSystem& fs, const std::string& path, const ir::Graph& graph) {
  io::TensorFile file = state_dict(graph);
  file.metadata[kGraphKey] = graph_to_json(graph).dump(-1);
  io::write_safetensors(fs, path, file);
}

ir::Graph load_graph(io::FileSystem& fs, const std::string& path) {
  io::TensorFile file = io::read_safetensors(fs, path);
  unpack_weights(file, path);
  const auto it = file.metadata.find(kGraphKey);
  if (it == file.metadata.end()) {
    bad_input("it holds weights but no graph (metadata 'bitline.graph')", {path, 0, 0, {}},
              "weights for a network of the zoo are loaded with zoo:NAME=FILE");
  }
  try {
    return graph_from_json(io::parse_json(it->second, path), file);
  } catch (const Error& e) {
    if (!e.where().file.empty()) throw;
    throw Error(e.code(), e.message(), {path, 0, 0, e.where().node}, e.hint());
  }
}

}  // namespace bitline::frontend
