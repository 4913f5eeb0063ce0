#include <algorithm>
#include <cmath>
#include <map>

#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/estimate/pipeline_plan.h"

namespace bitline::estimate {

namespace {

using hardware::value_or;

constexpr double kRounding = 1e-9;

// Makes the rows of one picture, each when it is asked for, and sees how many wait.
class RowsOnDemand {
 public:
  RowsOnDemand(const Flow& flow, RoundPlan& plan)
      : flow_(flow),
        plan_(plan),
        done_(flow.vertices.size(), 0),
        made_(flow.edges.size(), 0),
        freed_(flow.edges.size(), 0) {}

  void run() {
    for (std::size_t v = flow_.vertices.size(); v-- > 0;) make(v, flow_.vertices[v].rows);
  }

 private:
  void make(std::size_t v, std::int64_t rows) {
    if (!plan_.vertices[v].active) return;
    const Vertex& vertex = flow_.vertices[v];
    for (std::int64_t& y = done_[v]; y < rows; ++y) {
      const auto row = static_cast<std::size_t>(y);
      for (const std::size_t e : vertex.inputs) {
        const std::int64_t need = flow_.edges[e].need[row];
        if (plan_.edges[e].stored) {
          wait(e, std::max(made_[e], need));
        } else {
          make(flow_.edges[e].from, need);
        }
      }
      for (const std::size_t e : vertex.outputs) {
        if (plan_.edges[e].active) wait(e, y + 1);
      }
      for (const std::size_t e : vertex.inputs) freed_[e] = flow_.edges[e].keep[row + 1];
    }
  }

  void wait(std::size_t e, std::int64_t made) {
    made_[e] = made;
    plan_.edges[e].least = std::max(plan_.edges[e].least, made - freed_[e]);
  }

  const Flow& flow_;
  RoundPlan& plan_;
  std::vector<std::int64_t> done_;          // rows of each vertex
  std::vector<std::int64_t> made_, freed_;  // rows of each edge
};

double tile_capacity(const hardware::HardwareSpec& spec) {
  double bytes = 0.0;
  for (const hardware::Component& c : spec.tile.components) {
    if (c.kind != "buffer" || !c.capacity) continue;
    bytes += c.capacity->value * value_or(c.count, 1.0) / value_or(c.shared_by, 1.0);
  }
  return bytes;
}

// Bytes that must wait in a tile at once, and the edge that has most of them.
struct TileNeed {
  double bytes = 0.0;
  double most = 0.0;
  std::size_t edge = 0;
};

std::string text(double bytes) {
  return bytes_text(static_cast<std::uint64_t>(std::ceil(bytes)));
}

// A node alone must fit its tiles, and all of them the chip. Between these, tiles lend each other room.
void check_needs(const PlanInput& in, const std::map<std::size_t, TileNeed>& needs, double capacity,
                 RoundPlan& plan) {
  double all = 0.0, borrowed = 0.0;
  TileNeed largest;
  for (const auto& [tile, need] : needs) {
    const Where node{{}, 0, 0, in.flow.vertices[in.flow.edges[need.edge].to].node};
    if (need.most > capacity * (1.0 + kRounding))
      bad_input("the buffers of tile " + std::to_string(tile) + " have a capacity of " + text(capacity) +
                    ", but the rows that must wait there at once for this node take " + text(need.most),
                node, "a larger tile buffer (capacity), fewer bits, or more tiles for the layer");
    all += need.bytes;
    borrowed += std::max(0.0, need.bytes - capacity);
    if (need.most > largest.most) largest = need;
  }
  const double chip = capacity * value_or(in.spec.chip.members, 1.0);
  if (all > chip * (1.0 + kRounding))
    bad_input("the tile buffers have a capacity of " + text(chip) +
                  ", but the rows that must wait on the chip at once take " + text(all) + ", up to " +
                  text(largest.most) + " of a tile for this node",
              {{}, 0, 0, in.flow.vertices[in.flow.edges[largest.edge].to].node},
              "larger tile buffers (capacity), or fewer bits");
  if (borrowed > kRounding * capacity)
    plan.notes.push_back("tile buffers: " + text(borrowed) +
                         " of rows find no room in their tiles; they wait in others, at no further time");
}

bool waits_in_tiles(const PlanInput& in, const RoundPlan& plan, std::size_t e) {
  const Vertex& to = in.flow.vertices[in.flow.edges[e].to];
  return plan.edges[e].active && to.kind != VertexKind::kResult && to.place >= 0;
}

}  // namespace

void set_least_rows(const Flow& flow, RoundPlan& plan) {
  RowsOnDemand(flow, plan).run();
}

void set_room(const PlanInput& in, const std::vector<std::vector<TileShare>>& shares, RoundPlan& plan) {
  const double capacity = tile_capacity(in.spec);
  if (capacity <= 0.0) return;
  const auto shares_at = [&](std::size_t e) -> const std::vector<TileShare>& {
    return shares[static_cast<std::size_t>(in.flow.vertices[in.flow.edges[e].to].place)];
  };
  std::map<std::size_t, TileNeed> needs;
  for (std::size_t e = 0; e < plan.edges.size(); ++e) {
    if (!waits_in_tiles(in, plan, e)) continue;
    const double bytes = static_cast<double>(plan.edges[e].least) * plan.edges[e].row_bits / kBitsPerByte;
    for (const TileShare& s : shares_at(e)) {
      TileNeed& need = needs[s.tile];
      need.bytes += bytes * s.share;
      if (bytes * s.share <= need.most) continue;
      need.most = bytes * s.share;
      need.edge = e;
    }
  }
  check_needs(in, needs, capacity, plan);
  for (std::size_t e = 0; e < plan.edges.size(); ++e) {
    if (!waits_in_tiles(in, plan, e) || plan.edges[e].least == 0 || plan.edges[e].row_bits <= 0.0) continue;
    double times = std::numeric_limits<double>::infinity();  // the least, over and over
    for (const TileShare& s : shares_at(e)) times = std::min(times, capacity / needs[s.tile].bytes);
    const double rows = std::floor(static_cast<double>(plan.edges[e].least) * times + kRounding);
    plan.edges[e].room = std::max(plan.edges[e].least, static_cast<std::int64_t>(rows));
  }
}

}  // namespace bitline::estimate
