// The formats a model can be written in for others, and for bitline itself in little space.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bitline/frontend/packed.h"
#include "bitline/io/filesystem.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

struct ExportFormat {
  const char* name;    // of --to
  const char* ending;  // of the file
  const char* description;
  bool packs_floats;  // whether it knows PackOptions::float_weight_bits
  bool has_adcs;      // whether others than bitline see the quantization of partial sums in it
  // The bytes of the file. Error{kUnsupported} or Error{kBadInput} naming the layer.
  std::vector<std::byte> (*encode)(const quant::QuantizedModel& model, const PackOptions& options);
};

std::span<const ExportFormat> export_formats();
const ExportFormat& export_format(const std::string& name);  // Error{kUsage} with a suggestion

}  // namespace bitline::frontend
