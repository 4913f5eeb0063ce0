// A table as CSV after RFC 4180: column keys as the header, CR LF line ends, quotes only where needed.
#pragma once

#include <string>

#include "bitline/result/record.h"

namespace bitline::report {

// Numbers are written shortest-exact, not rounded to the column's decimals; "nan" and "inf" as such.
// Throws Error{kInternal} when a row does not fit the columns.
std::string to_csv(const result::Table& table);

}  // namespace bitline::report
