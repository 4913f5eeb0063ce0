#include "fuzz/onnx_target.h"

#include "bitline/base/error.h"
#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/onnx.h"
#include "bitline/frontend/weights.h"

namespace bitline::fuzz {

bool try_onnx(std::span<const std::byte> bytes) {
  ir::Graph graph;
  try {
    graph = frontend::import_onnx(bytes, "fuzz.onnx").graph;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput && e.code() != ErrorCode::kUnsupported) throw;
    return false;
  }
  // What was accepted must survive being saved and loaded.
  const io::Json saved = frontend::graph_to_json(graph);
  const ir::Graph loaded = frontend::graph_from_json(saved, frontend::state_dict(graph));
  BITLINE_CHECK(frontend::graph_to_json(loaded).dump(-1) == saved.dump(-1));
  return true;
}

}  // namespace bitline::fuzz
