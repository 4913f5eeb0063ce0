#include "bitline/frontend/packed.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "bitline/base/error.h"
#include "bitline/frontend/artefact.h"
#include "bitline/io/json.h"
#include "bitline/quant/mse.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::frontend {

namespace {

constexpr const char* kPackedKey = "bitline.packed";
constexpr std::int64_t kPackedVersion = 1;
constexpr const char* kOwnScale = ".packed_scale";
constexpr std::int64_t kMostLevels = 1 << quant::kMaxBits;
constexpr std::int64_t kMostElements = std::int64_t{1} << 40;
constexpr unsigned kByteBits = 8;

// What the metadata say of one tensor.
struct Packing {
  std::string tensor;
  ir::Shape shape;
  int bits = 8;
  quant::CodeRange range;
  std::string scales;
  quant::ScaleBlock block;
};

std::size_t packed_size(std::size_t count, int bits) {
  return (count * static_cast<std::size_t>(bits) + kByteBits - 1) / kByteBits;
}

int bits_of(quant::CodeRange range) {
  int bits = 1;
  while ((1 << bits) < range.levels()) ++bits;
  return bits;
}

io::Json to_json(const Packing& packing) {
  io::JsonArray shape;
  for (const std::int64_t extent : packing.shape) shape.emplace_back(extent);
  return io::JsonObject{{"tensor", packing.tensor},
                        {"shape", std::move(shape)},
                        {"bits", packing.bits},
                        {"low", packing.range.low},
                        {"high", packing.range.high},
                        {"scales", packing.scales},
                        {"block", io::JsonArray{packing.block.channels, packing.block.outputs}}};
}

std::int64_t in_range(const io::Json& json, const char* what, std::int64_t low, std::int64_t high) {
  const std::int64_t value = json.as_int();
  if (value < low || value > high) {
    bad_input(std::string("its ") + what + " is " + std::to_string(value) + ", expected " +
              std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

ir::Shape shape_of(const io::Json& json) {
  ir::Shape shape;
  std::int64_t count = 1;
  for (const io::Json& item : json.as_array()) {
    shape.push_back(in_range(item, "extent", 1, kMostElements));
    if (count > kMostElements / shape.back()) bad_input("it claims too many elements");
    count *= shape.back();
  }
  if (shape.size() < 2) bad_input("its shape has less than two dimensions");
  return shape;
}

Packing from_json(const io::Json& json) {
  Packing packing;
  packing.tensor = json.at("tensor").as_text();
  packing.shape = shape_of(json.at("shape"));
  packing.bits = static_cast<int>(in_range(json.at("bits"), "number of bits", 1, quant::kMaxBits));
  packing.range.low = static_cast<int>(in_range(json.at("low"), "lowest code", -kMostLevels, 0));
  packing.range.high =
      static_cast<int>(in_range(json.at("high"), "highest code", packing.range.low, kMostLevels));
  if (packing.range.levels() > 1 << packing.bits) bad_input("its codes do not fit its bits");
  packing.scales = json.at("scales").as_text();
  const io::JsonArray& block = json.at("block").as_array();
  if (block.size() != 2) bad_input("its block must be [channels, outputs]");
  packing.block.channels = in_range(block[0], "block", 1, kMostElements);
  packing.block.outputs = in_range(block[1], "block", 1, kMostElements);
  return packing;
}

std::vector<std::uint16_t> fields_of(const std::vector<int>& codes, int low) {
  std::vector<std::uint16_t> fields;
  for (const int code : codes) fields.push_back(static_cast<std::uint16_t>(code - low));
  return fields;
}

void replace(io::TensorFile& file, const Packing& packing, const std::vector<int>& codes,
             io::JsonArray& list) {
  std::vector<std::byte> bytes = pack_fields(fields_of(codes, packing.range.low), packing.bits);
  const auto size = static_cast<std::int64_t>(bytes.size());
  file.tensors[packing.tensor] = {io::DType::kU8, {size}, std::move(bytes)};
  list.push_back(to_json(packing));
}

// A layer on arrays: its own codes and scales.
void pack_layer(const quant::QuantizedModel& model, const ir::Node& node, io::TensorFile& file,
                io::JsonArray& list) {
  const quant::CimLayer& layer = model.layers.at(node.name);
  if (layer.config.slice_scales) return;
  const ir::Tensor& weight = model.graph.constant(node.inputs[1]);
  const quant::CodeRange range = quant::weight_range(layer.config);
  replace(file,
          {model.graph.value_name(node.inputs[1]), weight.shape, bits_of(range), range,
           node.name + ".cim.weight_scale", quant::scale_block(weight.shape, layer.config)},
          quant::weight_codes(weight, layer), list);
}

// A layer in float: codes of one scale for each output channel.
void pack_float(const ir::Graph& graph, const ir::Node& node, int bits, io::TensorFile& file,
                io::JsonArray& list) {
  const ir::Tensor& weight = graph.constant(node.inputs[1]);
  const quant::CodeRange range = quant::strict_range(bits);
  const std::size_t row = weight.size() / static_cast<std::size_t>(weight.dim(0));
  std::vector<float> scales;
  std::vector<int> codes;
  for (std::size_t first = 0; first < weight.size(); first += row) {
    const auto values = std::span(weight.data).subspan(first, row);
    scales.push_back(quant::mse_scale(values, range));
    for (const float value : values) {
      codes.push_back(static_cast<int>(quant::lsq_code(value, scales.back(), static_cast<float>(range.low),
                                                       static_cast<float>(range.high))));
    }
  }
  const std::string name = graph.value_name(node.inputs[1]);
  file.tensors[name + kOwnScale] = io::store_floats({weight.dim(0)}, scales);
  replace(file, {name, weight.shape, bits, range, name + kOwnScale, {weight.dim(1), 1}}, codes, list);
}

bool has_weights(const ir::Graph& graph, const ir::Node& node) {
  const bool is_layer =
      std::holds_alternative<ir::Conv>(node.op) || std::holds_alternative<ir::Linear>(node.op);
  return is_layer && graph.is_constant(node.inputs[1]);
}

using Readers = std::map<ir::ValueId, std::vector<const ir::Node*>>;

// Who reads each constant, in graph order; more than once where a node reads it twice.
Readers readers_of(const ir::Graph& graph) {
  Readers out;
  for (const ir::Node& node : graph.nodes()) {
    for (const ir::ValueId id : node.inputs)
      if (graph.is_constant(id)) out[id].push_back(&node);
  }
  return out;
}

// A weight is packed once, for the first layer that reads it, where all see the same codes in it: layers that
// are quantized alike. Others keep the floats.
bool packs_for(const quant::QuantizedModel& model, const ir::Node& node, const Readers& readers) {
  const std::vector<const ir::Node*>& all = readers.at(node.inputs[1]);
  if (all.front() != &node) return false;
  const auto plan = [&model](const ir::Node& n) {
    const auto it = model.layers.find(n.name);
    return it == model.layers.end() ? nullptr : &it->second;
  };
  const quant::CimLayer* own = plan(node);
  return std::all_of(all.begin(), all.end(), [&](const ir::Node* other) {
    if (!has_weights(model.graph, *other) || other->inputs[1] != node.inputs[1]) return false;
    const quant::CimLayer* theirs = plan(*other);
    if (own == nullptr || theirs == nullptr) return own == theirs;
    return own->config == theirs->config && own->weight_scale == theirs->weight_scale;
  });
}

std::vector<float> scales_of(const io::TensorFile& file, const Packing& packing) {
  const auto it = file.tensors.find(packing.scales);
  if (it == file.tensors.end()) bad_input("its scales '" + packing.scales + "' are missing");
  std::vector<float> scales = io::as_floats(it->second, packing.scales);
  const std::size_t expected = quant::table_size(packing.shape, packing.block);
  if (scales.size() != expected) {
    bad_input("'" + packing.scales + "' holds " + std::to_string(scales.size()) + " scales, expected " +
              std::to_string(expected));
  }
  for (const float scale : scales) {
    if (!(scale > 0.0f) || !std::isfinite(scale))
      bad_input("'" + packing.scales + "' holds " + std::to_string(scale));
  }
  return scales;
}

io::StoredTensor unpacked(const io::TensorFile& file, const Packing& packing) {
  const auto it = file.tensors.find(packing.tensor);
  if (it == file.tensors.end() || it->second.dtype != io::DType::kU8) bad_input("its bytes are missing");
  const auto count = static_cast<std::size_t>(ir::element_count(packing.shape));
  if (it->second.bytes.size() != packed_size(count, packing.bits)) {
    bad_input("it has " + std::to_string(it->second.bytes.size()) + " bytes, expected " +
              std::to_string(packed_size(count, packing.bits)));
  }
  const std::vector<float> scales = scales_of(file, packing);
  const std::vector<std::size_t> entries = quant::scale_entries(packing.shape, packing.block);
  const std::vector<std::uint16_t> fields = unpack_fields(it->second.bytes, count, packing.bits);
  if (pack_fields(fields, packing.bits) != it->second.bytes) bad_input("there are bits behind its last code");
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const int code = packing.range.low + fields[i];
    if (code > packing.range.high) bad_input("it holds a code above " + std::to_string(packing.range.high));
    values[i] = static_cast<float>(code) * scales[entries[i]];
  }
  return io::store_floats(packing.shape, values);
}

}  // namespace

std::vector<std::byte> pack_fields(std::span<const std::uint16_t> fields, int bits) {
  std::vector<std::byte> bytes(packed_size(fields.size(), bits));
  std::size_t position = 0;
  for (const std::uint16_t field : fields) {
    std::size_t at = position / kByteBits;
    for (unsigned placed = unsigned{field} << position % kByteBits; placed > 0; placed >>= kByteBits)
      bytes[at++] |= static_cast<std::byte>(placed & 0xffu);
    position += static_cast<std::size_t>(bits);
  }
  return bytes;
}

std::vector<std::uint16_t> unpack_fields(std::span<const std::byte> bytes, std::size_t count, int bits) {
  BITLINE_CHECK(bytes.size() == packed_size(count, bits));
  const auto byte = [&](std::size_t i) {
    return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0u;
  };
  const unsigned mask = (1u << bits) - 1u;
  std::vector<std::uint16_t> fields(count);
  std::size_t position = 0;
  for (std::uint16_t& field : fields) {
    const std::size_t at = position / kByteBits;
    const unsigned three = byte(at) | byte(at + 1) << kByteBits | byte(at + 2) << 2 * kByteBits;
    field = static_cast<std::uint16_t>(three >> position % kByteBits & mask);
    position += static_cast<std::size_t>(bits);
  }
  return fields;
}

io::TensorFile packed_file(const quant::QuantizedModel& model, const PackOptions& options) {
  io::TensorFile file = artefact_file(model);
  io::JsonArray list;
  const Readers readers = readers_of(model.graph);
  for (const ir::Node& node : model.graph.nodes()) {
    if (!has_weights(model.graph, node) || !packs_for(model, node, readers)) continue;
    if (model.layers.count(node.name) != 0) {
      pack_layer(model, node, file, list);
    } else if (options.float_weight_bits > 0) {
      pack_float(model.graph, node, options.float_weight_bits, file, list);
    }
  }
  file.metadata[kPackedKey] =
      io::Json(io::JsonObject{{"version", kPackedVersion}, {"tensors", std::move(list)}}).dump(-1);
  return file;
}

void unpack_weights(io::TensorFile& file, const std::string& path) {
  const auto it = file.metadata.find(kPackedKey);
  if (it == file.metadata.end()) return;
  const io::Json json = io::parse_json(it->second, path);
  if (json.at("version").as_int() != kPackedVersion) bad_input("the packed weights have an unknown version");
  std::map<std::string, io::StoredTensor> values;
  for (const io::Json& entry : json.at("tensors").as_array()) {
    const std::string name = entry.at("tensor").as_text();
    try {
      if (!values.emplace(name, unpacked(file, from_json(entry))).second) bad_input("it is listed twice");
    } catch (const Error& e) {
      throw Error(e.code(), "packed tensor '" + name + "': " + e.message(), {path, 0, 0, {}}, e.hint());
    }
  }
  for (auto& [name, tensor] : values) {
    file.tensors[name] = std::move(tensor);
    file.tensors.erase(name + kOwnScale);
  }
  file.metadata.erase(it);
}

}  // namespace bitline::frontend
