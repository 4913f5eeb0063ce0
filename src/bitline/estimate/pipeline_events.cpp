#include "bitline/estimate/pipeline_events.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <tuple>

#include "bitline/base/error.h"

namespace bitline::estimate {

namespace {

// When a row was computed, left the bus it came from, left the routers, and arrived.
using Journey = std::array<double, 4>;
constexpr std::array<Wait, 4> kJourneyWaits = {Wait::kInput, Wait::kBus, Wait::kRouter, Wait::kBus};

enum class EventKind { kDone, kMoved, kWake, kLogic };

constexpr std::int64_t kEventsAtOnce = 4096;  // between looks at the cancel token

struct Event {
  double time = 0.0;
  EventKind kind = EventKind::kDone;
  std::size_t index = 0;  // of the vertex or, moved, of the edge
  std::int64_t row = 0;   // counted over pictures
  std::size_t hop = 0;

  bool operator>(const Event& other) const {
    return std::tie(time, kind, index, row) > std::tie(other.time, other.kind, other.index, other.row);
  }
};

struct EdgeState {
  std::int64_t reserved = 0, arrived = 0, freed = 0;  // rows over all pictures
  std::vector<Journey> journeys;                      // of rows that travel
};

struct VertexState {
  std::int64_t started = 0;  // rows
  Replicas replicas;
  double wake = -1.0;
  std::size_t span = 0;  // 1 + index of its latest one
};

class RoundRun {
 public:
  RoundRun(const Flow& flow, const RoundPlan& plan, std::int64_t pictures, const Context& context)
      : flow_(flow),
        plan_(plan),
        context_(context),
        pictures_(pictures),
        edges_(flow.edges.size()),
        vertices_(flow.vertices.size()),
        servers_(plan.servers, 0.0) {
    out_.vertices.resize(flow.vertices.size());
  }

  RoundTimes run() {
    start();
    for (std::int64_t events = 0; !queue_.empty(); ++events) {
      if (events % kEventsAtOnce == 0) context_.check_cancelled();
      const Event event = queue_.top();
      queue_.pop();
      handle(event);
    }
    out_.end = now_;
    for (std::size_t v = 0; v < vertices_.size(); ++v)
      BITLINE_CHECK(!plan_.vertices[v].active || vertices_[v].started == total_rows(v));
    return std::move(out_);
  }

 private:
  const Vertex& vertex(std::size_t v) const { return flow_.vertices[v]; }
  bool in_logic(std::size_t v) const { return plan_.vertices[v].in_logic; }

  void handle(const Event& event) {
    now_ = event.time;
    switch (event.kind) {
      case EventKind::kDone:
        finish_row(event.index, event.row);
        break;
      case EventKind::kMoved:
        move_on(event.index, event.row, event.hop);
        break;
      case EventKind::kWake:
        go_on(event.index);
        break;
      case EventKind::kLogic:
        go_on_in_logic();
        break;
    }
  }

  std::int64_t total_rows(std::size_t v) const { return pictures_ * vertex(v).rows; }

  void start() {
    for (std::size_t v = 0; v < vertices_.size(); ++v)
      vertices_[v].replicas = Replicas(plan_.vertices[v].replicas, plan_.vertices[v].step);
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      if (plan_.edges[e].active && plan_.edges[e].stored) refill(e);
      if (plan_.edges[e].active && !plan_.edges[e].stored)
        edges_[e].journeys.resize(static_cast<std::size_t>(total_rows(flow_.edges[e].from)));
    }
    for (std::size_t v = 0; v < vertices_.size(); ++v) go_on(v);
  }

  // Stored rows are there as soon as there is room.
  void refill(std::size_t e) {
    EdgeState& edge = edges_[e];
    const std::int64_t total = total_rows(flow_.edges[e].from), room = plan_.edges[e].room;
    const std::int64_t rows = room >= total - edge.freed ? total : edge.freed + room;
    edge.arrived = edge.reserved = std::max(edge.arrived, rows);
  }

  // Rows of the edge that row `row` of its reader needs, over all pictures.
  std::int64_t needed(std::size_t e, std::int64_t row) const {
    const Edge& edge = flow_.edges[e];
    const std::int64_t rows = vertex(edge.to).rows;
    return row / rows * vertex(edge.from).rows + edge.need[static_cast<std::size_t>(row % rows)];
  }

  bool has_inputs(std::size_t v, std::int64_t row) const {
    return std::all_of(vertex(v).inputs.begin(), vertex(v).inputs.end(), [&](std::size_t e) {
      return !plan_.edges[e].active || edges_[e].arrived >= needed(e, row);
    });
  }

  bool has_room(std::size_t v) const {
    return std::all_of(vertex(v).outputs.begin(), vertex(v).outputs.end(), [&](std::size_t e) {
      return !plan_.edges[e].active || edges_[e].reserved - edges_[e].freed < plan_.edges[e].room;
    });
  }

  // Starts all rows of a vertex that may start now.
  void go_on(std::size_t v) {
    if (!plan_.vertices[v].active) return;
    if (in_logic(v)) {
      ask_for_logic();
      return;
    }
    VertexState& state = vertices_[v];
    const bool layer = vertex(v).kind == VertexKind::kLayer;
    while (state.started < total_rows(v)) {
      const bool first = state.started % vertex(v).rows == 0;
      const double free = first ? state.replicas.last_free() : state.replicas.first_free();
      if (layer && free > now_) {
        if (state.wake != free) queue_.push({free, EventKind::kWake, v, 0, 0});
        state.wake = free;
        return;
      }
      if (!has_inputs(v, state.started) || !has_room(v)) return;
      start_row(v);
    }
  }

  void start_row(std::size_t v) {
    for (const std::size_t e : vertex(v).outputs) ++edges_[e].reserved;
    const bool takes_time = vertex(v).kind == VertexKind::kLayer || in_logic(v);
    const double end = takes_time ? work(v) : now_;
    queue_.push({end, EventKind::kDone, v, vertices_[v].started, 0});
    ++vertices_[v].started;
  }

  // Asked once all else of this time is done, so that no row has an advantage.
  void ask_for_logic() {
    if (logic_free_ > now_ || logic_asked_) return;
    logic_asked_ = true;
    queue_.push({now_, EventKind::kLogic, 0, 0, 0});
  }

  void go_on_in_logic() {
    logic_asked_ = false;
    const auto picture = [this](std::size_t v) { return vertices_[v].started / vertex(v).rows; };
    std::optional<std::size_t> next;
    for (std::size_t v = 0; v < vertices_.size(); ++v) {
      if (!in_logic(v) || !plan_.vertices[v].active || vertices_[v].started >= total_rows(v)) continue;
      if (next && picture(*next) <= picture(v)) continue;
      if (has_inputs(v, vertices_[v].started) && has_room(v)) next = v;
    }
    if (!next) return;
    start_row(*next);
    logic_free_ = vertices_[*next].replicas.last_free();
  }

  // Puts the next row of a layer on its replicas; returns when it is done.
  double work(std::size_t v) {
    VertexState& state = vertices_[v];
    const VertexPlan& plan = plan_.vertices[v];
    VertexTimes& times = out_.vertices[v];
    const auto replicas = static_cast<double>(plan.replicas);
    if (state.started % vertex(v).rows == 0) {
      const double all = state.replicas.last_free();
      state.replicas.hold(all, [&](std::int64_t count, double from) {
        times.waits[static_cast<std::size_t>(Wait::kUneven)] +=
            static_cast<double>(count) * (all - from) / replicas;
      });
    }
    const Journey journey = journey_of(v, state.started);
    state.replicas.hold(now_, [&](std::int64_t count, double from) {
      add_wait(v, static_cast<double>(count) / replicas, from, journey);
    });
    double end = state.replicas.take(vertex(v).row_positions);
    times.busy += static_cast<double>(vertex(v).row_positions) * plan.step / replicas;
    const double converted = serve(plan.conversions);
    if (converted > end) {
      times.waits[static_cast<std::size_t>(Wait::kAdc)] += converted - end;
      state.replicas.delay(converted - end);
      end = converted;
    }
    add_span(v, end);
    return end;
  }

  // Of the last row that `row` of a layer waits for. What is stored waits for room alone.
  Journey journey_of(std::size_t v, std::int64_t row) const {
    const std::size_t e = vertex(v).inputs.front();
    const std::int64_t need = needed(e, row);
    if (plan_.edges[e].stored || need == 0) return {};
    return edges_[e].journeys[static_cast<std::size_t>(need - 1)];
  }

  void add_wait(std::size_t v, double weight, double from, const Journey& journey) {
    VertexTimes& times = out_.vertices[v];
    for (std::size_t leg = 0; leg < journey.size(); ++leg) {
      const double to = std::clamp(journey[leg], from, now_);
      times.waits[static_cast<std::size_t>(kJourneyWaits[leg])] += weight * (to - from);
      from = to;
    }
    const double logic = in_logic(v) ? std::clamp(logic_free_, from, now_) : from;
    times.waits[static_cast<std::size_t>(Wait::kLogic)] += weight * (logic - from);
    times.waits[static_cast<std::size_t>(Wait::kBuffer)] += weight * (now_ - logic);
  }

  // The time at which all uses that are asked for now are done.
  double serve(const std::vector<Use>& uses) {
    double end = now_;
    for (const Use& use : uses) {
      double& free = servers_[use.server];
      free = std::max(free, now_) + use.time;
      end = std::max(end, free);
    }
    return end;
  }

  void add_span(std::size_t v, double end) {
    VertexState& state = vertices_[v];
    const std::int64_t picture = state.started / vertex(v).rows;
    if (state.span > 0) {
      PipelineSpan& last = out_.spans[state.span - 1];
      if (last.picture == picture && now_ <= last.end) {
        last.end = std::max(last.end, end);
        return;
      }
    }
    out_.spans.push_back({static_cast<std::int64_t>(v), picture, now_, end});
    state.span = out_.spans.size();
  }

  void finish_row(std::size_t v, std::int64_t row) {
    const std::int64_t rows = vertex(v).rows, y = row % rows;
    if (vertex(v).kind == VertexKind::kResult) out_.completions.push_back(now_);
    for (const std::size_t e : vertex(v).outputs) {
      if (!plan_.edges[e].active) continue;
      edges_[e].journeys[static_cast<std::size_t>(row)].fill(now_);
      move_on(e, row, 0);
    }
    for (const std::size_t e : vertex(v).inputs) {
      if (!plan_.edges[e].active) continue;
      const Edge& edge = flow_.edges[e];
      edges_[e].freed = row / rows * vertex(edge.from).rows + edge.keep[static_cast<std::size_t>(y + 1)];
      if (plan_.edges[e].stored) {
        refill(e);
        go_on(v);
      } else {
        go_on(edge.from);
      }
    }
    if (in_logic(v)) ask_for_logic();
  }

  // A row has `hop` hops behind it.
  void move_on(std::size_t e, std::int64_t row, std::size_t hop) {
    const std::vector<Hop>& hops = plan_.edges[e].hops;
    Journey& journey = edges_[e].journeys[static_cast<std::size_t>(row)];
    if (hop > 0) {
      const auto leg = static_cast<std::size_t>(hops[hop - 1].leg) + 1;
      std::fill(journey.begin() + static_cast<std::ptrdiff_t>(leg), journey.end(), now_);
    }
    if (hop < hops.size()) {
      const double end = serve(hops[hop].uses) + hops[hop].latency;
      queue_.push({end, EventKind::kMoved, e, row, hop + 1});
      return;
    }
    edges_[e].arrived = row + 1;
    go_on(flow_.edges[e].to);
  }

  const Flow& flow_;
  const RoundPlan& plan_;
  const Context& context_;
  std::int64_t pictures_;
  double now_ = 0.0;
  double logic_free_ = 0.0;  // the digital units
  bool logic_asked_ = false;
  std::vector<EdgeState> edges_;
  std::vector<VertexState> vertices_;
  std::vector<double> servers_;  // free at
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  RoundTimes out_;
};

}  // namespace

double Replicas::take(std::int64_t positions) {
  const auto rounds = static_cast<double>(positions / count_);
  for (Run& run : runs_) run.free += rounds * step_;
  for (std::int64_t left = positions % count_; left > 0;) {
    Run& front = runs_.front();
    const std::int64_t taken = std::min(left, front.count);
    const double end = front.free + step_;
    front.count -= taken;
    left -= taken;
    if (front.count == 0) runs_.pop_front();
    if (!runs_.empty() && runs_.back().free == end) {
      runs_.back().count += taken;
    } else {
      runs_.push_back({end, taken});
    }
  }
  return runs_.back().free;
}

void Replicas::delay(double time) {
  for (Run& run : runs_) run.free += time;
}

RoundTimes run_round(const Flow& flow, const RoundPlan& plan, std::int64_t pictures, const Context& context) {
  return RoundRun(flow, plan, pictures, context).run();
}

}  // namespace bitline::estimate
