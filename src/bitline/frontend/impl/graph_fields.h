// The attributes of every operator as JSON fields. One list serves writing and reading, so they cannot
// differ.
#pragma once

#include <cstddef>
#include <string_view>

#include "bitline/base/error.h"
#include "bitline/io/json.h"
#include "bitline/ir/graph.h"

namespace bitline::frontend {

// Appends the operator's attributes to the JSON object.
void write_fields(io::Json& object, const ir::Op& op);

// The operator `name` with its attributes from the object. `others` are the keys of the object that are no
// attributes. Error{kBadInput} for unknown operators and keys and for values out of range.
ir::Op read_operator(const io::Json& object, std::size_t others, const std::string& name, const Where& where);

}  // namespace bitline::frontend
