// The inputs of the integer kernels: digits of activation codes as unsigned bytes, channels innermost, the
// padding of the convolution written out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitline/sim/im2col.h"
#include "bitline/sim/layer_program.h"

namespace bitline::sim {

class ByteImage {
 public:
  // One input slice of an image's codes [C][H][W]; a signed slice is stored as digit - low.
  void fill(std::span<const float> codes, const mapping::LayerShape& shape, ImageSize input,
            const quant::BitSlice& slice);

  // rows[pixel][(ky, kx, channel)] of the tile's channels for output pixels [first, first + count), `stride`
  // bytes a pixel. Up to kOverrun bytes behind the last row are overwritten.
  void gather(std::int64_t first_channel, std::int64_t channels, ImageSize output, std::int64_t first,
              std::int64_t count, std::size_t stride, std::uint8_t* rows) const;

  static constexpr std::size_t kOverrun = 16;

 private:
  ir::Window window_;
  std::int64_t channels_ = 0;
  std::int64_t width_ = 0;  // padding included
  std::vector<std::uint8_t> bytes_;
};

}  // namespace bitline::sim
