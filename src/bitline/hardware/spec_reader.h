// Reads hardware files (schema bitline-hardware/1) into a HardwareSpec; docs/hardware.md explains the format.
//
// Refused with file:line:column and a hint, as Error{kBadInput}: unknown, missing and duplicate keys, anchors
// and aliases, a number without unit or with a unit of another dimension, a constant without `cite`, values
// out of range, `extends` that finds nothing or goes in a circle, and contradictions (spec_checks.h).
#pragma once

#include <string>
#include <vector>

#include "bitline/hardware/designs.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/io/filesystem.h"

namespace bitline::hardware {

inline constexpr const char* kHardwareSchema = "bitline-hardware/1";

// A path of a hardware file.
HardwareSpec read_hardware(io::FileSystem& fs, const std::string& path);

// The name or an alias of a shipped design ("isaac"), or a path.
HardwareSpec open_hardware(io::FileSystem& fs, const std::string& text);

// A shipped design, from the text that the program holds.
HardwareSpec shipped_hardware(const Design& design);

// The text of a file that is not on disk; `path` is for the errors' places. `extends` finds shipped designs
// only.
HardwareSpec parse_hardware(const std::string& text, const std::string& path);

}  // namespace bitline::hardware
