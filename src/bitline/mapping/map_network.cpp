#include "bitline/mapping/map_network.h"

#include <algorithm>
#include <string>

#include "bitline/base/error.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"
#include "bitline/quant/encoding.h"

namespace bitline::mapping {

namespace {

// One replica of a layer; arrays count from 0.
struct LayerPlan {
  MappedLayer layer;
  std::vector<Block> blocks;
  std::int64_t arrays = 0;
  std::int64_t reads = 1;
};

struct Range {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

Where at(const std::string& node) {
  return {{}, 0, 0, node};
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

std::vector<Range> chunks(std::int64_t total, std::int64_t size) {
  std::vector<Range> out;
  for (std::int64_t first = 0; first < total; first += size)
    out.push_back({first, std::min(size, total - first)});
  return out;
}

// Output positions for one picture: the pixels of a convolution, the rows of a linear layer's input.
std::int64_t positions_of(const ir::Node& node, const ir::Shape& output) {
  const bool conv = std::holds_alternative<ir::Conv>(node.op);
  const std::size_t first = conv ? 2 : 1, end = conv ? output.size() : output.size() - 1;
  std::int64_t positions = 1;
  for (std::size_t axis = first; axis < end; ++axis) positions *= output[axis];
  return positions;
}

std::string array_text(std::int64_t rows, std::int64_t columns, int cell_bits) {
  return std::to_string(rows) + "x" + std::to_string(columns) + " cells of " + std::to_string(cell_bits) +
         " bits";
}

bool has_array_scales(const quant::CimConfig& config) {
  return quant::partition(config.psum_granularity).by_column_tile ||
         quant::partition(config.weight_granularity).by_column_tile;
}

// The partial sums of a calibrated layer must be those that its converters were calibrated for.
void check_options(const std::string& node, const quant::CimLayer& layer, const MappingOptions& options) {
  if (options.rows == RowPolicy::kPacked && !layer.psum_step.empty())
    bad_input("the layer's ADC ranges are calibrated for row tiles of whole windows", at(node),
              "use --rows windows, or map a network that is not calibrated");
  if (!has_array_scales(layer.config)) return;
  const std::string hint = "use auto, or scales a column, channel or layer";
  if (options.slices == Spread::kAdjacent)
    bad_input("array-wise scales need each slice in arrays of its own", at(node), hint);
  if (options.pairs == Spread::kSeparate)
    bad_input("array-wise scales need both columns of a pair in one array", at(node), hint);
}

struct Cut {
  std::vector<Range> rows, outputs, slices, parts;
};

std::vector<Range> row_tiles(const LayerShape& shape, const std::string& node, const quant::CimConfig& config,
                             const Chip& chip, RowPolicy policy) {
  if (policy == RowPolicy::kPacked)
    return chunks(shape.group_inputs() * shape.window_size(), chip.active_rows);
  if (const std::int64_t window = shape.window_size(); window > chip.active_rows)
    bad_input("one kernel window of " + std::to_string(shape.window.kernel[0]) + "x" +
                  std::to_string(shape.window.kernel[1]) + " needs " + std::to_string(window) +
                  " rows, but " + chip.name + " activates " + std::to_string(chip.active_rows) + " at once",
              at(node), "use --rows packed, an array with more active rows, or --float-layers " + node);
  const LayerTiling tiling = tile_layer(shape, config, node);
  std::vector<Range> out;
  for (std::size_t t = 0; t < tiling.tiles.size(); ++t)
    out.push_back({tiling.tiles[t].first_channel * shape.window_size(), tiling.rows(t)});
  return out;
}

// How many slices and parts share an array.
struct Together {
  std::int64_t slices = 1, parts = 1;
};

Together together(const MappedLayer& layer, const quant::CimLayer& quantized, const Chip& chip,
                  const MappingOptions& options) {
  const auto slices = static_cast<std::int64_t>(layer.slices.size());
  const bool by_array = has_array_scales(quantized.config);
  Together out;
  if (options.pairs == Spread::kAdjacent || (options.pairs == Spread::kAuto && layer.parts <= chip.columns))
    out.parts = layer.parts;
  const bool fits = slices * out.parts <= chip.columns;
  if (options.slices == Spread::kAdjacent || (options.slices == Spread::kAuto && fits && !by_array))
    out.slices = slices;
  const std::int64_t width = out.slices * out.parts;
  if (width > chip.columns)
    bad_input("one weight takes " + std::to_string(width) + " neighbouring columns, but the array has " +
                  std::to_string(chip.columns),
              at(layer.node), "use --slices separate or --pairs separate");
  return out;
}

// Puts blocks one after the other on the arrays of a layer.
class Placer {
 public:
  Placer(const Chip& chip, Packing packing, LayerPlan& plan) : chip_(chip), packing_(packing), plan_(plan) {}

  void place(Block block) {
    if (open_ && packing_ != Packing::kNone && joins(block)) {
      put(block);
    } else if (open_ && may_follow(block) && next_row_ + block.rows <= chip_.rows) {
      ++read_;
      read_row_ = next_row_;
      next_column_ = 0;
      put(block);
    } else {
      open_ = true;
      read_ = read_row_ = next_row_ = next_column_ = 0;
      ++plan_.arrays;
      put(block);
    }
  }

 private:
  bool joins(const Block& block) const {
    const std::int64_t end = next_row_ + block.rows;
    return end <= chip_.rows && end - read_row_ <= chip_.active_rows &&
           next_column_ + block.width() <= chip_.columns;
  }

  // Where not all rows are active at once, further row tiles of the same columns go below.
  bool may_follow(const Block& block) const {
    if (packing_ == Packing::kStacked) return true;
    return chip_.active_rows < chip_.rows && block.group == last_.group &&
           block.first_output == last_.first_output && block.first_slice == last_.first_slice &&
           block.first_part == last_.first_part;
  }

  void put(Block& block) {
    block.array = plan_.arrays - 1;
    block.read = read_;
    block.row = next_row_;
    block.column = next_column_;
    next_row_ += block.rows;
    next_column_ += block.width();
    plan_.reads = std::max(plan_.reads, read_ + 1);
    last_ = block;
    plan_.blocks.push_back(block);
  }

  const Chip& chip_;
  Packing packing_;
  LayerPlan& plan_;
  bool open_ = false;
  std::int64_t read_ = 0, read_row_ = 0, next_row_ = 0, next_column_ = 0;
  Block last_;
};

void place_blocks(const Cut& cut, const Chip& chip, Packing packing, LayerPlan& plan) {
  Placer placer(chip, packing, plan);
  Block block;
  for (block.group = 0; block.group < plan.layer.groups; ++block.group) {
    for (const Range& slices : cut.slices) {
      for (const Range& parts : cut.parts) {
        for (const Range& outputs : cut.outputs) {
          for (const Range& rows : cut.rows) {
            block.first_row = rows.first, block.rows = rows.count;
            block.first_output = outputs.first, block.outputs = outputs.count;
            block.first_slice = slices.first, block.slices = slices.count;
            block.first_part = parts.first, block.parts = parts.count;
            placer.place(block);
          }
        }
      }
    }
  }
}

MappedLayer describe(const ir::Node& node, const LayerShape& shape, const quant::CimConfig& config,
                     const ir::Shape& output) {
  const quant::WeightEncoding& encoding = quant::weight_encoding(config.encoding);
  MappedLayer layer;
  layer.node = node.name;
  layer.weight_bits = config.weight_bits;
  layer.input_cycles =
      config.dac_bits == 0 ? 1 : static_cast<int>(ceil_div(config.activation_bits, config.dac_bits));
  layer.parts = encoding.cells_per_digit;
  for (const quant::BitSlice& slice : encoding.slices(config.weight_bits, config.cell_bits))
    layer.slices.push_back({slice.shift, slice.bits});
  layer.groups = shape.groups;
  layer.rows = shape.group_inputs() * shape.window_size();
  layer.outputs = shape.group_outputs();
  layer.positions = positions_of(node, output);
  return layer;
}

LayerPlan plan_layer(const ir::Node& node, const LayerShape& shape, const quant::CimLayer& quantized,
                     const ir::Shape& output, const Chip& chip, const MappingOptions& options) {
  check_array(node.name, quantized.config, chip);
  check_options(node.name, quantized, options);
  LayerPlan plan;
  plan.layer = describe(node, shape, quantized.config, output);
  const Together group = together(plan.layer, quantized, chip, options);
  Cut cut;
  cut.rows = row_tiles(shape, node.name, quantized.config, chip, options.rows);
  cut.slices = chunks(static_cast<std::int64_t>(plan.layer.slices.size()), group.slices);
  cut.parts = chunks(plan.layer.parts, group.parts);
  cut.outputs = chunks(plan.layer.outputs, chip.columns / (group.slices * group.parts));
  place_blocks(cut, chip, options.packing, plan);
  return plan;
}

std::int64_t arrays_of(const std::vector<LayerPlan>& plans) {
  std::int64_t arrays = 0;
  for (const LayerPlan& plan : plans) arrays += plan.arrays * plan.layer.replicas;
  return arrays;
}

// The fewest replicas that make a stage of `positions` faster than r replicas do; 0 when nothing does.
std::int64_t next_replicas(std::int64_t positions, std::int64_t replicas) {
  const std::int64_t steps = ceil_div(positions, replicas);
  return steps <= 1 ? 0 : ceil_div(positions, steps - 1);
}

void replicate(std::vector<LayerPlan>& plans, std::int64_t budget) {
  const auto cycles = [](const LayerPlan& plan) { return stage_cycles(plan.layer, plan.reads); };
  std::int64_t used = arrays_of(plans);
  while (!plans.empty()) {
    const auto slowest = std::max_element(
        plans.begin(), plans.end(), [&](const auto& a, const auto& b) { return cycles(a) < cycles(b); });
    const std::int64_t next = next_replicas(slowest->layer.positions, slowest->layer.replicas);
    const std::int64_t more = (next - slowest->layer.replicas) * slowest->arrays;
    if (next == 0 || used + more > budget) return;
    slowest->layer.replicas = next;
    used += more;
  }
}

void check_capacity(std::int64_t needed, const Chip& chip, const MappingOptions& options) {
  const std::int64_t capacity = chip.capacity();
  const std::int64_t budget = options.array_budget;
  if (capacity > 0 && budget > capacity)
    bad_input("an array budget of " + std::to_string(budget) + " is more than " + chip.name +
                  " has: " + std::to_string(capacity),
              {}, "use a smaller budget");
  if (budget > 0 && needed > budget && !options.reload)
    bad_input("the network needs " + std::to_string(needed) + " arrays, more than the budget of " +
                  std::to_string(budget),
              {}, "use a larger budget, or --reload to run in rounds on these arrays");
  if (capacity == 0 || needed <= capacity || !chip.resident || options.reload) return;
  bad_input("the network needs " + std::to_string(needed) + " arrays, but " + chip.name + " has " +
                std::to_string(capacity) + " and keeps its weights (weights.loading: resident)",
            {}, "use --reload to write arrays again between rounds, or fewer weight bits");
}

std::vector<LayerPlan> plan_layers(const quant::QuantizedModel& model, const Chip& chip,
                                   const MappingOptions& options, Mapping& mapping) {
  const std::vector<ir::Shape> shapes = ir::infer_shapes(model.graph);
  std::vector<LayerPlan> plans;
  for (const ir::Node& node : model.graph.nodes()) {
    const auto it = model.layers.find(node.name);
    if (it == model.layers.end()) continue;
    const auto shape = layer_shape(model.graph, node);
    if (!shape) bad_input("the quantized node is not a convolution or linear layer", at(node.name));
    check_array_input(node, shapes[static_cast<std::size_t>(node.inputs[0])]);
    if (it->second.config.digital) {
      mapping.digital.push_back(node.name);
      continue;
    }
    const ir::Shape& output = shapes[static_cast<std::size_t>(node.output)];
    plans.push_back(plan_layer(node, *shape, it->second, output, chip, options));
  }
  if (plans.empty()) bad_input("no layer of the network is on the array");
  return plans;
}

// `capacity`: arrays of a round, 0: as many as are needed.
void place_plans(const std::vector<LayerPlan>& plans, std::int64_t capacity, Mapping& mapping) {
  for (std::size_t l = 0; l < plans.size(); ++l) {
    const LayerPlan& plan = plans[l];
    for (std::int64_t replica = 0; replica < plan.layer.replicas; ++replica) {
      for (Block block : plan.blocks) {
        block.layer = static_cast<std::int64_t>(l);
        block.replica = replica;
        block.array += mapping.arrays;
        block.round = capacity == 0 ? 0 : block.array / capacity;
        block.array = capacity == 0 ? block.array : block.array % capacity;
        mapping.blocks.push_back(block);
      }
      mapping.arrays += plan.arrays;
    }
    mapping.layers.push_back(plan.layer);
  }
  mapping.rounds = capacity == 0 ? 1 : ceil_div(mapping.arrays, capacity);
}

}  // namespace

void check_array(const std::string& node, const quant::CimConfig& config, const Chip& chip) {
  if (config.array_rows == chip.active_rows && config.array_columns == chip.columns &&
      config.cell_bits == chip.cell_bits)
    return;
  bad_input("the layer is quantized for arrays of " +
                array_text(config.array_rows, config.array_columns, config.cell_bits) + ", but " + chip.name +
                " activates " + array_text(chip.active_rows, chip.columns, chip.cell_bits),
            at(node), "quantize it for this hardware, or map it on the other");
}

Mapping map_network(const quant::QuantizedModel& model, const Chip& chip, const MappingOptions& options) {
  Mapping mapping;
  mapping.chip = chip;
  mapping.rows = options.rows;
  std::vector<LayerPlan> plans = plan_layers(model, chip, options, mapping);
  check_capacity(arrays_of(plans), chip, options);
  const std::int64_t budget = options.array_budget > 0 ? options.array_budget : chip.capacity();
  if (options.replicate && budget > 0) replicate(plans, budget);
  place_plans(plans, options.reload ? budget : chip.capacity(), mapping);
  return mapping;
}

std::int64_t stage_cycles(const MappedLayer& layer, std::int64_t reads) {
  return layer.positions_of_replica() * reads * layer.input_cycles;
}

std::vector<std::int64_t> reads_of_layers(const Mapping& mapping) {
  std::vector<std::int64_t> reads(mapping.layers.size(), 1);
  for (const Block& block : mapping.blocks) {
    std::int64_t& most = reads[static_cast<std::size_t>(block.layer)];
    most = std::max(most, block.read + 1);
  }
  return reads;
}

}  // namespace bitline::mapping
