#include "bitline/hardware/spec_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "bitline/base/suggest.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_checks.h"
#include "bitline/hardware/spec_keys.h"
#include "bitline/io/yaml.h"

namespace bitline::hardware {

namespace {

constexpr std::array<std::string_view, 3> kSourceKeys = {"cite", "mark", "note"};
constexpr std::array<Mark, 6> kMarks = {Mark::kSourced, Mark::kDerived, Mark::kReconstructed,
                                        Mark::kMemory,  Mark::kAssumed, Mark::kCalibrated};

bool is_source_key(std::string_view key) {
  return std::find(kSourceKeys.begin(), kSourceKeys.end(), key) != kSourceKeys.end();
}

Mark read_mark(const io::YamlNode& node) {
  std::vector<std::string> names;
  for (const Mark mark : kMarks) {
    if (node.as_text() == mark_name(mark)) return mark;
    names.emplace_back(mark_name(mark));
  }
  bad_input("'" + node.scalar + "' is not a mark", node.where, suggestion(node.scalar, names));
}

// The source a map states, over the one of the section around it. A mark belongs to the cite beside it, so a
// new cite starts as SOURCED.
Source read_source(const io::YamlNode& map, Source outer) {
  if (const io::YamlNode* cite = map.find("cite")) {
    outer = {cite->as_text(), Mark::kSourced, {}};
    if (outer.cite.empty()) bad_input("'cite' is empty", cite->where, "name the paper and the table");
  }
  if (const io::YamlNode* mark = map.find("mark")) outer.mark = read_mark(*mark);
  if (const io::YamlNode* note = map.find("note")) outer.note = note->as_text();
  return outer;
}

std::string limit_text(double value, Dimension dimension) {
  return std::isinf(value) ? "" : quantity_text(value, dimension);
}

void check_range(double value, const KeySlot& slot, const io::YamlNode& node) {
  const KeyRange& range = slot.range;
  const bool low_enough = value <= range.high;
  const bool high_enough = range.above ? value > range.low : value >= range.low;
  if (low_enough && high_enough) return;
  std::string expected = range.above ? "more than " : "at least ";
  expected += limit_text(range.low, slot.dimension);
  if (!std::isinf(range.high)) expected += " and at most " + limit_text(range.high, slot.dimension);
  bad_input(std::string("'") + slot.name + "' is out of range: " + node.scalar, node.where,
            "expected " + expected);
}

Constant read_number(const KeySlot& slot, const io::YamlNode& node) {
  Constant constant;
  constant.dimension = slot.dimension;
  constant.where = node.where;
  if (slot.dimension == Dimension::kCount) {
    constant.value = static_cast<double>(
        node.as_int(static_cast<std::int64_t>(slot.range.low), static_cast<std::int64_t>(slot.range.high)));
    constant.text = node.scalar;
    return constant;
  }
  constant.value = parse_quantity(node.as_text(), slot.dimension, node.where);
  constant.text = node.scalar;
  check_range(constant.value, slot, node);
  return constant;
}

// `1.2 mW`, or {value: 1.2 mW, cite: ..., mark: ..., note: ...}.
Constant read_constant(const KeySlot& slot, const io::YamlNode& node, const Source& section,
                       const std::string& section_name) {
  const bool own_source = node.kind == io::YamlNode::Kind::kMap;
  Constant constant;
  Source source = section;
  source.note.clear();
  if (own_source) {
    io::YamlMapReader map(node);
    constant = read_number(slot, map.required("value"));
    for (const std::string_view key : kSourceKeys) map.optional(key);
    map.finish();
    source = read_source(node, source);
  } else {
    constant = read_number(slot, node);
  }
  if (source.cite.empty())
    bad_input(std::string("'") + slot.name + "' has no source", node.where,
              "add 'cite:' to it or to '" + section_name + "'");
  constant.source = std::move(source);
  return constant;
}

void read_word(const KeySlot& slot, const io::YamlNode& node) {
  const std::string& word = node.as_text();
  const auto& choices = slot.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), word) == choices.end())
    bad_input("'" + word + "' is no " + slot.name, node.where, suggestion(word, choices));
  *slot.word = word;
}

std::vector<std::string> known_keys(const SectionForm& form) {
  std::vector<std::string> out;
  for (const KeySlot& slot : form.keys) out.emplace_back(slot.name);
  if (form.level != nullptr) out.emplace_back("components");
  out.insert(out.end(), kSourceKeys.begin(), kSourceKeys.end());
  return out;
}

void read_section(const io::YamlNode& node, SectionForm& form, std::string_view skip = {}) {
  io::YamlMapReader must_be_map(node);
  const Source source = read_source(node, {});
  if (!source.cite.empty() || !form.section->stated) form.section->source = source;
  form.section->stated = true;
  form.section->where = node.where;
  for (std::size_t i = 0; i < node.entries.size(); ++i) {
    const auto& [key, value] = node.entries[i];
    const bool is_components = form.level != nullptr && key == "components";
    if (is_source_key(key) || is_components || key == skip) continue;
    const auto slot = std::find_if(form.keys.begin(), form.keys.end(),
                                   [&wanted = key](const KeySlot& s) { return wanted == s.name; });
    if (slot == form.keys.end())
      bad_input("unknown key '" + key + "' of '" + form.name + "'", node.key_places[i],
                suggestion(key, known_keys(form)));
    if (slot->number != nullptr)
      *slot->number = read_constant(*slot, value, source, form.name);
    else
      read_word(*slot, value);
  }
}

void read_kind(const io::YamlNode& node, const std::string& name, Component& component) {
  const io::YamlNode* kind = node.find("kind");
  if (kind == nullptr) {
    if (!component.kind.empty()) return;
    bad_input("component '" + name + "' has no 'kind'", node.where, "for example 'kind: buffer'");
  }
  std::vector<std::string> names;
  for (const ComponentKind& known : component_kinds()) names.emplace_back(known.name);
  const std::string& word = kind->as_text();
  if (std::find(names.begin(), names.end(), word) == names.end())
    bad_input("'" + word + "' is no kind of component", kind->where, suggestion(word, names));
  if (!component.kind.empty() && component.kind != word)
    bad_input("'" + name + "' is a " + component.kind + " in the extended file", kind->where,
              "give the new component a name of its own");
  component.kind = word;
}

bool is_component_name(const std::string& name) {
  const auto ok = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), ok) && name != "array" && name != "dac" &&
         name != "adc";
}

void read_components(const io::YamlNode& node, const std::string& level_name, Level& level) {
  io::YamlMapReader must_be_map(node);
  for (std::size_t i = 0; i < node.entries.size(); ++i) {
    const auto& [name, value] = node.entries[i];
    if (!is_component_name(name))
      bad_input("'" + name + "' is no name for a component", node.key_places[i],
                "lower case letters, digits and '_'; array, dac and adc have sections of their own");
    auto it = std::find_if(level.components.begin(), level.components.end(),
                           [&, &wanted = name](const Component& c) { return c.name == wanted; });
    if (value.kind == io::YamlNode::Kind::kNull) {  // leaves out what it extends
      if (it == level.components.end())
        bad_input("'" + name + "' is empty, and there is no such component to leave out", node.key_places[i]);
      level.components.erase(it);
      continue;
    }
    io::YamlMapReader component_must_be_map(value);
    if (it == level.components.end()) it = level.components.insert(it, Component{});
    it->name = name;
    read_kind(value, name, *it);
    SectionForm form = component_form(level_name, *it);
    read_section(value, form, "kind");
  }
}

void read_sections(const io::YamlNode& root, HardwareSpec& spec) {
  std::vector<SectionForm> forms = section_forms(spec);
  std::vector<std::string> known = {"schema", "name", "summary", "extends"};
  for (const SectionForm& form : forms) known.push_back(form.name);
  for (std::size_t i = 0; i < root.entries.size(); ++i) {
    const auto& [key, value] = root.entries[i];
    if (std::find(known.begin(), known.begin() + 4, key) != known.begin() + 4) continue;
    const auto form = std::find_if(forms.begin(), forms.end(),
                                   [&, &wanted = key](const SectionForm& f) { return f.name == wanted; });
    if (form == forms.end())
      bad_input("unknown key '" + key + "'", root.key_places[i], suggestion(key, known));
    read_section(value, *form);
    const io::YamlNode* components = form->level == nullptr ? nullptr : value.find("components");
    if (components != nullptr) read_components(*components, key, *form->level);
  }
}

std::vector<Component*> all_components(HardwareSpec& spec) {
  std::vector<Component*> out = {&spec.array, &spec.dac, &spec.adc};
  for (Level* level : {&spec.macro, &spec.tile, &spec.chip}) {
    for (Component& component : level->components) out.push_back(&component);
  }
  return out;
}

std::vector<const Constant*> figures_of(const Component& c) {
  std::vector<const Constant*> out;
  for (const OptionalConstant* figure : {&c.power, &c.leakage, &c.energy, &c.area}) {
    if (*figure) out.push_back(&**figure);
  }
  return out;
}

// What a file inherits was stated for the resolution and the feature size of the file it extends.
void pin_figures(HardwareSpec& spec) {
  for (Component* component : all_components(spec)) {
    if (!figures_of(*component).empty() && !component->stated_node)
      component->stated_node = spec.technology.node;
  }
  if (!figures_of(spec.adc).empty() && !spec.adc.stated_bits) spec.adc.stated_bits = spec.adc.bits;
}

// Figures that `path` states anew are for its own resolution and feature size, unless it says otherwise.
void unpin_figures(Component& component, OptionalConstant& stated, const OptionalConstant& used,
                   const std::string& path) {
  const auto is_new = [&path](const Constant* figure) { return figure->where.file == path; };
  const std::vector<const Constant*> figures = figures_of(component);
  const auto fresh = std::find_if(figures.begin(), figures.end(), is_new);
  if (fresh == figures.end() || !stated || stated->where.file == path) return;
  if (std::all_of(figures.begin(), figures.end(), is_new)) {
    stated.reset();
  } else if (used && used->value != stated->value) {
    bad_input("this is for " + used->text + ", but other figures of the component are inherited for " +
                  stated->text,
              (*fresh)->where, "state all of power, leakage, energy and area anew, or none");
  }
}

struct Origin {
  std::string path;
  bool on_disk;
};

class Loader {
 public:
  explicit Loader(io::FileSystem* files) : files_(files) {}

  HardwareSpec shipped(const Design& design, const Where& asked_at) {
    HardwareSpec spec = load({shipped_path(design), false}, std::string(shipped_text(design)), asked_at);
    spec.files.back() = builtin_path(design);
    return spec;
  }

  HardwareSpec file(const std::string& path, const Where& asked_at) {
    const std::vector<std::byte> bytes = files_->read(path);
    return load({path, true}, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, asked_at);
  }

  HardwareSpec load(const Origin& origin, const std::string& text, const Where& asked_at) {
    const std::string& path = origin.path;
    if (std::find(chain_.begin(), chain_.end(), path) != chain_.end()) {
      std::string circle;
      for (const std::string& step : chain_) circle += step + " -> ";
      bad_input("'extends' goes in a circle", asked_at, circle + path);
    }
    chain_.push_back(path);
    const io::YamlNode root = io::parse_yaml(text, path);
    HardwareSpec spec = start(root, origin);
    if (const io::YamlNode* name = root.find("name")) spec.name = name->as_text();
    if (const io::YamlNode* summary = root.find("summary")) spec.summary = summary->as_text();
    spec.files.push_back(path);
    read_sections(root, spec);
    for (Component* component : all_components(spec))
      unpin_figures(*component, component->stated_node, spec.technology.node, path);
    unpin_figures(spec.adc, spec.adc.stated_bits, spec.adc.bits, path);
    check_hardware(spec);
    chain_.pop_back();
    return spec;
  }

 private:
  HardwareSpec start(const io::YamlNode& root, const Origin& origin) {
    io::YamlMapReader map(root);
    const io::YamlNode& schema = map.required("schema");
    if (schema.as_text() != kHardwareSchema)
      bad_input("schema '" + schema.as_text() + "' is not known", schema.where,
                std::string("expected ") + kHardwareSchema);
    map.required("name").as_text();
    const io::YamlNode* extends = map.optional("extends");
    if (extends == nullptr) return {};
    HardwareSpec base = extended(extends->as_text(), origin, extends->where);
    base.summary.clear();
    base.published = {};  // totals of the extended chip, not of this one
    pin_figures(base);
    return base;
  }

  // Beside the file that asks, if that is on disk; else among the shipped designs. A file of a design's name
  // may extend the design.
  HardwareSpec extended(const std::string& name, const Origin& origin, const Where& where) {
    const std::filesystem::path folder = std::filesystem::path(origin.path).parent_path();
    const Design* design = find_design(name);
    for (const char* suffix : {"", ".yaml"}) {
      const std::string path = (folder / (name + suffix)).lexically_normal().string();
      const bool itself = path == origin.path && design != nullptr;
      if (origin.on_disk && path.ends_with(".yaml") && !itself && files_->exists(path))
        return file(path, where);
    }
    if (design != nullptr) return shipped(*design, where);
    bad_input("'extends' finds no '" + name + "'", where,
              "expected a file beside this one or a design; " + suggestion(name, design_names()));
  }

  io::FileSystem* files_;
  std::vector<std::string> chain_;
};

}  // namespace

const char* mark_name(Mark mark) {
  switch (mark) {
    case Mark::kSourced:
      return "SOURCED";
    case Mark::kDerived:
      return "DERIVED";
    case Mark::kReconstructed:
      return "RECONSTRUCTED";
    case Mark::kMemory:
      return "MEMORY";
    case Mark::kAssumed:
      return "ASSUMED";
    case Mark::kCalibrated:
      return "CALIBRATED";
  }
  return "";
}

HardwareSpec read_hardware(io::FileSystem& fs, const std::string& path) {
  return Loader(&fs).file(std::filesystem::path(path).lexically_normal().string(), {});
}

HardwareSpec open_hardware(io::FileSystem& fs, const std::string& text) {
  if (const Design* design = find_design(text)) return Loader(&fs).shipped(*design, {});
  if (fs.exists(text)) return read_hardware(fs, text);
  bad_input("hardware '" + text + "' is neither a design nor a file", {}, suggestion(text, design_names()));
}

HardwareSpec shipped_hardware(const Design& design) {
  return Loader(nullptr).shipped(design, {});
}

HardwareSpec parse_hardware(const std::string& text, const std::string& path) {
  return Loader(nullptr).load({path, false}, text, {});
}

}  // namespace bitline::hardware
