#include "bitline/mapping/mapping_json.h"

#include <algorithm>
#include <array>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/io/atomic_file.h"
#include "bitline/io/json.h"

namespace bitline::mapping {

namespace {

using io::Json;
using io::JsonArray;
using io::JsonObject;

constexpr std::int64_t kMost = std::int64_t{1} << 30;  // of any number: products of two fit in 64 bits
constexpr std::int64_t kMostLines = 65536;             // of an array, as in hardware files

struct BlockField {
  const char* name;
  std::int64_t Block::*member;
};
constexpr std::array<BlockField, 16> kBlockFields = {{{"layer", &Block::layer},
                                                      {"replica", &Block::replica},
                                                      {"group", &Block::group},
                                                      {"first_row", &Block::first_row},
                                                      {"rows", &Block::rows},
                                                      {"first_output", &Block::first_output},
                                                      {"outputs", &Block::outputs},
                                                      {"first_slice", &Block::first_slice},
                                                      {"slices", &Block::slices},
                                                      {"first_part", &Block::first_part},
                                                      {"parts", &Block::parts},
                                                      {"round", &Block::round},
                                                      {"array", &Block::array},
                                                      {"read", &Block::read},
                                                      {"row", &Block::row},
                                                      {"column", &Block::column}}};

struct LayerField {
  const char* name;
  std::int64_t MappedLayer::*member;
};
constexpr std::array<LayerField, 5> kLayerFields = {{{"groups", &MappedLayer::groups},
                                                     {"rows", &MappedLayer::rows},
                                                     {"outputs", &MappedLayer::outputs},
                                                     {"positions", &MappedLayer::positions},
                                                     {"replicas", &MappedLayer::replicas}}};

struct ChipField {
  const char* name;
  std::int64_t Chip::*member;
  std::int64_t least, most;
};
constexpr std::array<ChipField, 6> kChipFields = {{{"rows", &Chip::rows, 1, kMostLines},
                                                   {"columns", &Chip::columns, 1, kMostLines},
                                                   {"active_rows", &Chip::active_rows, 1, kMostLines},
                                                   {"arrays_per_macro", &Chip::arrays_per_macro, 1, kMost},
                                                   {"macros_per_tile", &Chip::macros_per_tile, 1, kMost},
                                                   {"tiles", &Chip::tiles, 0, kMost}}};

Json json_of(const Chip& chip) {
  JsonObject out{{"name", chip.name}, {"cell_bits", chip.cell_bits}};
  for (const ChipField& field : kChipFields) out.emplace_back(field.name, chip.*field.member);
  out.emplace_back("resident", chip.resident);
  return out;
}

Json json_of(const MappedLayer& layer) {
  JsonArray slices;
  for (const WeightSlice& slice : layer.slices)
    slices.emplace_back(JsonObject{{"shift", slice.shift}, {"bits", slice.bits}});
  JsonObject out{{"node", layer.node},
                 {"weight_bits", layer.weight_bits},
                 {"input_cycles", layer.input_cycles},
                 {"parts", layer.parts},
                 {"slices", std::move(slices)}};
  for (const LayerField& field : kLayerFields) out.emplace_back(field.name, layer.*field.member);
  return out;
}

// One value of the file and the place it stands at.
class Place {
 public:
  Place(const Json& json, std::string name, const std::string& path)
      : json_(json), name_(std::move(name)), path_(path) {}

  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const {
    bad_input(message, Where{path_, 0, 0, name_}, hint);
  }

  void only(const std::vector<std::string>& known) const {
    if (!json_.is_object()) fail("expected an object");
    for (const auto& [key, value] : json_.as_object()) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        fail("unknown entry '" + key + "'", suggestion(key, known));
    }
  }

  Place at(const std::string& key) const {
    const Json* found = json_.find(key);
    if (found == nullptr) fail("'" + key + "' is missing");
    return {*found, name_.empty() ? key : name_ + "." + key, path_};
  }

  std::vector<Place> items() const {
    if (!json_.is_array()) fail("expected a list");
    std::vector<Place> out;
    for (const Json& item : json_.as_array())
      out.emplace_back(item, name_ + "[" + std::to_string(out.size()) + "]", path_);
    return out;
  }

  // An item of a list with its own name; cheap, for the many numbers of blocks.
  std::int64_t number_at(std::size_t i, const char* field) const {
    const Json& item = json_.as_array()[i];
    if (!item.is_int() || item.as_int() < 0 || item.as_int() > kMost)
      Place(item, name_ + "." + field, path_).number(0);
    return item.as_int();
  }

  std::int64_t number(std::int64_t least, std::int64_t most = kMost) const {
    if (!json_.is_int() || json_.as_int() < least || json_.as_int() > most)
      fail("expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return json_.as_int();
  }

  std::string text() const {
    if (!json_.is_text()) fail("expected text");
    return json_.as_text();
  }

  bool truth() const {
    try {
      return json_.as_bool();
    } catch (const Error&) {
      fail("expected true or false");
    }
  }

  std::size_t size() const { return json_.is_array() ? json_.as_array().size() : 0; }

 private:
  const Json& json_;
  std::string name_;
  const std::string& path_;
};

template <class Fields>
std::vector<std::string> names_of(const Fields& fields, std::vector<std::string> more) {
  for (const auto& field : fields) more.emplace_back(field.name);
  return more;
}

Chip chip_from(const Place& place) {
  place.only(names_of(kChipFields, {"name", "cell_bits", "resident"}));
  Chip chip;
  chip.name = place.at("name").text();
  chip.cell_bits = static_cast<int>(place.at("cell_bits").number(1, 8));
  for (const ChipField& field : kChipFields)
    chip.*field.member = place.at(field.name).number(field.least, field.most);
  if (chip.active_rows > chip.rows)
    place.at("active_rows").fail("more rows are active than the array has: " + std::to_string(chip.rows));
  chip.resident = place.at("resident").truth();
  const double arrays = static_cast<double>(chip.tiles) * static_cast<double>(chip.macros_per_tile) *
                        static_cast<double>(chip.arrays_per_macro);
  if (arrays > static_cast<double>(kMost)) place.fail("tiles, macros and arrays are too many together");
  return chip;
}

MappedLayer layer_from(const Place& place) {
  place.only(names_of(kLayerFields, {"node", "weight_bits", "input_cycles", "parts", "slices"}));
  MappedLayer layer;
  layer.node = place.at("node").text();
  layer.weight_bits = static_cast<int>(place.at("weight_bits").number(1, 32));
  layer.input_cycles = static_cast<int>(place.at("input_cycles").number(1, 32));
  layer.parts = static_cast<int>(place.at("parts").number(1, 2));
  for (const Place& item : place.at("slices").items()) {
    item.only({"shift", "bits"});
    layer.slices.push_back(
        {static_cast<int>(item.at("shift").number(0, 31)), static_cast<int>(item.at("bits").number(1, 32))});
  }
  for (const LayerField& field : kLayerFields) layer.*field.member = place.at(field.name).number(1);
  return layer;
}

Block block_from(const Place& place) {
  if (place.size() != kBlockFields.size())
    place.fail("expected " + std::to_string(kBlockFields.size()) + " numbers, those of block_fields");
  Block block;
  for (std::size_t i = 0; i < kBlockFields.size(); ++i)
    block.*kBlockFields[i].member = place.number_at(i, kBlockFields[i].name);
  return block;
}

void check_fields(const Place& place) {
  const std::vector<Place> items = place.items();
  bool same = items.size() == kBlockFields.size();
  for (std::size_t i = 0; same && i < items.size(); ++i) same = items[i].text() == kBlockFields[i].name;
  if (!same) place.fail("expected the fields of " + std::string(kMappingSchema) + " in their order");
}

RowPolicy rows_from(const Place& place) {
  const std::string name = place.text();
  try {
    return parse_row_policy(name);
  } catch (const Error& e) {
    place.fail(e.message(), e.hint());
  }
}

}  // namespace

std::string to_json_text(const Mapping& mapping) {
  JsonArray layers, digital, fields;
  for (const MappedLayer& layer : mapping.layers) layers.push_back(json_of(layer));
  for (const std::string& name : mapping.digital) digital.emplace_back(name);
  for (const BlockField& field : kBlockFields) fields.emplace_back(field.name);
  const Json head = JsonObject{{"schema", kMappingSchema},      {"chip", json_of(mapping.chip)},
                               {"rows", name_of(mapping.rows)}, {"arrays", mapping.arrays},
                               {"rounds", mapping.rounds},      {"layers", std::move(layers)},
                               {"digital", std::move(digital)}, {"block_fields", std::move(fields)}};
  std::string out = head.dump();
  out.erase(out.find_last_of('}'));  // reopened for the blocks, a line each
  while (!out.empty() && out.back() == '\n') out.pop_back();
  out += ",\n  \"blocks\": [";
  const char* separator = "\n    [";
  for (const Block& block : mapping.blocks) {
    out += separator;
    for (std::size_t i = 0; i < kBlockFields.size(); ++i)
      out += (i == 0 ? "" : ", ") + std::to_string(block.*kBlockFields[i].member);
    out += "]";
    separator = ",\n    [";
  }
  return out + "\n  ]\n}\n";
}

Mapping mapping_from_json(std::string_view text, const std::string& path) {
  const Json json = io::parse_json(text, path);
  const Place root(json, "", path);
  root.only({"schema", "chip", "rows", "arrays", "rounds", "layers", "digital", "block_fields", "blocks"});
  if (const std::string schema = root.at("schema").text(); schema != kMappingSchema)
    root.at("schema").fail("unknown schema '" + schema + "'", std::string("expected ") + kMappingSchema);
  Mapping mapping;
  mapping.chip = chip_from(root.at("chip"));
  mapping.rows = rows_from(root.at("rows"));
  mapping.arrays = root.at("arrays").number(0);
  mapping.rounds = root.at("rounds").number(1);
  for (const Place& item : root.at("layers").items()) mapping.layers.push_back(layer_from(item));
  for (const Place& item : root.at("digital").items()) mapping.digital.push_back(item.text());
  check_fields(root.at("block_fields"));
  for (const Place& item : root.at("blocks").items()) mapping.blocks.push_back(block_from(item));
  return mapping;
}

void write_mapping(io::FileSystem& fs, const std::string& path, const Mapping& mapping) {
  io::write_atomically(fs, path, to_json_text(mapping));
}

Mapping read_mapping(io::FileSystem& fs, const std::string& path) {
  return mapping_from_json(io::read_text(fs, path), path);
}

}  // namespace bitline::mapping
