// Atomic replacement of a file: temporary file beside it, write, fsync, rename, fsync of the folder.
// A reader, or a process killed at any moment, sees the old content or the new one, whole.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "bitline/io/filesystem.h"

namespace bitline::io {

// Missing parent folders are made. On failure the temporary file is removed and the old content stays; only
// when the last step, the fsync of the folder, fails is the new content in place, but perhaps not yet on
// disk.
void write_atomically(FileSystem& fs, const std::string& path, std::span<const std::byte> bytes);
void write_atomically(FileSystem& fs, const std::string& path, std::string_view text);

// The bytes of the file as they are. Throws Error{kBadInput} when it is missing.
std::string read_text(FileSystem& fs, const std::string& path);

}  // namespace bitline::io
