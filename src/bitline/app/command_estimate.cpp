// bitline estimate: energy, time and throughput of a mapped network on one chip, and beside others.
#include <algorithm>
#include <map>
#include <optional>

#include <CLI/CLI.hpp>

#include "bitline/app/command.h"
#include "bitline/app/estimate_report.h"
#include "bitline/app/mapping_options.h"
#include "bitline/base/error.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/io/atomic_file.h"
#include "bitline/io/json.h"
#include "bitline/mapping/tiling.h"
#include "bitline/mapping/verify_mapping.h"

namespace bitline::app {

namespace {

// {"conv1": {"input": 0.3, "weight": 0.5}, ...}
std::map<std::string, estimate::Density> read_densities(Session& session, const std::string& path) {
  std::map<std::string, estimate::Density> out;
  if (path.empty()) return out;
  session.add_input(path);
  const io::Json json = io::parse_json(io::read_text(session.files(), path), path);
  if (!json.is_object()) bad_input("expected an object of layers", Where{path, 0, 0, {}});
  for (const auto& [node, entry] : json.as_object()) {
    const Where where{path, 0, 0, node};
    const bool known =
        entry.is_object() &&
        std::all_of(entry.as_object().begin(), entry.as_object().end(),
                    [](const auto& member) { return member.first == "input" || member.first == "weight"; });
    if (!known) bad_input("expected an object of 'input' and 'weight' densities", where);
    estimate::Density density;
    if (const io::Json* input = entry.find("input")) density.input = input->as_number();
    if (const io::Json* weight = entry.find("weight")) density.weight = weight->as_number();
    out[node] = density;
  }
  return out;
}

std::vector<std::string> unmapped_layers(const quant::QuantizedModel& model,
                                         const mapping::Mapping& mapping) {
  std::vector<std::string> out;
  for (const ir::Node& node : model.graph.nodes()) {
    if (!mapping::layer_shape(model.graph, node)) continue;
    const bool placed = std::any_of(mapping.layers.begin(), mapping.layers.end(),
                                    [&](const auto& layer) { return layer.node == node.name; });
    if (!placed) out.push_back(node.name);
  }
  return out;
}

class EstimateCommand final : public Command {
 public:
  std::string name() const override { return "estimate"; }
  std::string description() const override {
    return "energy, latency and throughput of a network on a chip, beside other chips";
  }

  void declare(CLI::App& app) override {
    flags_.declare(app);
    app.add_option("--hardware", hardware_, "a design (bitline hardware list) or a YAML file of a whole chip")
        ->required();
    app.add_option("--vs", others_, "designs or files to compare with; reload rounds are allowed there")
        ->delimiter(',');
    app.add_option("--input-density", density_.input,
                   "share of ones in input bits (default: 1, full activity)")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--weight-density", density_.weight, "share of ones in cells (default: 1)")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--activity", activity_, "densities by layer: JSON {NODE: {\"input\": x, \"weight\": y}}");
    app.add_option("--batch", batch_, "pictures between reloads of the weights")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }

  result::Record run(Session& session) override {
    estimate::EstimateOptions options{density_, read_densities(session, activity_), batch_};
    std::vector<ChipEstimate> chips;
    chips.push_back(one(session, hardware_, flags_.options(), options));
    for (const std::string& other : others_) {
      mapping::MappingOptions mapping = flags_.options();
      mapping.reload = true;
      mapping.array_budget = 0;
      if (const auto board = roofline(session, other, chips.front())) {
        chips.push_back(*board);
      } else {
        chips.push_back(one(session, other, mapping, options));
      }
    }
    return estimate_report(flags_.model, chips);
  }

 private:
  ChipEstimate one(Session& session, const std::string& hardware, const mapping::MappingOptions& options,
                   const estimate::EstimateOptions& estimate_options) const {
    const OpenedChip opened = open_chip(session, hardware);
    if (!opened.spec)
      bad_input("'" + hardware + "' describes arrays and no chip: it has no costs", {},
                "use a file with schema " + std::string(hardware::kHardwareSchema) +
                    ", or a design of bitline hardware list");
    const quant::QuantizedModel model = flags_.load(session, opened);
    ChipEstimate out;
    out.name = hardware;
    out.precision = mapped_text(model, opened);
    out.mapping = mapping::map_network(model, opened.chip, options);
    if (const auto found = mapping::verify_mapping(out.mapping, model); !found.empty())
      throw Error(ErrorCode::kVerification,
                  "the mapping does not hold: " + found[0].name + ", " + found[0].text);
    out.estimate =
        estimate::estimate(out.mapping, *opened.spec, unmapped_layers(model, out.mapping), estimate_options);
    for (const mapping::MappedLayer& layer : out.mapping.layers) out.weights += layer.weights();
    return out;
  }

  // A digital comparator runs the layers that the first chip has on arrays.
  std::optional<ChipEstimate> roofline(Session& session, const std::string& hardware,
                                       const ChipEstimate& first) const {
    if (hardware::find_design(hardware) == nullptr && !session.files().exists(hardware)) return std::nullopt;
    const hardware::HardwareSpec spec = hardware::open_hardware(session.files(), hardware);
    if (!spec.is_digital()) return std::nullopt;
    for (const std::string& file : spec.files) session.add_input(file);
    const double bits = value_or(spec.operands.weight_bits, 8.0);
    ChipEstimate out;
    out.name = hardware;
    out.weights = first.weights;
    out.precision = "W" + std::to_string(static_cast<int>(bits)) + " on " + spec.name;
    out.estimate = estimate::estimate_roofline(spec, first.estimate.macs,
                                               static_cast<double>(first.weights) * bits / 8.0);
    return out;
  }

  MappingFlags flags_;
  std::string hardware_, activity_;
  std::vector<std::string> others_;
  estimate::Density density_;
  std::int64_t batch_ = 1;
};

}  // namespace

std::unique_ptr<Command> make_estimate() {
  return std::make_unique<EstimateCommand>();
}

}  // namespace bitline::app
