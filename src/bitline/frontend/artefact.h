// The quantized model as one file: safetensors with the graph and the quantization plan in its metadata.
//
// Metadata "bitline.graph" holds the graph (graph_json.h), "bitline.quantization" the configuration of every
// layer on arrays and the notes; scales are tensors "NODE.cim.weight_scale", ".psum_step", ".psum_centre",
// and ".activation_offset" where it is not 0.
// Loading gives back the same model, bit for bit. A file without a quantization plan loads as a float model.
// Weights packed to few bits (packed.h) load as the floats that their codes stand for.
#pragma once

#include <string>

#include "bitline/io/filesystem.h"
#include "bitline/io/safetensors.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

// What save_artefact writes.
io::TensorFile artefact_file(const quant::QuantizedModel& model);
void save_artefact(io::FileSystem& fs, const std::string& path, const quant::QuantizedModel& model);

// Error{kBadInput} with the file, and the node where there is one: damaged or contradicting content.
quant::QuantizedModel load_artefact(io::FileSystem& fs, const std::string& path);

}  // namespace bitline::frontend
