#include "fuzz/artefact_target.h"

#include "fuzz/memory_file.h"

#include "bitline/base/error.h"
#include "bitline/frontend/artefact.h"
#include "bitline/frontend/graph_json.h"

namespace bitline::fuzz {

namespace {

constexpr const char* kPath = "fuzz.safetensors";

quant::QuantizedModel load(std::span<const std::byte> bytes) {
  MemoryFile file(kPath, bytes);
  return frontend::load_artefact(file, kPath);
}

}  // namespace

bool try_artefact(std::span<const std::byte> bytes) {
  quant::QuantizedModel model;
  try {
    model = load(bytes);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput && e.code() != ErrorCode::kUnsupported) throw;
    return false;
  }
  const quant::QuantizedModel again = load(io::encode_safetensors(frontend::artefact_file(model)));
  BITLINE_CHECK(frontend::graph_to_json(again.graph).dump(-1) ==
                frontend::graph_to_json(model.graph).dump(-1));
  return true;
}

}  // namespace bitline::fuzz
