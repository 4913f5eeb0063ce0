// Weights as integer codes of few bits, side by side in bytes: safetensors files that shrink with the bits.
//
// A packed tensor NAME is a U8 tensor of ceil(count * bits / 8) bytes: field i, bits [i*bits, (i+1)*bits) of
// the stream, least significant bit first, is code - low; bits behind the last field are 0. The metadata
// "bitline.packed" lists, for each,
//   {"tensor": NAME, "shape": [O, C, ...], "bits": b, "low": l, "high": h,
//    "scales": TENSOR, "block": [channels, outputs]}
// and the value of element [o, c, ...] is code * scale, with scale in row c / channels and column o / outputs
// of the table TENSOR of ceil(C / channels) rows and ceil(O / outputs) columns (1-dimensional, row-major).
// Weights of layers on arrays take the layer's own scales, "NODE.cim.weight_scale"; others bring
// "NAME.packed_scale".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitline/io/safetensors.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

// Fields of 1 to 16 bits; every field must be below 2^bits.
std::vector<std::byte> pack_fields(std::span<const std::uint16_t> fields, int bits);
std::vector<std::uint16_t> unpack_fields(std::span<const std::byte> bytes, std::size_t count, int bits);

struct PackOptions {
  // 8: weights of float layers as 8-bit symmetric codes with the scale of least squared error for each output
  // channel, which changes them a little; 0: float32.
  int float_weight_bits = 0;
};

// The model's artefact (artefact.h) with the weights of its layers packed. They become code * scale, which
// changes no code, so a packed file simulates bit for bit as the model does. Weights of layers with slice
// scales stay float32: they have several codes.
io::TensorFile packed_file(const quant::QuantizedModel& model, const PackOptions& options);

// Puts the floats back in place of packed tensors and takes out scales that only they used; nothing happens
// to a file without any. Error{kBadInput} with the file and tensor: sizes, scales or codes that do not fit.
void unpack_weights(io::TensorFile& file, const std::string& path);

}  // namespace bitline::frontend
