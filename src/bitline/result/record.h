// What a step reports: figures with units under stable keys, and tables of such figures.
// A Record is made once and printed as text, JSON or CSV; what a person reads is what a program reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bitline::result {

using Value = std::variant<std::int64_t, double, std::string>;

struct Figure {
  std::string key;  // stable, snake_case
  Value value;
  std::string unit;  // "%", "s", "images/s"; empty for counts and text
  int decimals = 2;  // when shown to people
};

struct Column {
  std::string key;
  std::string title;  // for people, unit included
  int decimals = 2;
};

struct Table {
  std::string key;
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Value>> rows;
};

struct Record {
  std::string title;
  std::vector<Figure> figures;
  std::vector<Table> tables;

  void add(std::string key, Value value, std::string unit = {}, int decimals = 2);
  const Figure* find(std::string_view key) const;  // nullptr when absent
};

std::string value_text(const Value& value, int decimals);

}  // namespace bitline::result
