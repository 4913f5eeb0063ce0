// bitline estimate: energy, time and throughput of a mapped network on one chip, and beside others.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <CLI/CLI.hpp>

#include "bitline/app/activity_options.h"
#include "bitline/app/command.h"
#include "bitline/app/estimate_report.h"
#include "bitline/app/hardware_report.h"
#include "bitline/app/mapping_options.h"
#include "bitline/app/pipeline_picture.h"
#include "bitline/app/pipeline_report.h"
#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/estimate/digital.h"
#include "bitline/hardware/board.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/io/atomic_file.h"
#include "bitline/mapping/tiling.h"
#include "bitline/mapping/verify_mapping.h"

namespace bitline::app {

namespace {

constexpr int kMostChips = 4096;

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
    app.add_option("--chips", chips_, "chips on a board, of every design")
        ->check(CLI::Range(1, kMostChips))
        ->capture_default_str();
    activity_.declare(app);
    app.add_flag("--layer-adcs", layer_adcs_,
                 "artefacts: conversions stop at the resolution of the layer where the chip's ADC has more");
    batch_option_ = app.add_option("--batch", batch_, "pictures between reloads of the weights")
                        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
                        ->capture_default_str();
    reload_option_ = app.get_option("--reload");
    CLI::Option* pipeline =
        app.add_flag("--pipeline", pipeline_, "simulate layers at work at the same time, row by row");
    app.add_option("--pictures", pictures_, "pictures that follow each other in the pipeline")
        ->check(CLI::Range(std::int64_t{1}, estimate::kMostPictures))
        ->needs(pipeline)
        ->capture_default_str();
    app.add_option("--gantt", gantt_, "write a picture of the pipeline: an SVG file")->needs(pipeline);
  }

  result::Record run(Session& session) override {
    if (batch_option_->count() > 0 && reload_option_->count() == 0 && others_.empty())
      throw Error(ErrorCode::kUsage, "--batch has no effect where weights are not loaded again", {},
                  "add --reload");
    std::vector<Placed> placed = {place(session, hardware_)};
    std::vector<std::string> missing;
    const estimate::EstimateOptions options{
        activity_.density,
        activity_.densities(session, placed[0].model, placed[0].mapping, missing),
        batch_,
        {},
        {}};
    std::vector<ChipEstimate> chips = {cost_of(session, placed[0], options)};
    for (const std::string& other : others_) {
      if (auto comparator = digital(session, other, chips.front())) {
        chips.push_back(std::move(*comparator));
        continue;
      }
      placed.push_back(place_beside(session, other));
      placed.back().index = chips.size();
      chips.push_back(cost_of(session, placed.back(), options));
    }
    add_common(placed, options, chips);
    result::Record record = estimate_report(flags_.model, chips);
    record.add("activity", activity_.text());
    add_missing_classes(missing, record, "classes_missing");
    if (pipeline_) add_pipeline(chips, record);
    if (!gantt_.empty()) {
      const std::string title = flags_.model + " as " + chips.front().precision;
      io::write_atomically(session.files(), gantt_, pipeline_picture(title, *chips.front().pipeline));
      record.add("gantt_file", gantt_);
    }
    return record;
  }

 private:
  struct Placed {
    std::string hardware;
    OpenedChip chip;
    std::string marks;  // of one chip
    quant::QuantizedModel model;
    bool adapted = false;     // the network is quantized for other arrays
    std::string converters;   // how it runs what its converters cannot; empty: as quantized
    bool ideal_sums = false;  // the network has ideal partial sums
    mapping::Mapping mapping;
    std::size_t index = 0;  // among the chips beside each other
  };

  // As the network is quantized.
  Placed place(Session& session, const std::string& hardware) const {
    Placed out = open(session, hardware);
    out.model = flags_.load(session, out.chip);
    out.ideal_sums = has_ideal_sums(out.model);
    map(out, flags_.options());
    return out;
  }

  Placed place_beside(Session& session, const std::string& hardware) const {
    Placed out = open(session, hardware);
    MappingFlags::Workload work = flags_.load_for_costs(session, out.chip);
    out.model = std::move(work.model);
    out.adapted = work.adapted;
    out.converters = work.converters;
    out.ideal_sums = work.ideal_sums;
    mapping::MappingOptions options = flags_.options();
    options.reload = true;
    options.array_budget = 0;
    map(out, options);
    return out;
  }

  Placed open(Session& session, const std::string& hardware) const {
    Placed out{hardware, open_chip(session, hardware), {}, {}, {}, {}, {}, {}, {}};
    if (!out.chip.spec)
      bad_input("'" + hardware + "' describes arrays and no chip: it has no costs", {},
                "use a file with schema " + std::string(hardware::kHardwareSchema) +
                    ", or a design of bitline hardware list");
    out.marks = marks_text(*out.chip.spec);
    out.chip.spec = hardware::board_of(*out.chip.spec, chips_);
    out.chip.chip = mapping::chip_of(*out.chip.spec);
    return out;
  }

  static void map(Placed& placed, const mapping::MappingOptions& options) {
    placed.mapping = mapping::map_network(placed.model, placed.chip.chip, options);
    if (const auto found = mapping::verify_mapping(placed.mapping, placed.model); !found.empty())
      throw Error(ErrorCode::kVerification,
                  "the mapping does not hold: " + found[0].name + ", " + found[0].text);
  }

  // `mapping`: that of `placed`, or the same with fewer layers in logic.
  estimate::Estimate estimate_of(const Placed& placed, const mapping::Mapping& mapping,
                                 estimate::EstimateOptions options) const {
    options.flow = estimate::dataflow_of(placed.model, mapping);
    if (layer_adcs_) options.adc_bits = adc_bits(placed);
    return estimate::estimate(mapping, *placed.chip.spec, unmapped_layers(placed.model, mapping), options);
  }

  // What is costed, and where that is not the network as it is quantized.
  static std::string precision_text(const Placed& placed) {
    const bool adcs_for_ideal = placed.ideal_sums && placed.chip.spec->adc.stated;
    return mapped_text(placed.model, placed.chip) +
           (placed.converters.empty() ? "" : " " + placed.converters) +
           (adcs_for_ideal ? ", its ADCs costed in place of ideal ones" : "") +
           (placed.adapted ? ", costs alone: quantized for other arrays" : "");
  }

  ChipEstimate cost_of(const Session& session, const Placed& placed,
                       const estimate::EstimateOptions& options) const {
    ChipEstimate out;
    out.name = placed.hardware;
    out.marks = placed.marks;
    out.precision = precision_text(placed);
    out.mapping = placed.mapping;
    out.estimate = estimate_of(placed, placed.mapping, options);
    for (const mapping::MappedLayer& layer : out.mapping.layers) out.weights += layer.weights();
    if (pipeline_) simulate(session, out, placed.model, *placed.chip.spec);
    return out;
  }

  // Only some chips have logic for layers that are not on arrays: a comparison leaves these out everywhere.
  void add_common(const std::vector<Placed>& placed, const estimate::EstimateOptions& options,
                  std::vector<ChipEstimate>& chips) const {
    std::set<std::string> left_out;
    for (const ChipEstimate& chip : chips)
      left_out.insert(chip.estimate.elsewhere.begin(), chip.estimate.elsewhere.end());
    for (const Placed& p : placed) {
      if (chips[p.index].estimate.elsewhere.size() == left_out.size()) continue;
      mapping::Mapping less = p.mapping;
      std::erase_if(less.digital, [&](const std::string& node) { return left_out.contains(node); });
      chips[p.index].common = estimate_of(p, less, options);
    }
  }

  static std::map<std::string, double> adc_bits(const Placed& placed) {
    std::map<std::string, double> out;
    for (const mapping::MappedLayer& layer : placed.mapping.layers) {
      const int levels = placed.model.layers.at(layer.node).config.adc_levels;
      if (levels != quant::kIdealAdc) out[layer.node] = std::log2(static_cast<double>(levels));
    }
    return out;
  }

  // A chip of --vs that states too little stays without times.
  void simulate(const Session& session, ChipEstimate& chip, const quant::QuantizedModel& model,
                const hardware::HardwareSpec& spec) const {
    try {
      chip.pipeline =
          estimate::simulate_pipeline(chip.mapping, model, spec, {pictures_, batch_}, session.context());
    } catch (const Error& error) {
      if (chip.name == hardware_ || error.code() != ErrorCode::kBadInput) throw;
      chip.no_pipeline = error.message();
    }
  }

  // A digital comparator runs the layers that the first chip has on arrays.
  std::optional<ChipEstimate> digital(Session& session, const std::string& hardware,
                                      const ChipEstimate& first) const {
    if (hardware::find_design(hardware) == nullptr && !session.files().exists(hardware)) return std::nullopt;
    const hardware::HardwareSpec chip = hardware::open_hardware(session.files(), hardware);
    if (!chip.is_digital()) return std::nullopt;
    const hardware::HardwareSpec spec = hardware::board_of(chip, chips_);
    for (const std::string& file : spec.files) session.add_input(file);
    const double bits = value_or(spec.operands.weight_bits, 8.0);
    ChipEstimate out;
    out.name = hardware;
    out.weights = first.weights;
    out.marks = marks_text(chip);
    out.precision = "W" + std::to_string(static_cast<int>(bits)) + " on " + spec.name;
    if (pipeline_) out.no_pipeline = "a digital comparator has no pipeline";
    if (spec.accelerator.stated) {
      std::vector<std::string> nodes;
      for (const mapping::MappedLayer& layer : first.mapping.layers) nodes.push_back(layer.node);
      const ir::Graph graph = flags_.load_model(session).graph;
      out.estimate = estimate::estimate_digital(spec, estimate::digital_layers(graph, nodes));
    } else {
      out.estimate = estimate::estimate_roofline(spec, first.estimate.macs,
                                                 static_cast<double>(first.weights) * bits / kBitsPerByte);
      if (!spec.operands.weight_bits) {
        out.estimate.absent.push_back("operands.weight_bits: taken as 8");
        out.estimate.time_complete = false;
      }
    }
    return out;
  }

  MappingFlags flags_;
  ActivityFlags activity_;
  const CLI::Option* batch_option_ = nullptr;
  const CLI::Option* reload_option_ = nullptr;
  std::string hardware_;
  std::vector<std::string> others_;
  std::int64_t batch_ = 1, chips_ = 1;
  bool layer_adcs_ = false;
  bool pipeline_ = false;
  std::int64_t pictures_ = 4;
  std::string gantt_;
};

}  // namespace

std::unique_ptr<Command> make_estimate() {
  return std::make_unique<EstimateCommand>();
}

}  // namespace bitline::app
