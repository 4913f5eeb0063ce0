// One door for every way to name a network.
#pragma once

#include <cstdint>
#include <string>

#include "bitline/io/filesystem.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

// `name` is one of
//   zoo:resnet20                        a network of the zoo with fresh weights from `seed`
//   zoo:resnet20=weights.safetensors    the same with the weights of a PyTorch state_dict
//   model.onnx                          an ONNX file, with the quantization plan of its quantizers
//   model.safetensors                   an artefact or a graph that bitline saved, packed or not
// A float network has no layers on arrays. `classes` is the number of outputs, 0 for the model's own;
// Error{kBadInput} when a file has another number, and for every other kind of name.
quant::QuantizedModel load_model(io::FileSystem& fs, const std::string& name, int classes,
                                 std::uint64_t seed);

// The same where shapes are enough: names of outline.h, too, whose weights have no values.
quant::QuantizedModel load_shapes(io::FileSystem& fs, const std::string& name, std::uint64_t seed);

}  // namespace bitline::frontend
