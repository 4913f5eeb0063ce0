#include "bitline/app/run_summary.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace bitline::app {

namespace {

// Columns of a table: figures of the steps under their own keys.
struct FigureColumn {
  const char* key;
  const char* title;
  int decimals;
  const char* better = nullptr;  // stands for it where a step has it
};
constexpr FigureColumn kSummary[] = {
    {"configuration", "configuration", 0}, {"accuracy", "top-1 %", 2},
    {"variation", "variation", 0},         {"variation_mean", "chips %", 2},
    {"variation_deviation", "+-", 2},      {"variation_yield95", "95 % get", 2}};
constexpr FigureColumn kCosts[] = {
    {"energy_per_image", "energy uJ", 4},
    {"latency", "latency us", 2, "pipeline_latency"},
    {"images_per_second", "FPS", 0, "pipeline_fps"},
    {"area", "area mm2", 3},
    {"sums_are", "sums", 0},
};

bool is_estimate(const result::Record& record) {
  return record.find("energy_per_image") != nullptr;
}

result::Value figure_of(const result::Record& record, const FigureColumn& column) {
  const result::Figure* figure = column.better == nullptr ? nullptr : record.find(column.better);
  if (figure == nullptr) figure = record.find(column.key);
  return figure == nullptr ? result::Value(std::string()) : figure->value;
}

// Those columns of which a step has a figure.
std::vector<FigureColumn> filled(std::span<const FigureColumn> columns,
                                 const std::vector<result::Record>& done) {
  std::vector<FigureColumn> out;
  for (const FigureColumn& c : columns) {
    const bool some = std::any_of(done.begin(), done.end(),
                                  [&c](const result::Record& r) { return r.find(c.key) != nullptr; });
    if (some) out.push_back(c);
  }
  return out;
}

void add_columns(const std::vector<FigureColumn>& columns, result::Table& table) {
  for (const FigureColumn& c : columns) table.columns.push_back({c.key, c.title, c.decimals});
}

void add_values(const std::vector<FigureColumn>& columns, const result::Record& record,
                std::vector<result::Value>& row) {
  for (const FigureColumn& c : columns) row.push_back(figure_of(record, c));
}

result::Table summary(const Recipe& recipe, const std::vector<result::Record>& done) {
  result::Table table{"summary", "", {{"step", "step", 0}}, {}};
  const std::vector<FigureColumn> columns = filled(kSummary, done);
  add_columns(columns, table);
  for (std::size_t i = 0; i < done.size(); ++i) {
    std::vector<result::Value> row = {recipe.steps[i].name};
    add_values(columns, done[i], row);
    const bool told = std::any_of(row.begin() + 1, row.end(),
                                  [](const result::Value& v) { return v != result::Value(std::string()); });
    if (!is_estimate(done[i]) && told) table.rows.push_back(std::move(row));
  }
  return table;
}

std::string option_of(const RecipeStep& step, std::string_view key) {
  for (const auto& [name, values] : step.options)
    if (name == key && !values.empty()) return values.front();
  return {};
}

// Of the model file that step `i` reads.
result::Value accuracy_of_model(const Recipe& recipe, const std::vector<result::Record>& done,
                                std::size_t i) {
  const std::string model = option_of(recipe.steps[i], "model");
  for (std::size_t before = i; before-- > 0;) {
    const RecipeStep& step = recipe.steps[before];
    const bool same = option_of(step, "out") == model ||
                      (option_of(step, "out").empty() && option_of(step, "model") == model);
    if (same && done[before].find("accuracy") != nullptr) return done[before].find("accuracy")->value;
  }
  return std::string();
}

result::Table costs(const Recipe& recipe, const std::vector<result::Record>& done) {
  result::Table table{"chip",
                      "On the chip, for one picture",
                      {{"step", "step", 0}, {"hardware", "chip", 0}, {"accuracy", "top-1 %", 2}},
                      {}};
  const std::vector<FigureColumn> columns = filled(kCosts, done);
  add_columns(columns, table);
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (!is_estimate(done[i])) continue;
    table.rows.push_back(
        {recipe.steps[i].name, option_of(recipe.steps[i], "hardware"), accuracy_of_model(recipe, done, i)});
    add_values(columns, done[i], table.rows.back());
  }
  return table;
}

}  // namespace

void add_summary(const Recipe& recipe, const std::vector<result::Record>& done, result::Record& record) {
  record.tables.push_back(summary(recipe, done));
  if (result::Table table = costs(recipe, done); !table.rows.empty())
    record.tables.push_back(std::move(table));
  for (std::size_t i = 0; i < done.size(); ++i) {
    for (result::Table table : done[i].tables) {
      if (table.key != "variation" || table.rows.size() < 2) continue;  // one row is in the summary
      table.key = recipe.steps[i].name + "/" + table.key;
      table.title = recipe.steps[i].name + ": " + table.title;
      record.tables.push_back(std::move(table));
    }
  }
}

}  // namespace bitline::app
