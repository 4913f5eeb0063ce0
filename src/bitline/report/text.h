// A record for people: the title, one aligned line a figure, and tables of right-aligned numbers, in at most
// 100 columns wherever the numbers allow it.
#pragma once

#include <string>

#include "bitline/result/record.h"

namespace bitline::report {

// A table that is too wide continues below with its first column repeated; long text is broken into lines.
// Ends with a line end. Throws Error{kInternal} when a row does not fit its table's columns or a key is
// there twice.
std::string to_text(const result::Record& record);

}  // namespace bitline::report
