#include "bitline/report/json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/report/table_check.h"

namespace bitline::report {

namespace {

using io::Json;
using io::JsonArray;
using io::JsonObject;

constexpr int kMaxDecimals = 17;  // more than a double has
const int kUsualDecimals = result::Figure{}.decimals;

Json json_of(const result::Value& value) {
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) return nullptr;
  return std::visit([](const auto& v) { return Json(v); }, value);
}

void set_decimals(Json& json, int decimals) {
  if (decimals != kUsualDecimals) json.set("decimals", decimals);
}

Json json_of(const result::Figure& figure) {
  Json json(JsonObject{{"value", json_of(figure.value)}, {"unit", figure.unit}});
  set_decimals(json, figure.decimals);
  return json;
}

Json json_of(const result::Column& column) {
  Json json(JsonObject{{"key", column.key}, {"title", column.title}});
  set_decimals(json, column.decimals);
  return json;
}

Json json_of(const result::Table& table) {
  JsonArray columns, rows;
  for (const result::Column& column : table.columns) columns.push_back(json_of(column));
  for (const auto& values : table.rows) {
    JsonObject row;
    for (std::size_t i = 0; i < values.size(); ++i)
      row.emplace_back(table.columns[i].key, json_of(values[i]));
    rows.emplace_back(std::move(row));
  }
  return JsonObject{{"title", table.title}, {"columns", std::move(columns)}, {"rows", std::move(rows)}};
}

Where at(const std::string& place) {
  return {{}, 0, 0, place};
}

// An object of the file with the place it stands at; refuses members that are not in `known`.
class Reader {
 public:
  Reader(const Json& json, std::string place, const std::vector<std::string>& known)
      : json_(json), place_(std::move(place)) {
    if (!json.is_object()) bad_input("expected an object", at(place_));
    for (const auto& [key, value] : json.as_object()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      bad_input("unknown entry '" + key + "'", at(place_), suggestion(key, known));
    }
  }

  const Json& member(const std::string& key) const {
    const Json* found = json_.find(key);
    if (found == nullptr) bad_input("'" + key + "' is missing", at(place_));
    return *found;
  }
  const std::string& text(const std::string& key) const {
    if (!member(key).is_text()) bad_input("expected text", at(inside(key)));
    return member(key).as_text();
  }
  const JsonArray& array(const std::string& key) const {
    if (!member(key).is_array()) bad_input("expected an array", at(inside(key)));
    return member(key).as_array();
  }
  const JsonObject& object(const std::string& key) const {
    if (!member(key).is_object()) bad_input("expected an object", at(inside(key)));
    return member(key).as_object();
  }
  int decimals() const {
    const Json* found = json_.find("decimals");
    if (found == nullptr) return kUsualDecimals;
    const bool good = found->is_int() && found->as_int() >= 0 && found->as_int() <= kMaxDecimals;
    if (!good)
      bad_input("expected an integer from 0 to " + std::to_string(kMaxDecimals), at(inside("decimals")));
    return static_cast<int>(found->as_int());
  }
  std::string inside(const std::string& key) const { return place_.empty() ? key : place_ + "." + key; }

 private:
  const Json& json_;
  std::string place_;
};

struct ValueOf {
  std::optional<result::Value> value;
  void operator()(std::nullptr_t) { value = std::numeric_limits<double>::quiet_NaN(); }
  void operator()(std::int64_t n) { value = n; }
  void operator()(double x) { value = x; }
  void operator()(const std::string& s) { value = s; }
  void operator()(bool) {}
  void operator()(const JsonArray&) {}
  void operator()(const JsonObject&) {}
};

result::Value read_value(const Json& json, const std::string& place) {
  ValueOf visitor;
  json.visit(visitor);
  if (!visitor.value) bad_input("expected a number, text or null", at(place));
  return *std::move(visitor.value);
}

result::Figure read_figure(const std::string& key, const Json& json, const std::string& place) {
  const Reader reader(json, place, {"value", "unit", "decimals"});
  return {key, read_value(reader.member("value"), reader.inside("value")), reader.text("unit"),
          reader.decimals()};
}

std::vector<result::Column> read_columns(const JsonArray& array, const std::string& place) {
  std::vector<result::Column> columns;
  for (const Json& json : array) {
    const std::string here = place + "[" + std::to_string(columns.size()) + "]";
    const Reader reader(json, here, {"key", "title", "decimals"});
    const std::string& key = reader.text("key");
    for (const result::Column& other : columns) {
      if (other.key == key) bad_input("two columns '" + key + "'", at(here));
    }
    columns.push_back({key, reader.text("title"), reader.decimals()});
  }
  return columns;
}

result::Table read_table(const std::string& key, const Json& json, const std::string& place) {
  const Reader reader(json, place, {"title", "columns", "rows"});
  result::Table table{key, reader.text("title"), {}, {}};
  table.columns = read_columns(reader.array("columns"), reader.inside("columns"));
  std::vector<std::string> keys;
  for (const result::Column& column : table.columns) keys.push_back(column.key);
  for (const Json& json_row : reader.array("rows")) {
    const Reader row(json_row, reader.inside("rows[" + std::to_string(table.rows.size()) + "]"), keys);
    std::vector<result::Value> values;
    for (const std::string& k : keys) values.push_back(read_value(row.member(k), row.inside(k)));
    table.rows.push_back(std::move(values));
  }
  return table;
}

}  // namespace

Json to_json(const result::Record& record) {
  check_record(record);
  JsonObject figures, tables;
  for (const result::Figure& figure : record.figures) figures.emplace_back(figure.key, json_of(figure));
  for (const result::Table& table : record.tables) tables.emplace_back(table.key, json_of(table));
  return JsonObject{{"title", record.title}, {"figures", std::move(figures)}, {"tables", std::move(tables)}};
}

result::Record record_from_json(const Json& json) {
  const Reader reader(json, "", {"title", "figures", "tables"});
  result::Record record;
  record.title = reader.text("title");
  for (const auto& [key, figure] : reader.object("figures")) {
    record.figures.push_back(read_figure(key, figure, "figures." + key));
  }
  for (const auto& [key, table] : reader.object("tables")) {
    record.tables.push_back(read_table(key, table, "tables." + key));
  }
  return record;
}

}  // namespace bitline::report
