#include "bitline/mapping/verify_mapping.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "bitline/ir/shapes.h"

namespace bitline::mapping {

namespace {

using Index = std::int64_t;

template <std::size_t N>
struct Box {
  std::array<Index, N> low{}, high{};  // high is without
  const Block* block = nullptr;

  bool meets(const Box& other) const {
    for (std::size_t d = 0; d < N; ++d) {
      if (low[d] >= other.high[d] || other.low[d] >= high[d]) return false;
    }
    return true;
  }
};

// Calls `visit` for every two boxes that share a point, until it returns false.
template <std::size_t N, class Visit>
void for_each_meeting(std::vector<Box<N>>& boxes, const Visit& visit) {
  std::sort(boxes.begin(), boxes.end(), [](const auto& a, const auto& b) { return a.low < b.low; });
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (std::size_t j = i + 1; j < boxes.size() && boxes[j].low[0] < boxes[i].high[0]; ++j) {
      if (boxes[i].meets(boxes[j]) && !visit(boxes[i], boxes[j])) return;
    }
  }
}

bool inside(Index first, Index count, Index limit) {
  return first >= 0 && count >= 1 && first < limit && count <= limit - first;
}

struct TrueShape {
  Index groups = 1, rows = 1, outputs = 1, positions = 1, window = 1;
};

class Verifier {
 public:
  Verifier(const Mapping& mapping, const quant::QuantizedModel& model) : mapping_(mapping), model_(model) {}

  std::vector<Violation> run() {
    check_layers();
    check_blocks();
    if (usable_) check_weights();
    if (usable_) check_arrays();
    return std::move(found_);
  }

 private:
  bool report(const char* name, std::string text) {
    if (found_.size() < kMostViolations) found_.push_back({name, std::move(text)});
    return found_.size() < kMostViolations;
  }

  std::string text_of(const Block& b) const {
    const auto known = b.layer >= 0 && b.layer < static_cast<Index>(mapping_.layers.size());
    const std::string layer =
        known ? mapping_.layers[static_cast<std::size_t>(b.layer)].node : std::to_string(b.layer);
    return "block " + std::to_string(&b - mapping_.blocks.data()) + " of '" + layer + "' (replica " +
           std::to_string(b.replica) + ", group " + std::to_string(b.group) + ", round " +
           std::to_string(b.round) + ", array " + std::to_string(b.array) + ")";
  }

  const MappedLayer& layer_of(const Block& b) const {
    return mapping_.layers[static_cast<std::size_t>(b.layer)];
  }

  TrueShape true_shape(const ir::Node& node, const ir::Shape& output) const {
    const ir::Shape& weight = model_.graph.constant(node.inputs[1]).shape;
    TrueShape out;
    if (const auto* conv = std::get_if<ir::Conv>(&node.op)) {
      out = {conv->groups, weight[1] * weight[2] * weight[3], weight[0] / conv->groups, output[2] * output[3],
             weight[2] * weight[3]};
    } else {
      out.rows = weight[1];
      out.outputs = weight[0];
      for (std::size_t axis = 1; axis + 1 < output.size(); ++axis) out.positions *= output[axis];
    }
    return out;
  }

  void check_layers() {
    const std::vector<ir::Shape> shapes = ir::infer_shapes(model_.graph);
    std::map<std::string, const ir::Node*> wanted;
    for (const ir::Node& node : model_.graph.nodes()) {
      const auto it = model_.layers.find(node.name);
      if (it != model_.layers.end() && !it->second.config.digital) wanted[node.name] = &node;
    }
    for (const MappedLayer& layer : mapping_.layers) {
      const auto it = wanted.find(layer.node);
      if (it == wanted.end()) {
        report("layer-unknown", "'" + layer.node + "' is not a layer on arrays, or is there twice");
        usable_ = false;
        windows_.push_back(1);
        continue;
      }
      const TrueShape shape = true_shape(*it->second, shapes[static_cast<std::size_t>(it->second->output)]);
      check_shape(layer, shape);
      check_slices(layer, model_.layers.at(layer.node).config);
      windows_.push_back(shape.window);
      wanted.erase(it);
    }
    for (const auto& [name, node] : wanted) report("layer-missing", "'" + name + "'");
  }

  void check_shape(const MappedLayer& layer, const TrueShape& shape) {
    if (layer.groups == shape.groups && layer.rows == shape.rows && layer.outputs == shape.outputs &&
        layer.positions == shape.positions && layer.replicas >= 1)
      return;
    report("layer-shape", "'" + layer.node + "'");
    usable_ = false;
  }

  void check_slices(const MappedLayer& layer, const quant::CimConfig& config) {
    const bool pair = config.encoding == "differential";
    std::vector<int> seen(static_cast<std::size_t>(pair ? config.weight_bits - 1 : config.weight_bits), 0);
    bool good = layer.weight_bits == config.weight_bits && layer.parts == (pair ? 2 : 1);
    for (const WeightSlice& slice : layer.slices) {
      good = good && slice.bits >= 1 && slice.bits <= mapping_.chip.cell_bits;
      if (!good || !inside(slice.shift, slice.bits, static_cast<Index>(seen.size()))) {
        good = false;
        break;
      }
      for (int bit = 0; bit < slice.bits; ++bit) ++seen[static_cast<std::size_t>(slice.shift + bit)];
    }
    good = good && std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; });
    if (!good) report("slices", "'" + layer.node + "'");
  }

  void check_blocks() {
    const Chip& chip = mapping_.chip;
    for (const Block& b : mapping_.blocks) {
      if (!names_weights(b)) {
        usable_ = report("block-range", text_of(b)) && false;
        continue;
      }
      if (splits_window(b)) report("window-split", text_of(b));
      const bool array_known = b.array >= 0 && (chip.capacity() == 0 || b.array < chip.capacity());
      if (!array_known || b.round < 0 || b.round >= mapping_.rounds) report("array-range", text_of(b));
      if (!inside(b.row, b.rows, chip.rows) || !inside(b.column, b.width(), chip.columns))
        report("cell-range", text_of(b));
    }
  }

  bool names_weights(const Block& b) const {
    if (b.layer < 0 || b.layer >= static_cast<Index>(mapping_.layers.size())) return false;
    const MappedLayer& l = layer_of(b);
    return inside(b.replica, 1, l.replicas) && inside(b.group, 1, l.groups) &&
           inside(b.first_row, b.rows, l.rows) && inside(b.first_output, b.outputs, l.outputs) &&
           inside(b.first_slice, b.slices, static_cast<Index>(l.slices.size())) &&
           inside(b.first_part, b.parts, l.parts);
  }

  bool splits_window(const Block& b) const {
    if (mapping_.rows != RowPolicy::kWindows) return false;
    const Index window = windows_[static_cast<std::size_t>(b.layer)];
    return b.first_row % window != 0 || b.rows % window != 0;
  }

  // The blocks of a group's copy must be apart and have the volume of the whole.
  void check_weights() {
    std::map<std::tuple<Index, Index, Index>, std::vector<Box<4>>> copies;
    for (const Block& b : mapping_.blocks) {
      copies[{b.layer, b.replica, b.group}].push_back(
          {{b.first_row, b.first_output, b.first_slice, b.first_part},
           {b.first_row + b.rows, b.first_output + b.outputs, b.first_slice + b.slices,
            b.first_part + b.parts},
           &b});
    }
    std::vector<Index> complete(mapping_.layers.size(), 0);
    for (auto& [key, boxes] : copies) {
      const MappedLayer& layer = mapping_.layers[static_cast<std::size_t>(std::get<0>(key))];
      Index volume = 0;
      for (const Box<4>& box : boxes) volume += box.block->rows * box.block->width();
      const std::size_t before = found_.size();
      for_each_meeting(boxes, [this](const auto& a, const auto& b) {
        return report("weight-twice", text_of(*a.block) + " and " + text_of(*b.block));
      });
      const Index whole = layer.rows * layer.outputs * static_cast<Index>(layer.slices.size()) * layer.parts;
      const bool exact = volume == whole && found_.size() == before;
      if (exact) ++complete[static_cast<std::size_t>(std::get<0>(key))];
    }
    for (std::size_t l = 0; l < complete.size(); ++l) {
      const MappedLayer& layer = mapping_.layers[l];
      const Index all = layer.replicas * layer.groups;
      if (complete[l] == all) continue;
      report("weight-missing", "'" + layer.node + "': " + std::to_string(complete[l]) + " of " +
                                   std::to_string(all) + " copies of groups are exactly complete");
    }
  }

  void check_arrays() {
    std::map<std::pair<Index, Index>, std::vector<Box<2>>> arrays;
    std::set<Index> rounds;
    for (const Block& b : mapping_.blocks) rounds.insert(b.round);
    if (mapping_.rounds != static_cast<Index>(rounds.size()))
      report("round-count",
             std::to_string(mapping_.rounds) + " rounds stated, " + std::to_string(rounds.size()) + " used");
    for (const Block& b : mapping_.blocks)
      arrays[{b.round, b.array}].push_back({{b.row, b.column}, {b.row + b.rows, b.column + b.width()}, &b});
    for (auto& [key, boxes] : arrays) {
      for_each_meeting(boxes, [this](const auto& a, const auto& b) {
        return report("cell-overlap", text_of(*a.block) + " and " + text_of(*b.block));
      });
      check_reads(boxes);
    }
    if (mapping_.arrays != static_cast<Index>(arrays.size()))
      report("array-count",
             std::to_string(mapping_.arrays) + " arrays stated, " + std::to_string(arrays.size()) + " used");
  }

  // `boxes` are those of one array, sorted by row.
  void check_reads(const std::vector<Box<2>>& boxes) {
    std::map<Index, std::vector<const Box<2>*>> reads;
    for (const Box<2>& box : boxes) reads[box.block->read].push_back(&box);
    for (const auto& [read, members] : reads) {
      Index active = 0, end = 0;
      std::vector<Box<1>> columns;
      for (const Box<2>* m : members) {
        active += std::max<Index>(0, m->high[0] - std::max(m->low[0], end));
        end = std::max(end, m->high[0]);
        columns.push_back({{m->low[1]}, {m->high[1]}, m->block});
      }
      if (active > mapping_.chip.active_rows)
        report("active-rows", std::to_string(active) + " rows in read " + std::to_string(read) + " with " +
                                  text_of(*members.front()->block));
      for_each_meeting(columns, [this](const auto& a, const auto& b) {
        return report("read-conflict", text_of(*a.block) + " and " + text_of(*b.block) + " share a column");
      });
      check_inputs(members);
      check_crossings(read, members, boxes);
    }
  }

  // Rows that two blocks of a read share must carry the same inputs.
  void check_inputs(const std::vector<const Box<2>*>& members) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Block& a = *members[i]->block;
      for (std::size_t j = i + 1; j < members.size() && members[j]->low[0] < members[i]->high[0]; ++j) {
        const Block& b = *members[j]->block;
        const bool same = a.layer == b.layer && a.replica == b.replica && a.group == b.group &&
                          a.first_row - a.row == b.first_row - b.row;
        if (!same && !report("read-conflict", text_of(a) + " and " + text_of(b) + " share rows")) return;
      }
    }
  }

  // A read drives its rows in all its columns, so cells of other reads must not lie where they cross.
  void check_crossings(Index read, const std::vector<const Box<2>*>& members,
                       const std::vector<Box<2>>& boxes) {
    for (const Box<2>& box : boxes) {
      if (box.block->read == read) continue;
      const auto meets = [&](std::size_t d) {
        return std::any_of(members.begin(), members.end(), [&](const Box<2>* m) {
          return m->low[d] < box.high[d] && box.low[d] < m->high[d];
        });
      };
      if (meets(0) && meets(1) &&
          !report("read-conflict", text_of(*box.block) + " lies where rows and columns of read " +
                                       std::to_string(read) + " cross"))
        return;
    }
  }

  const Mapping& mapping_;
  const quant::QuantizedModel& model_;
  std::vector<Violation> found_;
  std::vector<Index> windows_;  // of each layer; 1 where it is unknown
  bool usable_ = true;          // boxes can be formed
};

}  // namespace

std::vector<std::string> violation_names() {
  return {"layer-unknown", "layer-missing",  "layer-shape",   "slices",      "block-range",
          "window-split",  "weight-missing", "weight-twice",  "array-range", "cell-range",
          "cell-overlap",  "active-rows",    "read-conflict", "array-count", "round-count"};
}

std::vector<Violation> verify_mapping(const Mapping& mapping, const quant::QuantizedModel& model) {
  return Verifier(mapping, model).run();
}

}  // namespace bitline::mapping
