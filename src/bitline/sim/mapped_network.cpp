#include "bitline/sim/mapped_network.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/base/wide.h"
#include "bitline/ir/shapes.h"
#include "bitline/sim/mapped_model.h"
#include "bitline/sim/parallel.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kPiece = 64;  // positions at a time

// Output positions of one picture that one replica works on.
struct Piece {
  std::int64_t image = 0, replica = 0;
  std::int64_t first = 0, count = 0;
};

std::vector<Piece> divide(std::int64_t images, const mapping::MappedLayer& layer) {
  const std::int64_t share = layer.positions_of_replica();
  std::vector<Piece> pieces;
  for (std::int64_t image = 0; image < images; ++image) {
    for (std::int64_t replica = 0; replica < layer.replicas; ++replica) {
      const std::int64_t end = std::min((replica + 1) * share, layer.positions);
      for (std::int64_t first = replica * share; first < end; first += kPiece)
        pieces.push_back({image, replica, first, std::min(kPiece, end - first)});
    }
  }
  return pieces;
}

// sums[column] of all driven rows of an array. Inputs are bytes: digit - low.
BITLINE_WIDE void add_rows(const ArrayCells& array, const std::vector<Wordline>& wordlines,
                           const std::uint8_t* inputs, int low, std::int32_t* __restrict sums) {
  for (const Wordline& line : wordlines) {
    const std::int32_t digit = inputs[line.input] + low;
    if (digit == 0) continue;
    const auto [first, end] = array.used[static_cast<std::size_t>(line.row)];
    const std::int16_t* __restrict cells = array.cells.data() + line.row * array.columns;
    for (std::int64_t c = first; c < end; ++c) sums[c] += digit * cells[c];
  }
}

// One layer on one batch.
class LayerRun {
 public:
  LayerRun(const LayerProgram& program, const mapping::MappedLayer& layer, const LayerReads& reads,
           const WindowGeometry& geometry, const BatchCodes& batch)
      : program_(program),
        reads_(reads),
        pixels_(geometry.pixels()),
        cycles_(program.input_slices.size()),
        columns_(static_cast<std::size_t>(program.tiling.grid.columns())),
        pieces_(divide(batch.images, layer)) {
    for (const quant::BitSlice& slice : program.input_slices)
      digits_.emplace_back(geometry, batch.codes, batch.images, slice, program.pad_code);
  }

  std::size_t codes() const { return static_cast<std::size_t>(pixels_) * position_sums(); }  // of a picture

  // `codes`: null, or the place of the batch's codes.
  void run(ArrayBank& bank, int threads, float* y, float* codes) const {
    const auto each = [&](const auto& work) {
      for_each_piece(std::ssize(pieces_), threads,
                     [&](std::int64_t i) { work(static_cast<std::size_t>(i)); });
    };
    if (reads_.rounds().size() == 1) {
      bank.write(reads_.rounds()[0], threads);
      each([&](std::size_t i) {
        std::vector<std::int32_t> sums(piece_sums(i), 0);
        read(pieces_[i], bank, reads_.rounds()[0], sums.data());
        convert(pieces_[i], sums.data(), y, codes);
      });
      return;
    }
    std::vector<std::vector<std::int32_t>> sums(pieces_.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) sums[i].assign(piece_sums(i), 0);
    for (const std::int64_t round : reads_.rounds()) {
      bank.write(round, threads);
      each([&](std::size_t i) { read(pieces_[i], bank, round, sums[i].data()); });
    }
    each([&](std::size_t i) { convert(pieces_[i], sums[i].data(), y, codes); });
  }

 private:
  std::size_t position_sums() const { return cycles_ * columns_; }
  std::size_t piece_sums(std::size_t i) const {
    return static_cast<std::size_t>(pieces_[i].count) * position_sums();
  }

  // All reads of a replica's arrays in one round. sums: [position][cycle][conversion].
  void read(const Piece& piece, const ArrayBank& bank, std::int64_t round, std::int32_t* sums) const {
    std::vector<std::int32_t> columns;
    for (const ArrayReads& work : reads_.arrays(piece.replica, round)) {
      const ArrayCells& array = bank.array(round, work.array);
      for (const ArrayRead& read : work.reads) {
        std::int32_t* to = sums;
        for (std::int64_t p = piece.first; p < piece.first + piece.count; ++p) {
          for (std::size_t i = 0; i < cycles_; ++i, to += columns_) {
            columns.assign(static_cast<std::size_t>(array.columns), 0);
            add_rows(array, read.wordlines, digits_[i].window(piece.image * pixels_ + p),
                     program_.input_slices[i].low(), columns.data());
            for (const Bitline& line : read.bitlines)
              to[line.conversion] += line.sign * columns[static_cast<std::size_t>(line.column)];
          }
        }
      }
    }
  }

  // The converters, and shift-and-add.
  void convert(const Piece& piece, const std::int32_t* sums, float* y, float* codes) const {
    const auto outputs = static_cast<std::size_t>(program_.tiling.grid.outputs);
    const auto position = static_cast<std::size_t>(piece.image * pixels_ + piece.first);
    y += position * outputs;
    if (codes != nullptr) codes += position * position_sums();
    for (std::int64_t p = 0; p < piece.count; ++p, sums += position_sums(), y += outputs) {
      std::copy(program_.base.begin(), program_.base.end(), y);
      convert_position(sums, y, codes);
      if (codes != nullptr) codes += position_sums();
    }
  }

  void convert_position(const std::int32_t* sums, float* y, float* codes) const {
    const quant::ColumnGrid& grid = program_.tiling.grid;
    const auto outputs = static_cast<std::size_t>(grid.outputs);
    std::vector<float> psums(outputs);
    for (int t = 0; t < grid.tiles; ++t) {
      for (std::size_t i = 0; i < cycles_; ++i) {
        const float input_weight = std::ldexp(1.0f, program_.input_slices[i].shift);
        for (int j = 0; j < grid.slices; ++j) {
          const int column = grid.column(t, j, 0);
          const std::int32_t* from = sums + i * columns_ + static_cast<std::size_t>(column);
          for (std::size_t o = 0; o < outputs; ++o) psums[o] = static_cast<float>(from[o]);
          const quant::AdcRow row = program_.converters(i, column, outputs);
          quant::adc_accumulate(row, psums.data(), input_weight, y);
          if (codes == nullptr) continue;
          quant::adc_codes(row, psums.data(), codes);
          codes += outputs;
        }
      }
    }
  }

  const LayerProgram& program_;
  const LayerReads& reads_;
  std::int64_t pixels_;
  std::size_t cycles_, columns_;  // columns of the layer's grid
  std::vector<Piece> pieces_;
  std::vector<WordlineBytes> digits_;  // of each cycle
};

ImageSize input_size(const ir::Shape& shape) {
  return shape.size() == 4 ? ImageSize{shape[2], shape[3]} : ImageSize{1, 1};
}

void check_sums(const LayerProgram& program) {
  if (largest_psum(program) > std::numeric_limits<std::int32_t>::max())
    unsupported("partial sums of the layer may have more than 32 bits", Where{{}, 0, 0, program.name});
}

}  // namespace

MappedNetwork::MappedNetwork(const quant::QuantizedModel& model, mapping::Mapping mapping,
                             std::string_view kernel)
    : mapping_(std::move(mapping)), network_(as_mapped(model, mapping_), kernel) {
  std::map<std::string, const LayerProgram*> programs;
  for (const LayerProgram* program : network_.programs()) programs[program->name] = program;
  const std::vector<ir::Shape> shapes = ir::infer_shapes(model.graph);
  for (std::size_t l = 0; l < mapping_.layers.size(); ++l) {
    const std::string& name = mapping_.layers[l].node;
    const LayerProgram& program = *programs.at(name);
    check_sums(program);
    programs_.push_back(&program);
    const ir::ValueId input = model.graph.find_node(name)->inputs[0];
    const WindowGeometry geometry(program.tiling.shape, input_size(shapes[static_cast<std::size_t>(input)]));
    const auto index = static_cast<std::int64_t>(l);
    layers_.emplace(name, Layer{index, geometry, LayerReads(mapping_, index, program, geometry)});
  }
}

ir::Tensor MappedNetwork::forward(const ir::Tensor& images, const Context& context, Trace* trace,
                                  const CellEdit& edit) const {
  ArrayBank bank(mapping_, programs_, edit);
  const LayerRunner runner = [&](const LayerProgram& program, const BatchCodes& batch, std::span<float> y,
                                 std::vector<float>* adc_codes) {
    const auto it = layers_.find(program.name);
    if (it == layers_.end()) return false;
    context.check_cancelled();
    const Layer& layer = it->second;
    const LayerRun run(program, mapping_.layers[static_cast<std::size_t>(layer.index)], layer.reads,
                       layer.geometry, batch);
    if (adc_codes != nullptr) adc_codes->resize(static_cast<std::size_t>(batch.images) * run.codes());
    run.run(bank, context.threads, y.data(), adc_codes == nullptr ? nullptr : adc_codes->data());
    return true;
  };
  return network_.forward(images, trace, 0, runner);
}

}  // namespace bitline::sim
