// Mappings as files, schema "bitline-mapping/1":
//   {"schema": ..., "chip": {...}, "rows": "windows", "arrays": n, "rounds": n, "layers": [{...}],
//    "digital": [names], "block_fields": [names], "blocks": [[numbers], ...]}
// with the members of mapping.h under their names and a line a block.
#pragma once

#include <string>
#include <string_view>

#include "bitline/io/filesystem.h"
#include "bitline/mapping/mapping.h"

namespace bitline::mapping {

inline constexpr const char* kMappingSchema = "bitline-mapping/1";

std::string to_json_text(const Mapping& mapping);

// The inverse. Throws Error{kBadInput}: malformed JSON with line and column; an entry that is missing,
// unknown, of the wrong kind or out of range with its place ("blocks[17].rows"). What the blocks claim is not
// checked: verify_mapping does.
Mapping mapping_from_json(std::string_view text, const std::string& path);

void write_mapping(io::FileSystem& fs, const std::string& path, const Mapping& mapping);  // atomically
Mapping read_mapping(io::FileSystem& fs, const std::string& path);

}  // namespace bitline::mapping
