// The kernel for one-bit inputs (bit-serial activations): see lookup_block.h. Rows are taken four channels of
// one tap at a time, so that the indices are made once an image and only moved for each window.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "bitline/base/cpu.h"
#include "bitline/quant/adc.h"
#include "bitline/sim/impl/kernels.h"
#include "bitline/sim/impl/lookup_block.h"
#include "bitline/sim/impl/row_layer.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kLargestEntry = std::numeric_limits<std::uint8_t>::max();
constexpr std::int64_t kLargestSum = std::numeric_limits<std::uint16_t>::max();

// The cells of one row tile and group: columns ordered [output][slice].
struct LookupTile {
  std::int64_t first_channel = 0, channels = 0;
  std::size_t quads = 0;  // taps * quads of channels
  std::size_t quads_per_chunk = 1;
  std::vector<std::uint8_t> tables;  // [column][quad][16], less the smallest entry of each table
  std::vector<float> gain, offset;   // [column], per unit of the stored integers
  std::vector<float> weight;         // [input slice][column]
  std::vector<std::int32_t> shift;   // [input slice][column]
};

std::size_t quads_of(std::int64_t channels) {
  return static_cast<std::size_t>((channels + kQuad - 1) / kQuad);
}

class TableMaker {
 public:
  TableMaker(const LayerProgram& program, std::size_t t, std::int64_t group)
      : program_(program), t_(t), group_(group) {
    const mapping::RowTile& rows = program.tiling.tiles[t];
    const mapping::LayerShape& shape = program.tiling.shape;
    tile_.first_channel = group * shape.group_inputs() + rows.first_channel;
    tile_.channels = rows.channels;
    tile_.quads = static_cast<std::size_t>(shape.window_size()) * quads_of(rows.channels);
  }

  LookupTile make() {
    const auto outputs = program_.tiling.shape.group_outputs();
    const int slices = program_.tiling.grid.slices;
    const std::size_t columns = static_cast<std::size_t>(outputs * slices);
    tile_.weight.resize(columns * program_.input_slices.size());
    tile_.shift.resize(tile_.weight.size());
    for (std::int64_t o = 0; o < outputs; ++o) {
      for (int j = 0; j < slices; ++j) add_column(j, group_ * outputs + o, columns);
    }
    tile_.quads_per_chunk = static_cast<std::size_t>(kLargestEntry / std::max<std::int64_t>(1, largest_));
    return std::move(tile_);
  }

 private:
  void add_column(int slice, std::int64_t output, std::size_t columns) {
    const std::size_t at = tile_.gain.size();
    const auto source = static_cast<std::size_t>(
        program_.tiling.grid.column(static_cast<int>(t_), slice, static_cast<int>(output)));
    const float unit = std::ldexp(1.0f, -program_.fraction_bits);
    tile_.gain.push_back(program_.gain[source] * unit);
    tile_.offset.push_back(program_.offset[source]);
    const ColumnSums sums = add_tables(slice, output);
    const float of_code = program_.config.adc_levels == quant::kIdealAdc ? unit : 1.0f;
    for (std::size_t i = 0; i < program_.input_slices.size(); ++i) {
      const quant::BitSlice& cycle = program_.input_slices[i];
      tile_.weight[i * columns + at] = program_.weight[source] * std::ldexp(1.0f, cycle.shift) * of_code;
      tile_.shift[i * columns + at] = static_cast<std::int32_t>(sums.cells * cycle.low() + sums.smallest);
    }
  }

  struct ColumnSums {
    std::int64_t cells = 0;     // of all cells
    std::int64_t smallest = 0;  // of the smallest entries that the tables leave out
  };

  ColumnSums add_tables(int slice, std::int64_t output) {
    ColumnSums sums;
    const std::int64_t window = program_.tiling.shape.window_size();
    for (std::int64_t tap = 0; tap < window; ++tap) {
      for (std::int64_t c = 0; c < tile_.channels; c += kQuad) {
        std::int64_t cells[kQuad] = {};
        for (std::int64_t i = 0; i < std::min<std::int64_t>(kQuad, tile_.channels - c); ++i)
          cells[i] = program_.cells[program_.cell_index(t_, (c + i) * window + tap, slice, output)];
        sums.smallest += add_table(cells);
        for (const std::int64_t cell : cells) sums.cells += cell;
      }
    }
    return sums;
  }

  // Returns the smallest sum, which the entries leave out.
  std::int64_t add_table(const std::int64_t (&cells)[kQuad]) {
    std::int64_t smallest = 0, largest = 0;
    for (const std::int64_t cell : cells) (cell < 0 ? smallest : largest) += cell;
    for (std::size_t index = 0; index < kLookupEntries; ++index) {
      std::int64_t sum = -smallest;
      for (std::size_t i = 0; i < kQuad; ++i) sum += (index >> i & 1U) != 0 ? cells[i] : 0;
      tile_.tables.push_back(static_cast<std::uint8_t>(sum));
    }
    largest_ = std::max(largest_, largest - smallest);
    return smallest;
  }

  const LayerProgram& program_;
  std::size_t t_;
  std::int64_t group_;
  std::int64_t largest_ = 0;
  LookupTile tile_;
};

// planes[quad][position of the padded image]: the bits of four channels side by side.
void make_planes(const WordlineBytes& digits, const WindowGeometry& geometry, const LookupTile& tile,
                 std::vector<std::uint8_t>& planes) {
  const auto stride = static_cast<std::size_t>(geometry.channels());
  const std::size_t positions = geometry.padded_size() / stride, quads = quads_of(tile.channels);
  planes.resize(quads * positions + WordlineBytes::kOverrun);
  const std::uint8_t* row = digits.image() + tile.first_channel;
  for (std::size_t p = 0; p < positions; ++p, row += stride) {
    for (std::size_t q = 0; q < quads; ++q) {
      // Bits of channels beyond the tile meet cells of zero.
      std::uint32_t four;
      std::memcpy(&four, row + q * kQuad, sizeof four);
      planes[q * positions + p] =
          static_cast<std::uint8_t>(((four & 0x01010101U) * 0x01020408U) >> 24 & 0xfU);
    }
  }
}

// Pixels of a block whose windows start at neighbouring positions.
struct Run {
  std::size_t pixel;     // the first one, in the block
  std::size_t position;  // of its window's corner
  std::size_t count;
};

struct PixelBlock {
  std::size_t pixels = 0;
  std::vector<Run> runs;

  void add(std::size_t position) {
    if (runs.empty() || runs.back().position + runs.back().count != position)
      runs.push_back({pixels, position, 0});
    ++runs.back().count;
    ++pixels;
  }
};

// In whole pieces; what a piece writes too much, the next one overwrites.
void gather(const std::vector<std::uint8_t>& planes, std::size_t positions, const WindowGeometry& geometry,
            const PixelBlock& block, std::vector<std::uint8_t>& indices) {
  constexpr std::size_t kPiece = WordlineBytes::kOverrun;
  const std::size_t quads = (planes.size() - kPiece) / positions;
  indices.resize(geometry.taps().size() * quads * kLookupPixels + kPiece);
  std::uint8_t* to = indices.data();
  for (const std::int64_t tap : geometry.taps()) {
    for (std::size_t q = 0; q < quads; ++q, to += kLookupPixels) {
      const std::uint8_t* plane =
          planes.data() + q * positions + static_cast<std::size_t>(tap / geometry.channels());
      for (const Run& run : block.runs) {
        for (std::size_t i = 0; i < run.count; i += kPiece)
          std::memcpy(to + run.pixel + i, plane + run.position + i, kPiece);
      }
    }
  }
}

class LookupLayer final : public PreparedLayer {
 public:
  LookupLayer(const LayerProgram& program, std::unique_ptr<PreparedLayer> gates)
      : program_(program), gates_(std::move(gates)) {
    for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
      for (std::int64_t g = 0; g < shape().groups; ++g) tiles_.push_back(TableMaker(program, t, g).make());
    }
  }

  void run(const ImageCodes& codes, std::span<float> y, std::vector<float>* trace) const override {
    const WindowGeometry geometry(shape(), codes.size);
    Image image{geometry, {}, blocks_of(geometry), {}, {}, 0, nullptr};
    image.stride = image.blocks.size() * kLookupPixels;
    for (const quant::BitSlice& slice : program_.input_slices)
      image.digits.emplace_back(geometry, codes.codes, 1, slice, program_.pad_code);
    image.y.resize(program_.base.size() * image.stride);
    for (std::size_t o = 0; o < program_.base.size(); ++o)
      std::fill_n(image.y.begin() + static_cast<std::ptrdiff_t>(o * image.stride), image.stride,
                  program_.base[o]);
    if (trace != nullptr) {
      const std::size_t old = trace->size();
      trace->resize(old + static_cast<std::size_t>(geometry.pixels()) * codes_per_pixel());
      image.trace = trace->data() + old;
    }
    for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
      for (std::int64_t g = 0; g < shape().groups; ++g) {
        for (std::size_t i = 0; i < program_.input_slices.size(); ++i) run_cycle({t, g, i}, image);
      }
    }
    const std::size_t outputs = program_.base.size();
    for (std::size_t p = 0; p < y.size() / outputs; ++p) {
      for (std::size_t o = 0; o < outputs; ++o) y[p * outputs + o] = image.y[o * image.stride + p];
    }
  }

  std::size_t row_stride(std::size_t tile) const override { return gates_->row_stride(tile); }
  void gate(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const override {
    gates_->gate(cycle, rows, block);
  }

 private:
  struct Image {
    const WindowGeometry& geometry;
    std::vector<WordlineBytes> digits;  // [input slice]
    std::vector<PixelBlock> blocks;
    std::vector<std::uint8_t> planes, indices;
    std::size_t stride;
    float* trace;
    std::vector<float> y{};  // [output][stride]
  };

  const mapping::LayerShape& shape() const { return program_.tiling.shape; }
  std::size_t codes_per_pixel() const {
    return static_cast<std::size_t>(program_.tiling.grid.columns()) * program_.input_slices.size();
  }

  static std::vector<PixelBlock> blocks_of(const WindowGeometry& geometry) {
    std::vector<PixelBlock> blocks;
    for (std::int64_t p = 0; p < geometry.pixels(); ++p) {
      if (static_cast<std::size_t>(p) % kLookupPixels == 0) blocks.emplace_back();
      blocks.back().add(static_cast<std::size_t>(geometry.corner(p) / geometry.channels()));
    }
    return blocks;
  }

  void run_cycle(const Cycle& cycle, Image& image) const {
    const LookupTile& tile =
        tiles_[cycle.tile * static_cast<std::size_t>(shape().groups) + static_cast<std::size_t>(cycle.group)];
    make_planes(image.digits[cycle.input_slice], image.geometry, tile, image.planes);
    const std::size_t positions =
        image.geometry.padded_size() / static_cast<std::size_t>(image.geometry.channels());
    const auto first = static_cast<std::size_t>(cycle.group * shape().group_outputs());
    for (std::size_t n = 0; n < image.blocks.size(); ++n) {
      gather(image.planes, positions, image.geometry, image.blocks[n], image.indices);
      const LookupBlock block = block_of(tile, cycle, image);
      lookup_convert(block, image.y.data() + first * image.stride + n * kLookupPixels, image.stride);
      if (image.trace != nullptr)
        write_trace(block, cycle, image.blocks[n].pixels,
                    image.trace + n * kLookupPixels * codes_per_pixel());
    }
  }

  LookupBlock block_of(const LookupTile& tile, const Cycle& cycle, const Image& image) const {
    LookupBlock block;
    block.indices = image.indices.data();
    block.quads = tile.quads;
    block.quads_per_chunk = tile.quads_per_chunk;
    block.tables = tile.tables.data();
    block.columns = tile.gain.size();
    block.slices = static_cast<std::size_t>(program_.tiling.grid.slices);
    block.shift = tile.shift.data() + cycle.input_slice * block.columns;
    block.gain = tile.gain.data();
    block.offset = tile.offset.data();
    block.weight = tile.weight.data() + cycle.input_slice * block.columns;
    block.levels = program_.config.adc_levels;
    return block;
  }

  void write_trace(const LookupBlock& block, const Cycle& cycle, std::size_t pixels, float* trace) const {
    std::vector<std::int32_t> sums(block.columns * kLookupPixels);
    lookup_sums(block, sums.data());
    const float unit =
        program_.config.adc_levels == quant::kIdealAdc ? std::ldexp(1.0f, -program_.fraction_bits) : 1.0f;
    const auto outputs = static_cast<std::size_t>(program_.tiling.grid.outputs);
    const auto first_output = static_cast<std::size_t>(cycle.group * shape().group_outputs());
    const std::size_t first = (cycle.tile * program_.input_slices.size() + cycle.input_slice) * block.slices;
    for (std::size_t c = 0; c < block.columns; ++c) {
      const quant::AdcRow row{block.gain + c, block.offset + c, block.weight + c, 1, block.levels};
      const std::size_t at = (first + c % block.slices) * outputs + first_output + c / block.slices;
      for (std::size_t p = 0; p < pixels; ++p) {
        const float psum = static_cast<float>(sums[c * kLookupPixels + p]) * unit;
        quant::adc_codes(row, &psum, trace + p * codes_per_pixel() + at);
      }
    }
  }

  const LayerProgram& program_;
  std::unique_ptr<PreparedLayer> gates_;  // backward runs on gathered rows
  std::vector<LookupTile> tiles_;         // [tile][group]
};

class LookupKernel final : public CimKernel {
 public:
  std::string name() const override { return "lookup"; }

  std::string decline(const LayerProgram& program) const override {
    for (const quant::BitSlice& slice : program.input_slices) {
      if (slice.bits != 1) return "inputs have more than one bit a cycle";
    }
    if (program.read_noise.active()) return kDeclinesReadNoise;
    const std::string reason = avx2_kernel().decline(program);
    if (!reason.empty()) return reason;
    std::int64_t cell = 0, rows = 0;
    for (const std::int32_t c : program.cells) cell = std::max<std::int64_t>(cell, std::abs(c));
    for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t)
      rows = std::max(rows, program.tiling.shape.window_size() * kQuad *
                                static_cast<std::int64_t>(quads_of(program.tiling.tiles[t].channels)));
    // Entries leave out the smallest sum, so cells of both signs reach as far as those of one sign.
    if (cell * kQuad > kLargestEntry) return "four cells overflow a byte";
    return cell * rows > kLargestSum ? "sums overflow 16 bits" : "";
  }

  std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const override {
    return std::make_unique<LookupLayer>(program, avx2_kernel().prepare(program));
  }
};

}  // namespace

const CimKernel& lookup_kernel() {
  static const LookupKernel kernel;
  return kernel;
}

}  // namespace bitline::sim
