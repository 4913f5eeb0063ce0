// The JSON Schema (2020-12) of hardware files, made from the table of keys: editors complete and check with
// it. specs/hardware.schema.json is its text. The reader checks more: ranges of quantities, sources,
// contradictions.
#pragma once

#include "bitline/io/json.h"

namespace bitline::hardware {

io::Json hardware_schema();

}  // namespace bitline::hardware
