#include "bitline/frontend/zoo.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/frontend/impl/zoo_builder.h"
#include "bitline/frontend/outline.h"

namespace bitline::frontend {

namespace {

constexpr int kMostClasses = 100'000;

}  // namespace

ir::Graph zoo(const std::string& name, int classes, std::uint64_t seed) {
  const auto networks = zoo_networks();
  if (is_outline(name))
    bad_input("'" + name + "' has shapes and no weights", {}, "bitline map and bitline estimate take it");
  const auto it =
      std::find_if(networks.begin(), networks.end(), [&](const ZooNetwork& n) { return n.name == name; });
  if (it == networks.end()) bad_input("unknown network '" + name + "'", {}, suggestion(name, zoo_names()));
  if (classes < 0 || classes > kMostClasses) {
    bad_input(std::to_string(classes) + " classes, expected 1 to " + std::to_string(kMostClasses));
  }
  return it->build(classes == 0 ? it->default_classes : classes, seed);
}

std::vector<std::string> zoo_names() {
  std::vector<std::string> names;
  for (const ZooNetwork& network : zoo_networks()) names.emplace_back(network.name);
  return names;
}

}  // namespace bitline::frontend
