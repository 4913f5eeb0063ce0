#include "bitline/report/table_check.h"

#include <set>
#include <string>
#include <string_view>

#include "bitline/base/error.h"

namespace bitline::report {

namespace {

[[noreturn]] void defect(const std::string& message, const std::string& node) {
  throw Error(ErrorCode::kInternal, message, Where{{}, 0, 0, node});
}

template <typename List>
void check_keys(const List& list, const char* kind, const std::string& node) {
  std::set<std::string_view> seen;
  for (const auto& element : list) {
    if (!seen.insert(element.key).second) defect(std::string("two ") + kind + " '" + element.key + "'", node);
  }
}

}  // namespace

void check_table(const result::Table& table) {
  const std::string node = "tables." + table.key;
  check_keys(table.columns, "columns", node);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::size_t values = table.rows[i].size();
    if (values == table.columns.size()) continue;
    defect("row " + std::to_string(i) + " has " + std::to_string(values) +
               " values, expected one for each of " + std::to_string(table.columns.size()) + " columns",
           node);
  }
}

void check_record(const result::Record& record) {
  check_keys(record.figures, "figures", "figures");
  check_keys(record.tables, "tables", "tables");
  for (const result::Table& table : record.tables) check_table(table);
}

}  // namespace bitline::report
