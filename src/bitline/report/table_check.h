// What every printer asks of a table or a record before it prints the first byte.
#pragma once

#include "bitline/result/record.h"

namespace bitline::report {

// Throws Error{kInternal} naming the table when a row has not one value a column or two columns share a key.
void check_table(const result::Table& table);

// Also when two figures, or two tables, share a key.
void check_record(const result::Record& record);

}  // namespace bitline::report
