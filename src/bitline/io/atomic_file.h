// Atomic replacement of a file: temporary file beside it, write, fsync, rename, fsync of the folder.
// A reader, or a process killed at any moment, sees the old content or the new one, whole.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "bitline/io/filesystem.h"

namespace bitline::io {

// Missing parent folders are made. On failure the temporary file is removed and the old content stays.
void write_atomically(FileSystem& fs, const std::string& path, std::span<const std::byte> bytes);
void write_atomically(FileSystem& fs, const std::string& path, std::string_view text);

std::string read_text(FileSystem& fs, const std::string& path);

}  // namespace bitline::io
