#include "bitline/hardware/array_spec.h"

#include <charconv>
#include <optional>

#include "bitline/base/suggest.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_reader.h"

namespace bitline::hardware {

namespace {

constexpr int kMaxLines = 65536;
constexpr int kMaxCellBits = 8;

bool take_int(std::string_view& rest, int& value, int high) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc{} || value < 1 || value > high) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

bool take_char(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}

// "ROWSxCOLUMNS" with an optional ":CELLBITSb".
std::optional<ArraySpec> parse_short(std::string_view text) {
  ArraySpec spec;
  std::string_view rest = text;
  if (!take_int(rest, spec.rows, kMaxLines) || !take_char(rest, 'x') ||
      !take_int(rest, spec.columns, kMaxLines))
    return std::nullopt;
  if (!rest.empty()) {
    if (!take_char(rest, ':') || !take_int(rest, spec.cell_bits, kMaxCellBits) || !take_char(rest, 'b') ||
        !rest.empty())
      return std::nullopt;
  }
  spec.name = std::string(text);
  return spec;
}

std::string geometry_text(const ArraySpec& spec) {
  return std::to_string(spec.rows) + "x" + std::to_string(spec.columns) + ":" +
         std::to_string(spec.cell_bits) + "b";
}

int read_int(io::YamlMapReader& map, const char* key, int fallback, std::int64_t low, std::int64_t high) {
  return static_cast<int>(map.integer(key, fallback, low, high));
}

void read_array(const io::YamlNode& node, ArraySpec& spec) {
  io::YamlMapReader map(node);
  spec.rows = read_int(map, "rows", spec.rows, 1, kMaxLines);
  spec.columns = read_int(map, "columns", spec.columns, 1, kMaxLines);
  map.finish();
}

void read_cell(const io::YamlNode& node, ArraySpec& spec) {
  io::YamlMapReader map(node);
  spec.cell_bits = read_int(map, "bits", spec.cell_bits, 1, kMaxCellBits);
  spec.encoding = map.text("encoding", spec.encoding);
  map.finish();
}

void read_dac(const io::YamlNode& node, ArraySpec& spec) {
  io::YamlMapReader map(node);
  spec.dac_bits = read_int(map, "bits", spec.dac_bits, 0, 8);
  map.finish();
}

void read_adc(const io::YamlNode& node, ArraySpec& spec) {
  io::YamlMapReader map(node);
  spec.adc_bits = map.text("bits", spec.adc_bits);
  map.finish();
}

}  // namespace

ArraySpec parse_array_spec(const io::YamlNode& root) {
  ArraySpec spec;
  io::YamlMapReader map(root);
  const io::YamlNode& schema = map.required("schema");
  if (schema.as_text() != kArraySchema)
    bad_input("schema '" + schema.as_text() + "' is not known", schema.where,
              std::string("expected ") + kArraySchema);
  if (const io::YamlNode* node = map.optional("array")) read_array(*node, spec);
  if (const io::YamlNode* node = map.optional("cell")) read_cell(*node, spec);
  if (const io::YamlNode* node = map.optional("dac")) read_dac(*node, spec);
  if (const io::YamlNode* node = map.optional("adc")) read_adc(*node, spec);
  spec.variation = map.text("variation", spec.variation);
  spec.name = map.text("name", geometry_text(spec));
  map.finish();
  return spec;
}

ArraySpec read_array_spec(io::FileSystem& fs, const std::string& path) {
  const io::YamlNode root = io::read_yaml(fs, path);
  const io::YamlNode* schema = root.find("schema");
  if (schema != nullptr && schema->scalar == kHardwareSchema) return array_of(read_hardware(fs, path));
  ArraySpec spec = parse_array_spec(root);
  spec.files = {path};
  return spec;
}

ArraySpec open_array_spec(io::FileSystem& fs, const std::string& text) {
  if (const auto spec = parse_short(text)) return *spec;
  if (find_design(text) != nullptr) return array_of(open_hardware(fs, text));
  if (fs.exists(text)) return read_array_spec(fs, text);
  const std::string near = nearest(text, design_names());
  bad_input("hardware '" + text + "' is neither a design, a file nor a geometry", {},
            near.empty()
                ? "expected a name of `bitline hardware list`, a YAML file or ROWSxCOLUMNS:BITSb such as "
                  "128x128:2b"
                : "did you mean '" + near + "'?");
}

}  // namespace bitline::hardware
