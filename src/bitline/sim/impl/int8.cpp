// The integer kernels: bytes in, 16- and 32-bit sums, conversion in registers. A partial sum reaches memory
// only where something else has to see it: read noise, a trace, a surrogate of the converter.
#include <algorithm>
#include <cmath>

#include "bitline/base/cpu.h"
#include "bitline/base/wide.h"
#include "bitline/quant/adc.h"
#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/impl/int8_layer.h"
#include "bitline/sim/impl/kernels.h"
#include "bitline/sim/impl/row_layer.h"

namespace bitline::sim {

namespace {

// [pixel][from_stride] to [pixel][to_stride], `width` values a pixel.
void copy_columns(const float* from, std::size_t from_stride, float* to, std::size_t to_stride,
                  std::size_t width, std::int64_t pixels) {
  for (std::int64_t p = 0; p < pixels; ++p, from += from_stride, to += to_stride)
    std::copy_n(from, width, to);
}

// The sums of neighbouring columns; returns where the next ones go.
BITLINE_WIDE float* to_floats(const std::int32_t* __restrict sums, float unit, float* __restrict out,
                              std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(sums[i]) * unit;
  return out + n;
}

class Int8Prepared final : public RowLayer {
 public:
  Int8Prepared(const LayerProgram& program, const Int8Functions& functions)
      : RowLayer(program), layer_(program, functions), functions_(functions) {}

  std::size_t row_stride(std::size_t tile) const override {
    return static_cast<std::size_t>(layer_.tile(tile, 0, shape().groups).quads * kQuad);
  }

  void gate(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const override {
    if (block.slopes != nullptr && !block.slopes->rounding.straight_through())
      return gate_sums(cycle, rows, block);
    thread_local std::vector<float> dy, gated, step, centre;
    const std::size_t columns = layer_.tile(cycle.tile, cycle.group, shape().groups).gain.size();
    step.assign(columns, 0.0f);
    centre.assign(columns, 0.0f);
    const float* group_dy = block.dy + static_cast<std::size_t>(cycle.group) * outputs();
    Int8Gates gates{group_dy,  stride(),    gate_share(),  block.gated,
                    outputs(), step.data(), centre.data(), block.slopes};
    if (outputs() % lanes() != 0) {
      dy.assign(static_cast<std::size_t>(rows.count) * padded(), 0.0f);
      gated.assign(dy.size(), 0.0f);
      copy_columns(group_dy, stride(), dy.data(), padded(), outputs(), rows.count);
      copy_columns(block.gated, outputs(), gated.data(), padded(), outputs(), rows.count);
      gates.dy = dy.data();
      gates.gated = gated.data();
      gates.dy_stride = gates.gated_stride = padded();
    }
    functions_.gate(block_of(cycle, rows), gates);
    if (outputs() % lanes() != 0)
      copy_columns(gated.data(), padded(), block.gated, outputs(), outputs(), rows.count);
    unpack(cycle, step, block.step);
    unpack(cycle, centre, block.centre);
  }

 protected:
  void convert(const Cycle& cycle, const RowBlock& rows, float* y) const override {
    float* group_y = y + static_cast<std::size_t>(cycle.group) * outputs();
    if (outputs() % lanes() == 0) return functions_.convert(block_of(cycle, rows), {group_y, stride()});
    thread_local std::vector<float> wide;
    wide.resize(static_cast<std::size_t>(rows.count) * padded());
    copy_columns(group_y, stride(), wide.data(), padded(), outputs(), rows.count);
    functions_.convert(block_of(cycle, rows), {wide.data(), padded()});
    copy_columns(wide.data(), padded(), group_y, stride(), outputs(), rows.count);
  }

  void add_up(const Cycle& cycle, const RowBlock& rows, float* sums) const override {
    const Int8Block block = block_of(cycle, rows);
    const std::size_t row = static_cast<std::size_t>(block.vectors) * lanes();
    thread_local std::vector<std::int32_t> packed;
    packed.resize(static_cast<std::size_t>(rows.count) * row);
    functions_.add_up(block, packed.data());
    const float unit = std::ldexp(1.0f, -program().fraction_bits);
    for (std::size_t p = 0; p < static_cast<std::size_t>(rows.count); ++p) {
      for (std::size_t j = 0; j < slices(); ++j) {
        for (std::size_t o = 0; o < outputs(); o += lanes())
          sums =
              to_floats(packed.data() + p * row + lane(j, o), unit, sums, std::min(lanes(), outputs() - o));
      }
    }
  }

 private:
  std::size_t lanes() const { return static_cast<std::size_t>(layer_.lanes); }
  std::size_t slices() const { return static_cast<std::size_t>(program().tiling.grid.slices); }
  std::size_t outputs() const { return static_cast<std::size_t>(group_outputs()); }
  std::size_t padded() const { return static_cast<std::size_t>(layer_.blocks) * lanes(); }
  std::size_t stride() const { return static_cast<std::size_t>(shape().out_channels); }
  std::size_t lane(std::size_t slice, std::size_t output) const {
    return (output / lanes() * slices() + slice) * lanes() + output % lanes();
  }

  // [vector][lane] to [slice][output], with the factor of each slice.
  void unpack(const Cycle& cycle, const std::vector<float>& packed, float* out) const {
    for (std::size_t j = 0; j < slices(); ++j) {
      const float factor = gate_factor(cycle, static_cast<int>(j));
      for (std::size_t o = 0; o < outputs(); ++o) *out++ = factor * packed[lane(j, o)];
    }
  }

  Int8Block block_of(const Cycle& cycle, const RowBlock& rows) const {
    const Int8Tile& tile = layer_.tile(cycle.tile, cycle.group, shape().groups);
    const std::size_t first = tile.gain.size() * cycle.input_slice;
    Int8Block block;
    block.inputs = rows.bytes;
    block.stride = rows.stride;
    block.pixels = static_cast<int>(rows.count);
    block.quads = tile.quads;
    block.quads_per_chunk = layer_.quads_per_chunk;
    block.cells = tile.cells.data();
    block.planes = layer_.planes;
    block.vectors = layer_.vectors;
    block.slices = program().tiling.grid.slices;
    block.shift = tile.shift.data() + first;
    block.gain = tile.gain.data();
    block.offset = tile.offset.data();
    block.weight = tile.weight.data() + first;
    block.levels = program().config.adc_levels;
    return block;
  }

  Int8Layer layer_;
  const Int8Functions& functions_;
};

class Int8Kernel final : public CimKernel {
 public:
  Int8Kernel(std::string name, const Int8Functions& functions, std::string missing)
      : name_(std::move(name)), missing_(std::move(missing)), functions_(functions) {}

  std::string name() const override { return name_; }
  std::string decline(const LayerProgram& program) const override {
    return missing_.empty() ? int8_obstacle(program, functions_.sum_bits) : missing_;
  }
  std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const override {
    return std::make_unique<Int8Prepared>(program, functions_);
  }

 private:
  std::string name_, missing_;
  const Int8Functions& functions_;
};

std::string unless(bool has, const char* missing) {
  return has ? "" : missing;
}

}  // namespace

std::unique_ptr<CimKernel> int8_kernel(std::string name, const Int8Functions& functions,
                                       std::string missing) {
  return std::make_unique<Int8Kernel>(std::move(name), functions, std::move(missing));
}

const CimKernel& amx_kernel() {
  static const auto kernel =
      int8_kernel("amx", int8_amx(), unless(cpu_features().amx_int8, "no AMX tiles of bytes here"));
  return *kernel;
}

const CimKernel& vnni_kernel() {
  static const auto kernel = int8_kernel(
      "vnni", int8_vnni(), unless(cpu_features().avx512_vnni, "the processor has no AVX-512 VNNI"));
  return *kernel;
}

const CimKernel& avx2_kernel() {
  static const auto kernel =
      int8_kernel("avx2", int8_avx2(), unless(cpu_features().avx2, "the processor has no AVX2"));
  return *kernel;
}

const CimKernel& portable_kernel() {
  static const auto kernel = int8_kernel("portable", int8_portable(), "");
  return *kernel;
}

}  // namespace bitline::sim
