// bitline map: the place of every weight bit on the arrays of a chip, verified before it is written.
#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>

#include "bitline/app/command.h"
#include "bitline/app/mapping_options.h"
#include "bitline/app/mapping_picture.h"
#include "bitline/base/error.h"
#include "bitline/io/atomic_file.h"
#include "bitline/mapping/mapping_json.h"
#include "bitline/mapping/tiling.h"
#include "bitline/mapping/usage.h"
#include "bitline/mapping/verify_mapping.h"

namespace bitline::app {

namespace {

result::Table layer_table(const mapping::Mapping& mapping, const mapping::Usage& usage) {
  result::Table table{"mapped_layers",
                      "Layers on arrays",
                      {{"node", "node", 0},
                       {"groups", "groups", 0},
                       {"rows", "rows", 0},
                       {"outputs", "outputs", 0},
                       {"slices", "slices", 0},
                       {"positions", "positions", 0},
                       {"replicas", "replicas", 0},
                       {"arrays", "arrays", 0},
                       {"utilisation", "cells used %", 1},
                       {"reads", "reads", 0},
                       {"cycles", "cycles", 0}},
                      {}};
  const double cells = static_cast<double>(mapping.chip.rows * mapping.chip.columns);
  for (std::size_t l = 0; l < mapping.layers.size(); ++l) {
    const mapping::MappedLayer& layer = mapping.layers[l];
    const mapping::LayerUsage& u = usage.layers[l];
    const double share = static_cast<double>(u.cells) / (cells * static_cast<double>(u.arrays));
    table.rows.push_back({layer.node, layer.groups, layer.rows, layer.outputs,
                          static_cast<std::int64_t>(layer.slices.size()), layer.positions, layer.replicas,
                          u.arrays, 100.0 * share, u.reads, u.cycles});
  }
  return table;
}

// Convolutions and linear layers that stay in float.
std::int64_t float_layers(const quant::QuantizedModel& model) {
  std::int64_t count = 0;
  for (const ir::Node& node : model.graph.nodes())
    count += mapping::layer_shape(model.graph, node) && model.layers.count(node.name) == 0 ? 1 : 0;
  return count;
}

void check(const mapping::Mapping& mapping, const quant::QuantizedModel& model) {
  const std::vector<mapping::Violation> found = mapping::verify_mapping(mapping, model);
  if (found.empty()) return;
  throw Error(ErrorCode::kVerification, "the mapping does not hold: " + found[0].name + ", " + found[0].text);
}

bool is_one_file(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  std::error_code none;
  return fs::weakly_canonical(fs::absolute(a), none) == fs::weakly_canonical(fs::absolute(b), none);
}

class MapCommand final : public Command {
 public:
  std::string name() const override { return "map"; }
  std::string description() const override { return "place every weight bit on the arrays of a chip"; }

  void declare(CLI::App& app) override {
    flags_.declare(app);
    app.add_option("--hardware", hardware_,
                   "a design (bitline hardware list), a YAML file or ROWSxCOLUMNS:BITSb")
        ->required();
    app.add_option("--out", out_, "write the mapping: a JSON file");
    app.add_option("--picture", picture_, "write a picture of the arrays: an SVG file");
  }

  result::Record run(Session& session) override {
    if (!out_.empty() && !picture_.empty() && is_one_file(out_, picture_))
      throw Error(ErrorCode::kUsage, "--out and --picture are both '" + out_ + "'", {},
                  "give them files of their own");
    const OpenedChip opened = open_chip(session, hardware_);
    const quant::QuantizedModel model = flags_.load(session, opened);
    const mapping::Mapping mapping = mapping::map_network(model, opened.chip, flags_.options());
    check(mapping, model);
    if (!out_.empty()) mapping::write_mapping(session.files(), out_, mapping);
    if (!picture_.empty()) io::write_atomically(session.files(), picture_, mapping_picture(mapping));
    return report(mapping, model, opened);
  }

 private:
  result::Record report(const mapping::Mapping& mapping, const quant::QuantizedModel& model,
                        const OpenedChip& opened) const {
    const mapping::Usage usage = mapping::usage_of(mapping);
    result::Record record;
    record.title = flags_.model;
    record.add("mapped", mapped_text(model, opened));
    record.add("mapped_layer_count", static_cast<std::int64_t>(mapping.layers.size()));
    if (!mapping.digital.empty())
      record.add("layers_digital", static_cast<std::int64_t>(mapping.digital.size()));
    if (const std::int64_t count = float_layers(model); count > 0) record.add("layers_float", count);
    record.add("arrays", mapping.arrays);
    if (mapping.chip.capacity() > 0) record.add("chip_arrays", mapping.chip.capacity());
    record.add("rounds", mapping.rounds);
    record.add("macros", usage.macros);
    record.add("tiles", usage.tiles);
    record.add("cell_utilisation", 100.0 * usage.utilisation(), "%");
    record.add("slowest_layer", mapping.layers[static_cast<std::size_t>(usage.slowest)].node);
    record.add("slowest_stage_cycles", usage.layers[static_cast<std::size_t>(usage.slowest)].cycles);
    record.add("blocks", static_cast<std::int64_t>(mapping.blocks.size()));
    record.add("mapping_verified", std::string("every weight bit placed, no limit broken"));
    if (!out_.empty()) record.add("mapping_file", out_);
    if (!picture_.empty()) record.add("picture_file", picture_);
    record.tables.push_back(layer_table(mapping, usage));
    return record;
  }

  MappingFlags flags_;
  std::string hardware_, out_, picture_;
};

}  // namespace

std::unique_ptr<Command> make_map() {
  return std::make_unique<MapCommand>();
}

}  // namespace bitline::app
