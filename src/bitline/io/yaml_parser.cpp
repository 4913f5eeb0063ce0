// parse_yaml on the event interface of yaml-cpp, which by itself accepts duplicate keys, cyclic anchors and
// several documents.
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "bitline/io/atomic_file.h"
#include "bitline/io/yaml.h"

namespace bitline::io {

namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

Where place_of(const YAML::Mark& mark, const std::string& path) {
  return mark.is_null() ? Where{path, 0, 0, {}} : Where{path, mark.line + 1, mark.column + 1, {}};
}

// yaml-cpp takes the end of the file for a closing quote when a line break comes before it.
bool quote_is_closed(std::string_view text, std::size_t start) {
  if (start >= text.size() || (text[start] != '"' && text[start] != '\'')) return true;
  const char quote = text[start];
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      const bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
      if (!doubled) return true;
      ++i;
    }
  }
  return false;
}

// A sequence or map that is still open; of a map, the key whose value comes next.
struct Frame {
  YamlNode node;
  std::string key;
  bool has_key = false;
  std::set<std::string> keys;
};

// yaml-cpp would guess UTF-16 and UTF-32 from zero bytes and byte order marks.
void refuse_other_encodings(std::string_view text, const std::string& path) {
  const bool marked = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  if (marked || text.find('\0') != std::string_view::npos) {
    bad_input("expected UTF-8 text, got UTF-16, UTF-32 or a binary file", Where{path, 0, 0, {}});
  }
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "text after the end of the document: a file holds one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) refuse(mark, "expected a key, got nothing or null");
    YamlNode node;
    // The mark of an absent value is that of whatever follows it; the key says more.
    node.where = in_map() ? open_.back().node.key_places.back() : place_of(mark, path_);
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not supported", "write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (!quote_is_closed(text_, static_cast<std::size_t>(mark.pos))) {
      refuse(mark, "this quoted text has no closing quote");
    }
    if (expects_key()) return set_key(mark, value);
    YamlNode node;
    node.kind = YamlNode::Kind::kScalar;
    node.scalar = value;
    node.where = place_of(mark, path_);
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  YamlNode root;

 private:
  bool in_map() const { return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap; }
  bool expects_key() const { return in_map() && !open_.back().has_key; }

  void set_key(const YAML::Mark& mark, const std::string& key) {
    Frame& frame = open_.back();
    if (!frame.keys.insert(key).second) refuse(mark, "duplicate key '" + key + "'");
    frame.key = key;
    frame.has_key = true;
    frame.node.key_places.push_back(place_of(mark, path_));
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) refuse(mark, "expected a plain key, got a map or sequence");
    if (open_.size() == kMaxDepth)
      refuse(mark, "nested deeper than " + std::to_string(kMaxDepth) + " levels");
    Frame& frame = open_.emplace_back();
    frame.node.kind = kind;
    frame.node.where = place_of(mark, path_);
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.node.kind == YamlNode::Kind::kSequence) {
      frame.node.items.push_back(std::move(node));
      return;
    }
    frame.node.entries.emplace_back(std::move(frame.key), std::move(node));
    frame.has_key = false;
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(mark, "anchors (&name) are not supported", "write the value out");
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    // The parser gives "?" to everything plain and "!" to quoted text.
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (" + tag + ") are not supported");
  }

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& message, std::string hint = {}) const {
    bad_input(message, place_of(mark, path_), std::move(hint));
  }

  std::string_view text_;
  const std::string& path_;
  std::vector<Frame> open_;
  int documents_ = 0;
};

}  // namespace

YamlNode parse_yaml(std::string_view text, const std::string& path) {
  refuse_other_encodings(text, path);
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  Builder builder(text, path);
  builder.root.where = Where{path, 1, 1, {}};
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    const bool indented_by_tab = text.starts_with('\t') || text.find("\n\t") != std::string_view::npos;
    bad_input(e.msg, place_of(e.mark, path), indented_by_tab ? "indent with spaces, not with tabs" : "");
  }
  return std::move(builder.root);
}

YamlNode read_yaml(FileSystem& fs, const std::string& path) {
  return parse_yaml(read_text(fs, path), path);
}

}  // namespace bitline::io
