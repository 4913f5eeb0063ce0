#include "bitline/result/record.h"

#include <algorithm>
#include <utility>

#include "bitline/base/units.h"

namespace bitline::result {

void Record::add(std::string key, Value value, std::string unit, int decimals) {
  figures.push_back({std::move(key), std::move(value), std::move(unit), decimals});
}

const Figure* Record::find(std::string_view key) const {
  const auto it = std::find_if(figures.begin(), figures.end(), [&](const Figure& f) { return f.key == key; });
  return it == figures.end() ? nullptr : &*it;
}

std::string value_text(const Value& value, int decimals) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* count = std::get_if<std::int64_t>(&value)) return std::to_string(*count);
  return fixed_text(std::get<double>(value), decimals);
}

}  // namespace bitline::result
