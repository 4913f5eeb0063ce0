#include "bitline/estimate/pipeline.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"
#include "bitline/estimate/loading.h"
#include "bitline/estimate/pipeline_events.h"
#include "bitline/estimate/pipeline_flow.h"
#include "bitline/estimate/pipeline_plan.h"
#include "bitline/estimate/roll_up.h"
#include "bitline/mapping/chip.h"

namespace bitline::estimate {

namespace {

constexpr double kSettled = 0.01;  // periods that differ by less, as a share, are one
constexpr std::array<const char*, kWaits> kWaitNames = {"input", "bus",   "router", "buffer",
                                                        "adc",   "logic", "uneven"};

void check(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
           const PipelineOptions& options) {
  if (options.pictures < 1) bad_input("a pipeline has at least one picture");
  if (options.batch < 1) bad_input("a batch has at least one picture");
  const std::int64_t pictures = mapping.rounds > 1 ? options.batch : options.pictures;
  if (pictures > kMostPictures)
    bad_input("a pipeline of " + std::to_string(pictures) + " pictures is too long to simulate", {},
              "at most " + std::to_string(kMostPictures));
  mapping::Chip chip = mapping::chip_of(spec);
  chip.name = mapping.chip.name;
  chip.resident = mapping.chip.resident;
  if (mapping.chip != chip)
    bad_input("the mapping is for another chip than " + spec.name, {}, "map the network on this hardware");
}

double cycle_of(const hardware::HardwareSpec& spec) {
  const std::optional<double> cycle = roll_up(spec).cycle;
  if (!cycle)
    bad_input(spec.name + " does not state array.cycle: its pipeline has no time", spec.array.where,
              "state array.cycle, or array.column_mux and adc.rate");
  return *cycle;
}

void check_loading(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec) {
  if (mapping.rounds == 1 || spec.weights.bandwidth) return;
  bad_input(spec.name + " does not state weights.bandwidth, and the network takes " +
                std::to_string(mapping.rounds) + " rounds: loading has no time",
            spec.weights.where, "state weights.bandwidth");
}

class Simulation {
 public:
  Simulation(const mapping::Mapping& mapping, const quant::QuantizedModel& model,
             const hardware::HardwareSpec& spec, const PipelineOptions& options, const Context& context)
      : mapping_(mapping),
        spec_(spec),
        context_(context),
        activity_(count_activity(mapping, conversions_in(spec, roll_up(spec).cycle))),
        flow_(flow_of(mapping, activity_, model.graph)),
        in_{mapping, activity_, model, spec, flow_, cycle_of(spec)},
        pictures_(mapping.rounds > 1 ? options.batch : options.pictures) {}

  Pipeline run() {
    out_.notes = pipeline_notes(in_);
    add_layers();
    for (std::size_t r = 0; r < activity_.rounds.size(); ++r) run_one(static_cast<std::int64_t>(r));
    for (PipelineLayer& layer : out_.layers) layer.utilisation = layer.busy / out_.total;
    add_figures();
    return std::move(out_);
  }

 private:
  void add_layers() {
    const bool timed = digital_rate(spec_) > 0.0;
    for (const Vertex& vertex : flow_.vertices) {
      const bool shown = vertex.kind == VertexKind::kLayer || (timed && vertex.row_macs > 0.0);
      lanes_.push_back(shown ? std::ssize(out_.layers) : -1);
      if (shown) out_.layers.push_back({vertex.node, vertex.layer, 0.0, {}, 0.0});
    }
  }

  void run_one(std::int64_t round) {
    const double load = loading_time(mapping_, spec_, activity_, static_cast<std::size_t>(round));
    if (load > 0.0) out_.spans.push_back({-1, 0, out_.total, out_.total + load});
    const double start = out_.total + load;
    const RoundPlan plan = plan_round(in_, round);
    out_.notes.insert(out_.notes.end(), plan.notes.begin(), plan.notes.end());
    const RoundTimes times = run_round(flow_, plan, pictures_, context_);
    for (const PipelineSpan& span : times.spans)
      out_.spans.push_back({lanes_[static_cast<std::size_t>(span.layer)], span.picture,
                            start + span.begin * in_.cycle, start + span.end * in_.cycle});
    for (const double done : times.completions) out_.completions.push_back(start + done * in_.cycle);
    for (std::size_t v = 0; v < flow_.vertices.size(); ++v) add_times(lanes_[v], times.vertices[v]);
    out_.total = start + times.end * in_.cycle;
    if (mapping_.rounds > 1) return;
    logic_stage_ = logic_stage(flow_, plan);
    followed_ = followed(plan, times);
  }

  // Completions while further pictures follow: the last ones would be alone on buses, routers and digital
  // units otherwise.
  std::vector<double> followed(const RoundPlan& plan, const RoundTimes& times) const {
    const std::size_t last = times.completions.size() - 1;
    const bool shared = plan.servers > 0 || logic_stage_ > 0.0;
    if (!shared || last == 0 || times.completions[last] <= 0.0) return times.completions;
    const double mean = times.completions[last] / static_cast<double>(last + 1);
    const auto in_flight = static_cast<std::int64_t>(std::ceil(times.completions[0] / mean));
    std::vector<double> out = run_round(flow_, plan, pictures_ + in_flight + 1, context_).completions;
    out.resize(last + 1);
    return out;
  }

  void add_times(std::int64_t lane, const VertexTimes& times) {
    if (lane < 0) return;
    PipelineLayer& layer = out_.layers[static_cast<std::size_t>(lane)];
    layer.busy += times.busy * in_.cycle;
    for (std::size_t w = 0; w < kWaits; ++w) layer.waits[w] += times.waits[w] * in_.cycle;
  }

  void add_figures() {
    out_.latency = out_.completions.front();
    if (mapping_.rounds > 1) {
      out_.period = out_.total / static_cast<double>(pictures_);
      return;
    }
    const std::size_t last = followed_.size() - 1;
    if (last == 0) return;
    const double period = followed_[last] - followed_[last - 1];
    const std::vector<double>& stages = activity_.rounds.front().times;
    const double slowest = std::max(logic_stage_, *std::max_element(stages.begin(), stages.end()));
    out_.period = std::max(period, slowest) * in_.cycle;
    if (last < 2) return;
    const double before = followed_[last - 1] - followed_[last - 2];
    if (std::abs(std::max(period, slowest) - std::max(before, slowest)) > kSettled * period)
      out_.notes.push_back("period: still changing after " + std::to_string(followed_.size()) +
                           " pictures; more of them show the steady state");
  }

  const mapping::Mapping& mapping_;
  const hardware::HardwareSpec& spec_;
  const Context& context_;
  Activity activity_;
  Flow flow_;
  PlanInput in_;
  std::int64_t pictures_;
  std::vector<std::int64_t> lanes_;  // of vertices: their places in out_.layers; -1: none
  double logic_stage_ = 0.0;         // cycles
  std::vector<double> followed_;     // cycles
  Pipeline out_;
};

}  // namespace

const char* wait_name(Wait wait) {
  return kWaitNames[static_cast<std::size_t>(wait)];
}

std::optional<double> Pipeline::frames() const {
  if (!period || *period <= 0.0) return std::nullopt;
  return 1.0 / *period;
}

Pipeline simulate_pipeline(const mapping::Mapping& mapping, const quant::QuantizedModel& model,
                           const hardware::HardwareSpec& spec, const PipelineOptions& options,
                           const Context& context) {
  check(mapping, spec, options);
  check_loading(mapping, spec);
  return Simulation(mapping, model, spec, options, context).run();
}

}  // namespace bitline::estimate
