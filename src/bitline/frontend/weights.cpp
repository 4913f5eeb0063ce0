#include "bitline/frontend/weights.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::frontend {

namespace {

constexpr std::string_view kCounter = "num_batches_tracked";

bool is_counter(const std::string& name) {
  return name.size() >= kCounter.size() &&
         name.compare(name.size() - kCounter.size(), kCounter.size(), kCounter) == 0;
}

// The complaint about one tensor, or its values in `values`.
std::string read_checked(const io::StoredTensor& stored, const std::string& name, const ir::Shape& expected,
                         std::vector<float>& values) {
  if (stored.shape != expected) {
    return "'" + name + "' has shape " + ir::shape_text(stored.shape) + ", expected " +
           ir::shape_text(expected);
  }
  values = io::as_floats(stored, name);
  const bool finite = std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
  return finite ? "" : "'" + name + "' holds NaN or infinity";
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return out;
}

// "module." where all names of the file begin with it and a network's name follows, as wrappers of PyTorch
// write them; empty otherwise. The longest name of the network that ends one of the file's is taken.
std::string foreign_prefix(const io::TensorFile& file, const std::set<std::string>& expected) {
  std::string prefix;
  const auto& [first, stored] = *file.tensors.begin();
  for (std::size_t dot = first.find('.'); dot != std::string::npos; dot = first.find('.', dot + 1)) {
    if (expected.count(first.substr(dot + 1)) == 0) continue;
    prefix = first.substr(0, dot + 1);
    break;
  }
  const bool all = std::all_of(file.tensors.begin(), file.tensors.end(),
                               [&](const auto& entry) { return entry.first.rfind(prefix, 0) == 0; });
  const auto fits = [&](const std::string& name) {
    return file.tensors.count(prefix + name) != 0 && file.tensors.count(name) == 0;
  };
  return all && std::all_of(expected.begin(), expected.end(), fits) ? prefix : "";
}

io::TensorFile without_prefix(const io::TensorFile& file, const std::string& prefix) {
  io::TensorFile out;
  for (const auto& [name, stored] : file.tensors) out.tensors.emplace(name.substr(prefix.size()), stored);
  return out;
}

}  // namespace

std::string load_state_dict(ir::Graph& graph, const io::TensorFile& given, const std::string& path) {
  std::vector<std::string> complaints;
  std::vector<std::string> leftover;
  std::set<std::string> expected;
  std::map<ir::ValueId, std::vector<float>> loaded;
  for (const auto& [id, tensor] : graph.constants()) expected.insert(graph.value_name(id));
  const std::string prefix = given.tensors.empty() ? "" : foreign_prefix(given, expected);
  const io::TensorFile stripped = prefix.empty() ? io::TensorFile{} : without_prefix(given, prefix);
  const io::TensorFile& file = prefix.empty() ? given : stripped;
  for (const auto& [name, stored] : file.tensors) {
    if (expected.count(name) == 0 && !is_counter(name)) leftover.push_back(name);
  }
  for (const auto& [id, tensor] : graph.constants()) {
    const std::string& name = graph.value_name(id);
    const auto it = file.tensors.find(name);
    if (it == file.tensors.end()) {
      const std::string near = nearest(name, leftover);
      complaints.push_back("'" + name + "' is missing" + (near.empty() ? "" : " (is it '" + near + "'?)"));
      continue;
    }
    const std::string complaint = read_checked(it->second, name, tensor.shape, loaded[id]);
    if (!complaint.empty()) complaints.push_back(complaint);
  }
  for (const std::string& name : leftover) complaints.push_back("'" + name + "' belongs to no layer");
  if (!complaints.empty())
    bad_input("the tensors do not fit the network: " + joined(complaints), {path, 0, 0, {}});
  for (auto& [id, values] : loaded) graph.constant(id).data = std::move(values);
  return prefix;
}

io::TensorFile state_dict(const ir::Graph& graph) {
  io::TensorFile file;
  for (const auto& [id, tensor] : graph.constants()) {
    const std::string& name = graph.value_name(id);
    if (!file.tensors.emplace(name, io::store_floats(tensor.shape, tensor.data)).second) {
      bad_input("two constants are called '" + name + "'");
    }
  }
  return file;
}

std::string variance_fault(std::span<const float> variances, float epsilon) {
  const auto it = std::find_if(variances.begin(), variances.end(),
                               [epsilon](float variance) { return !(variance + epsilon > 0.0f); });
  if (it == variances.end()) return {};
  return "variance + epsilon is " + std::to_string(*it + epsilon) + ", expected above 0";
}

void check_variances(const ir::Graph& graph, const std::string& path) {
  constexpr std::size_t kVariance = 4;
  for (const ir::Node& node : graph.nodes()) {
    const auto* norm = std::get_if<ir::BatchNorm>(&node.op);
    if (norm == nullptr || !graph.is_constant(node.inputs[kVariance])) continue;
    const std::string fault = variance_fault(graph.constant(node.inputs[kVariance]).data, norm->epsilon);
    if (!fault.empty()) bad_input(fault, {path, 0, 0, node.name});
  }
}

std::int64_t parameter_count(const ir::Graph& graph) {
  std::set<ir::ValueId> statistics;
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<ir::BatchNorm>(node.op))
      statistics.insert(node.inputs.begin() + 3, node.inputs.end());
  }
  std::int64_t count = 0;
  for (const auto& [id, tensor] : graph.constants()) {
    if (statistics.count(id) == 0) count += static_cast<std::int64_t>(tensor.size());
  }
  return count;
}

}  // namespace bitline::frontend
