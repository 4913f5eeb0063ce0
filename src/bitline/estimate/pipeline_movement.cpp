#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "bitline/base/units.h"
#include "bitline/estimate/pipeline_plan.h"

namespace bitline::estimate {

namespace {

using hardware::Component;
using hardware::HardwareSpec;
using hardware::value_or;

constexpr double kTinyShare = 1e-12;

const Component* find_kind(const HardwareSpec& spec, const char* kind) {
  for (const Component& c : spec.tile.components) {
    if (c.kind == kind) return &c;
  }
  return nullptr;
}

// Seconds for some bits: by bandwidth, or in whole words at a clock.
struct Rate {
  double word_bits = 0.0;  // 0: bandwidth
  double word_time = 0.0;  // s a word, or s a bit

  double seconds(double bits) const {
    return word_bits > 0.0 ? std::ceil(bits / word_bits - 1e-9) * word_time : bits * word_time;
  }
};

std::optional<Rate> rate_of(const HardwareSpec& spec, const Component* c) {
  if (c == nullptr) return std::nullopt;
  const double count = value_or(c->count, 1.0);
  if (c->bandwidth) return Rate{0.0, 1.0 / (kBitsPerByte * c->bandwidth->value * count)};
  const hardware::OptionalConstant& clock = c->clock ? c->clock : spec.technology.clock;
  if (!c->width || !clock) return std::nullopt;
  return Rate{c->width->value * count, 1.0 / clock->value};
}

std::int64_t whole(const hardware::OptionalConstant& constant, std::int64_t fallback) {
  return constant ? static_cast<std::int64_t>(constant->value) : fallback;
}

double share_in(const std::vector<TileShare>& shares, std::size_t tile) {
  const auto it = std::lower_bound(shares.begin(), shares.end(), tile,
                                   [](const TileShare& s, std::size_t t) { return s.tile < t; });
  return it == shares.end() || it->tile != tile ? 0.0 : it->share;
}

class Movement {
 public:
  Movement(const PlanInput& in, const std::vector<std::vector<TileShare>>& shares, RoundPlan& plan)
      : in_(in), shares_(shares), plan_(plan), router_(find_kind(in.spec, "router")) {
    const Component* bus = find_kind(in.spec, "bus");
    bus_rate_ = rate_of(in.spec, bus);
    if (bus != nullptr) tiles_a_bus_ = static_cast<std::size_t>(whole(bus->shared_by, 1));
    router_rate_ = rate_of(in.spec, router_);
    for (const auto& of_layer : shares)
      for (const TileShare& s : of_layer) tiles_ = std::max(tiles_, s.tile + 1);
    if (router_ == nullptr) return;
    tiles_a_router_ = whole(router_->shared_by, 1);
    ports_ = router_->ports ? std::min(whole(router_->ports, 1), tiles_a_router_) : 1;
  }

  void add() {
    if (!bus_rate_ && !router_rate_) return;
    // Servers: the buses, then ports out of tiles and into them.
    first_bus_ = plan_.servers;
    first_out_ = first_bus_ + bus_of(tiles_) + 1;
    first_in_ = first_out_ + port_of(tiles_) + static_cast<std::size_t>(ports_);
    plan_.servers = first_in_ + port_of(tiles_) + static_cast<std::size_t>(ports_);
    for (std::size_t e = 0; e < plan_.edges.size(); ++e) add_edge(in_.flow.edges[e], plan_.edges[e]);
  }

 private:
  std::size_t port_of(std::size_t tile) const {
    const auto t = static_cast<std::int64_t>(tile);
    return static_cast<std::size_t>(t / tiles_a_router_ * ports_ + t % tiles_a_router_ % ports_);
  }

  std::size_t bus_of(std::size_t tile) const { return tile / tiles_a_bus_; }

  double share_on_bus(const std::vector<TileShare>& shares, std::size_t tile) const {
    double sum = 0.0;
    const auto before = [](const TileShare& s, std::size_t t) { return s.tile < t; };
    auto it = std::lower_bound(shares.begin(), shares.end(), bus_of(tile) * tiles_a_bus_, before);
    for (; it != shares.end() && bus_of(it->tile) == bus_of(tile); ++it) sum += it->share;
    return sum;
  }

  void add_edge(const Edge& edge, EdgePlan& out) const {
    const std::int64_t from = in_.flow.vertices[edge.from].place, to = in_.flow.vertices[edge.to].place;
    const bool leaves = in_.flow.vertices[edge.to].kind == VertexKind::kResult;
    if (!out.active || out.stored || leaves || from < 0 || from == to) return;
    const auto &a = shares_[static_cast<std::size_t>(from)], &b = shares_[static_cast<std::size_t>(to)];
    const double latency = router_ != nullptr ? value_or(router_->latency, 0.0) / in_.cycle : 0.0;
    Hop bus_out{Leg::kBusOut, {}, 0.0}, router_out{Leg::kRouter, {}, 0.0};
    Hop router_in{Leg::kRouter, {}, latency}, bus_in{Leg::kBusIn, {}, 0.0};
    for (const TileShare& s : a) {
      const double bits = out.row_bits * s.share, away = bits * (1.0 - share_in(b, s.tile));
      add_use(bus_rate_, first_bus_ + bus_of(s.tile), bits, bus_out);
      add_use(router_rate_, first_out_ + port_of(s.tile), away, router_out);
    }
    for (const TileShare& s : b) {
      const double away = out.row_bits * s.share * (1.0 - share_in(a, s.tile));
      add_use(router_rate_, first_in_ + port_of(s.tile), away, router_in);
      const double from_other_buses = out.row_bits * s.share * (1.0 - share_on_bus(a, s.tile));
      add_use(bus_rate_, first_bus_ + bus_of(s.tile), from_other_buses, bus_in);
    }
    for (Hop* hop : {&bus_out, &router_out, &router_in, &bus_in}) {
      if (!hop->uses.empty()) out.hops.push_back(std::move(*hop));
    }
  }

  void add_use(const std::optional<Rate>& rate, std::size_t server, double bits, Hop& hop) const {
    if (rate && bits > kTinyShare) hop.uses.push_back({server, rate->seconds(bits) / in_.cycle});
  }

  const PlanInput& in_;
  const std::vector<std::vector<TileShare>>& shares_;
  RoundPlan& plan_;
  const Component* router_;
  std::optional<Rate> bus_rate_, router_rate_;
  std::size_t tiles_ = 0;
  std::size_t tiles_a_bus_ = 1;
  std::int64_t tiles_a_router_ = 1, ports_ = 1;
  std::size_t first_bus_ = 0, first_out_ = 0, first_in_ = 0;
};

}  // namespace

std::vector<std::vector<TileShare>> tile_shares(const PlanInput& in, std::int64_t round) {
  std::vector<std::map<std::size_t, double>> arrays(in.mapping.layers.size());
  std::vector<double> totals(in.mapping.layers.size(), 0.0);
  const std::int64_t first = round * in.activity.arrays_a_round;
  for (std::int64_t a = 0; a < in.activity.arrays_a_round; ++a) {
    const std::int64_t layer = in.activity.arrays[static_cast<std::size_t>(first + a)].layer;
    if (layer < 0) continue;
    arrays[static_cast<std::size_t>(layer)][static_cast<std::size_t>(in.mapping.tile_of(a))] += 1.0;
    totals[static_cast<std::size_t>(layer)] += 1.0;
  }
  std::vector<std::vector<TileShare>> out(arrays.size());
  for (std::size_t l = 0; l < arrays.size(); ++l)
    for (const auto& [tile, count] : arrays[l]) out[l].push_back({tile, count / totals[l]});
  return out;
}

void add_movement(const PlanInput& in, const std::vector<std::vector<TileShare>>& shares, RoundPlan& plan) {
  Movement(in, shares, plan).add();
}

void movement_notes(const PlanInput& in, std::vector<std::string>& notes) {
  for (const char* kind : {"bus", "router"}) {
    const Component* c = find_kind(in.spec, kind);
    if (c == nullptr) {
      notes.push_back(std::string("tile: no ") + kind + " is described, it takes no time");
    } else if (!rate_of(in.spec, c)) {
      notes.push_back("tile." + c->name + ": no bandwidth, and no width with a clock: it takes no time");
    }
    for (const Component& other : in.spec.tile.components) {
      if (other.kind == kind && &other != c)
        notes.push_back("tile." + other.name + ": only the first " + kind + " of a tile is in the model, " +
                        c->name);
    }
  }
  const auto is_buffer = [](const Component& c) { return c.kind == "buffer" && c.capacity; };
  const auto& components = in.spec.tile.components;
  if (std::none_of(components.begin(), components.end(), is_buffer))
    notes.push_back("tile: no buffer with a capacity is described, there is room for all rows");
}

}  // namespace bitline::estimate
