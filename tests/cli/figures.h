// The result record of a command: its figures by type, its tables by key.
#pragma once

#include <cstdint>
#include <string>

#include "digits.h"

namespace bitline::cli {

// Runs the command with JSON output; it must succeed.
result::Record json_of(const Words& words);

// A figure that is not there is a failure of the test.
double number(const result::Record& record, const char* key);
std::int64_t count(const result::Record& record, const char* key);
std::string text(const result::Record& record, const char* key);
const result::Table& table(const result::Record& record, const std::string& key);

// Every figure and table has its key in docs/results.md.
void expect_documented(const result::Record& record);

}  // namespace bitline::cli
