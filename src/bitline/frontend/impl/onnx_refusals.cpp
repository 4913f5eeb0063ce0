#include "bitline/frontend/impl/onnx_refusals.h"

#include <algorithm>

namespace bitline::frontend {

namespace {

constexpr std::size_t kNames = 3;   // of one group
constexpr std::size_t kGroups = 6;  // reasons may name other nodes, so that each differs

}  // namespace

void RefusedNodes::add(const std::string& op, const std::string& node, const std::string& reason) {
  const std::string id = op + " " + node;
  if (id == last_) return;
  last_ = id;
  auto it = std::find_if(groups_.begin(), groups_.end(),
                         [&](const Group& group) { return group.op == op && group.reason == reason; });
  if (it == groups_.end()) it = groups_.insert(it, Group{op, reason, {}});
  it->nodes.push_back(node);
}

std::size_t RefusedNodes::count() const {
  std::size_t count = 0;
  for (const Group& group : groups_) count += group.nodes.size();
  return count;
}

std::string RefusedNodes::text() const {
  std::string text = count() == 1 ? "1 node" : std::to_string(count()) + " nodes";
  text += " cannot be imported: ";
  std::size_t told = 0;
  for (std::size_t g = 0; g < std::min(groups_.size(), kGroups); ++g) {
    const Group& group = groups_[g];
    std::string names;
    for (std::size_t i = 0; i < std::min(group.nodes.size(), kNames); ++i)
      names += (i == 0 ? "'" : ", '") + group.nodes[i] + "'";
    if (group.nodes.size() > kNames) names += ", ...";
    const bool one = group.nodes.size() == 1;
    text += (g == 0 ? "" : "; ") + group.op + " ";
    text += one ? names : "(" + std::to_string(group.nodes.size()) + ": " + names + ")";
    text += ": " + group.reason;
    told += group.nodes.size();
  }
  if (told < count()) text += "; and " + std::to_string(count() - told) + " more";
  return text;
}

}  // namespace bitline::frontend
