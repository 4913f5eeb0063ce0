// 64-bit hashes for provenance and stream ids: FNV-1a with a final avalanche. Not for security.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bitline {

std::uint64_t hash_bytes(std::span<const std::byte> bytes);
std::uint64_t hash_bytes(std::string_view text);
std::uint64_t hash_combine(std::uint64_t a, std::uint64_t b);  // order matters
std::string hash_text(std::uint64_t hash);                     // 16 hexadecimal digits

}  // namespace bitline
