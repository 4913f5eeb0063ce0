// How long pictures take on a chip when layers work at the same time: a discrete-event simulation over rows
// of output positions, where estimate.h has the steady state in closed form.
//
//   row        starts when a replica of its layer is free, the rows that its window needs have arrived, and
//              every reader has room for it; its positions go to the replicas as they become free
//   position   reads x input cycles x array cycle (roll_up.h), on one replica
//   logic      digital units with a peak: a row of a layer in logic at a time, of the earliest picture first
//   movement   bus of the tile, routers, bus of the other tile: each serves rows one after the other
//   room       the tile buffers, divided among the layers of a tile
//   rounds     loading, then all pictures of the batch through the layers of the round
//
// Pictures follow each other without a pause. Without buffers and movement in the chip's file the period is
// the slowest stage once the pipeline is full, and a picture takes no longer than the sum of all stages.
// docs/estimate.md states the model and what it leaves out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bitline/base/context.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/mapping/mapping.h"
#include "bitline/quant/config.h"

namespace bitline::estimate {

// Why replicas of a layer stand still before their last row.
enum class Wait {
  kInput,   // rows are not computed
  kBus,     // they are on a bus, or queue for it
  kRouter,  // the same, for a router
  kBuffer,  // a reader has no room
  kAdc,     // the macro's converters are not done
  kLogic,   // the digital units work on other rows
  kUneven   // they wait for the replica that ends a picture
};
inline constexpr std::size_t kWaits = 7;
const char* wait_name(Wait wait);  // "input", "bus", ...

inline constexpr std::int64_t kMostPictures = 10000;

struct PipelineOptions {
  std::int64_t pictures = 4;  // in a row; without reload rounds
  std::int64_t batch = 1;     // with reload rounds: pictures between reloads, and all that are simulated
};

// Times of a layer, s, over all pictures and on average over its replicas.
struct PipelineLayer {
  std::string node;
  std::int64_t mapped = -1;  // layer of the mapping; -1: in logic
  double busy = 0.0;
  std::array<double, kWaits> waits{};  // by Wait; what is left of the total time comes after its last row
  double utilisation = 0.0;            // busy / total time
};

// A stretch in which a layer works on a picture without a pause, s.
struct PipelineSpan {
  std::int64_t layer = -1;  // of Pipeline::layers; -1: the weights of a round are loaded
  std::int64_t picture = 0;
  double begin = 0.0, end = 0.0;
};

struct Pipeline {
  std::vector<PipelineLayer> layers;  // on arrays, and in logic that takes time, in graph order
  std::vector<PipelineSpan> spans;    // for a picture of the pipeline
  std::vector<double> completions;    // s, of each picture
  double total = 0.0;                 // s, until nothing works any more
  double latency = 0.0;               // s, of the first picture
  // s, between the last two while more follow, and no less than the slowest stage (logic is one), below
  // which it can be until the pipeline is full; with rounds: total / batch; none of one picture
  std::optional<double> period;
  std::vector<std::string> notes;  // what takes no time or is not in the model

  std::optional<double> frames() const;  // pictures/s
};

// `mapping` is one of `model` on the chip of `spec` that verify_mapping has nothing against. Throws
// Error{kBadInput}: array.cycle is not stated (or column_mux with adc.rate), or weights.bandwidth with
// rounds; no pictures; a mapping for another chip or network; a tile buffer that does not hold the rows its
// layers need at once (naming node and capacity); Error{kCancelled}.
Pipeline simulate_pipeline(const mapping::Mapping& mapping, const quant::QuantizedModel& model,
                           const hardware::HardwareSpec& spec, const PipelineOptions& options,
                           const Context& context);

}  // namespace bitline::estimate
