// A record for programs:
//   {"title": "...",
//    "figures": {key: {"value": v, "unit": "..."}},
//    "tables": {key: {"title": "...", "columns": [{"key": k, "title": "..."}], "rows": [{k: v}]}}}
// Values are exact; "decimals", how many a person is shown, is there where it is not the usual two.
#pragma once

#include "bitline/io/json.h"
#include "bitline/result/record.h"

namespace bitline::report {

// JSON has no NaN and no infinity: both become null. Throws Error{kInternal} when a row does not fit its
// table's columns or a key is there twice.
io::Json to_json(const result::Record& record);

// The inverse; null reads as NaN. Throws Error{kBadInput} with the place ("tables.layers.rows[2]") for an
// entry that is missing, unknown or of the wrong kind.
result::Record record_from_json(const io::Json& json);

}  // namespace bitline::report
