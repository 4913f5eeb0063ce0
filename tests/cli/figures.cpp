#include "figures.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace bitline::cli {

namespace {

template <class T>
T figure_of(const result::Record& record, const char* key) {
  const result::Figure* figure = record.find(key);
  EXPECT_NE(figure, nullptr) << key;
  return figure == nullptr ? T() : std::get<T>(figure->value);
}

}  // namespace

result::Record json_of(const Words& words) {
  const Outcome o = run_program(joined(words, {"--format", "json"}));
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return record_of(o.out);
}

double number(const result::Record& record, const char* key) {
  return figure_of<double>(record, key);
}

std::int64_t count(const result::Record& record, const char* key) {
  return figure_of<std::int64_t>(record, key);
}

std::string text(const result::Record& record, const char* key) {
  return figure_of<std::string>(record, key);
}

const result::Table& table(const result::Record& record, const std::string& key) {
  static const result::Table none;
  for (const result::Table& t : record.tables) {
    if (t.key == key) return t;
  }
  ADD_FAILURE() << key;
  return none;
}

void expect_documented(const result::Record& record) {
  std::ifstream file(BITLINE_SOURCE_DIR "/docs/results.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const auto documented = [&page](const std::string& key) {
    return page.find("`" + key + "`") != std::string::npos;
  };
  for (const result::Figure& figure : record.figures)
    EXPECT_TRUE(documented(figure.key.starts_with("note_") ? "note_*" : figure.key)) << figure.key;
  for (const result::Table& t : record.tables) EXPECT_TRUE(documented(t.key)) << t.key;
}

}  // namespace bitline::cli
