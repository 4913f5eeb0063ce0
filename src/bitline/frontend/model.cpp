#include "bitline/frontend/model.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/frontend/artefact.h"
#include "bitline/frontend/onnx.h"
#include "bitline/frontend/outline.h"
#include "bitline/frontend/packed.h"
#include "bitline/frontend/weights.h"
#include "bitline/frontend/zoo.h"
#include "bitline/ir/classes.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {

namespace {

constexpr std::string_view kZooPrefix = "zoo:";

bool ends_with(const std::string& name, std::string_view ending) {
  return std::string_view(name).ends_with(ending);
}

quant::QuantizedModel from_zoo(io::FileSystem& fs, const std::string& name, int classes, std::uint64_t seed) {
  const std::size_t equals = name.find('=');
  quant::QuantizedModel model{zoo(name.substr(0, equals), classes, seed), {}, {}};
  if (equals == std::string::npos) return model;
  const std::string path = name.substr(equals + 1);
  io::TensorFile file = io::read_safetensors(fs, path);
  unpack_weights(file, path);
  const std::string prefix = load_state_dict(model.graph, file, path);
  if (!prefix.empty()) model.notes["weights_prefix"] = prefix;
  check_variances(model.graph, path);
  return model;
}

quant::QuantizedModel from_file(io::FileSystem& fs, const std::string& name) {
  if (ends_with(name, ".onnx")) return import_onnx(fs, name);
  if (ends_with(name, ".safetensors")) return load_artefact(fs, name);
  const auto names = zoo_names();
  const bool is_network = std::find(names.begin(), names.end(), name) != names.end();
  bad_input("'" + name + "' names no model", {},
            is_network ? "did you mean 'zoo:" + name + "'?"
                       : "expected zoo:NAME, a file .onnx or a file .safetensors saved by bitline");
}

// Classes [N, C, 1, 1] become [N, C], which is how every reader of logits takes them.
void flatten_classes(ir::Graph& graph) {
  const ir::Shape out = ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
  const bool ones = out.size() > 2 &&
                    std::all_of(out.begin() + 2, out.end(), [](std::int64_t extent) { return extent == 1; });
  if (!ones) return;
  std::string name = "classes";
  while (graph.find_node(name) != nullptr) name += "_";
  graph.set_output(graph.add_node(name, ir::Flatten{1}, {graph.output()}));
}

void require_classes(const ir::Graph& graph, const std::string& path, int classes) {
  if (classes == 0) return;
  if (ir::class_count(graph) == classes) return;
  const ir::Shape shape = ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
  bad_input("the network's output has shape " + ir::shape_text(shape) + ", expected [N, " +
                std::to_string(classes) + "]",
            {path, 0, 0, {}}, "does the data set fit the model?");
}

}  // namespace

quant::QuantizedModel load_model(io::FileSystem& fs, const std::string& name, int classes,
                                 std::uint64_t seed) {
  if (name.rfind(kZooPrefix, 0) == 0) return from_zoo(fs, name.substr(kZooPrefix.size()), classes, seed);
  quant::QuantizedModel model = from_file(fs, name);
  flatten_classes(model.graph);
  require_classes(model.graph, name, classes);
  return model;
}

quant::QuantizedModel load_shapes(io::FileSystem& fs, const std::string& name, std::uint64_t seed) {
  const bool in_zoo = name.rfind(kZooPrefix, 0) == 0;
  if (in_zoo && is_outline(name.substr(kZooPrefix.size())))
    return {outline(name.substr(kZooPrefix.size())), {}, {}};
  return load_model(fs, name, 0, seed);
}

}  // namespace bitline::frontend
