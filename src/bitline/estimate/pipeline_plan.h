// What a round of a pipeline works with: replicas and steps of layers, room for rows, and the ways that rows
// take over the buses and routers of a chip. Times are in array cycles.
//
//   tile share   a layer's arrays in the tile / its arrays in the round: rows are spread so over tiles
//   bus          of each tile or of those that share it: share x bits of the row, out of the tiles of one
//                layer and into those of the next; what stays on a bus takes it once
//   router       a port for each tile, as far as it has ports; what stays in a tile does not go there
//   room         a tile's buffers are divided among edges in proportion to the rows that they need at least;
//                an edge has the rows that its tightest tile allows. Where a tile is too small for all that
//                is needed, others lend it room.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "bitline/estimate/pipeline_flow.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/quant/config.h"

namespace bitline::estimate {

// One use of a server, in array cycles.
struct Use {
  std::size_t server = 0;
  double time = 0.0;
};

enum class Leg { kBusOut, kRouter, kBusIn };

// Uses that go on at once; the next hop follows when all are done.
struct Hop {
  Leg leg = Leg::kBusOut;
  std::vector<Use> uses;
  double latency = 0.0;
};

inline constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

struct VertexPlan {
  bool active = false;
  bool in_logic = false;  // it takes turns at the digital units, a row in a step
  std::int64_t replicas = 1;
  double step = 0.0;             // of one position, or of a row in logic
  std::vector<Use> conversions;  // of a row, by converters that are not covered by the cycle
};

struct EdgePlan {
  bool active = false;
  bool stored = false;             // rows of an earlier round, or pictures: there at once
  std::int64_t room = kUnlimited;  // rows, on their way included
  std::int64_t least = 0;          // rows of room without which the network stands still
  double row_bits = 0.0;
  std::vector<Hop> hops;
};

struct RoundPlan {
  std::int64_t round = 0;
  std::vector<VertexPlan> vertices;
  std::vector<EdgePlan> edges;
  std::size_t servers = 0;
  std::vector<std::string> notes;
};

// A layer's share in a tile; lists are sorted by tile.
struct TileShare {
  std::size_t tile = 0;
  double share = 0.0;
};

struct PlanInput {
  const mapping::Mapping& mapping;
  const Activity& activity;
  const quant::QuantizedModel& model;
  const hardware::HardwareSpec& spec;
  const Flow& flow;
  double cycle = 0.0;  // s
};

// Throws Error{kBadInput} naming node and capacity when the buffers of a tile do not hold the rows that a
// node needs at once, or those of the chip the rows that all of them need.
RoundPlan plan_round(const PlanInput& in, std::int64_t round);

// Operations/s of all digital units of the chip that state what a MAC costs and a peak, as in estimate.h.
double digital_rate(const hardware::HardwareSpec& spec);

// Cycles of all layers in logic for one picture.
double logic_stage(const Flow& flow, const RoundPlan& plan);

// Constants that are not stated, or not in the model: "tile.bus: no rate, moves rows in no time".
std::vector<std::string> pipeline_notes(const PlanInput& in);

// For each edge the room without which the flow stands still: the most rows that wait when every row is made
// only when it is asked for. With this room or more on every edge all rows are made, whatever the times.
void set_least_rows(const Flow& flow, RoundPlan& plan);

// pipeline_movement.cpp
std::vector<std::vector<TileShare>> tile_shares(const PlanInput& in, std::int64_t round);
void add_movement(const PlanInput& in, const std::vector<std::vector<TileShare>>& shares, RoundPlan& plan);
void movement_notes(const PlanInput& in, std::vector<std::string>& notes);

// pipeline_buffers.cpp
void set_room(const PlanInput& in, const std::vector<std::vector<TileShare>>& shares, RoundPlan& plan);

}  // namespace bitline::estimate
