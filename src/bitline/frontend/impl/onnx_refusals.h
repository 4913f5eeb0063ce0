// The nodes of an ONNX file that cannot be imported, told in one short message.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bitline::frontend {

class RefusedNodes {
 public:
  // Of several reasons of one node, one after the other, the first counts.
  void add(const std::string& op, const std::string& node, const std::string& reason);
  std::size_t count() const;
  // "5 nodes cannot be imported: Gelu (4: 'a', 'b', 'c', ...): the operator is not known; Pad 'p': ...".
  // Nodes of one operator and one reason stand together, with up to three names.
  std::string text() const;

 private:
  struct Group {
    std::string op, reason;
    std::vector<std::string> nodes;
  };
  std::vector<Group> groups_;  // in the order of the file
  std::string last_;           // operator and node
};

}  // namespace bitline::frontend
