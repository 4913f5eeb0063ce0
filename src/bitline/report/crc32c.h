// CRC-32C (Castagnoli; reflected polynomial 0x82F63B78, as in RFC 3720, appendix B.4), and the masked form
// that TFRecord files store, so that the checksum of data that holds checksums stays useful.
#pragma once

#include <cstdint>
#include <string_view>

namespace bitline::report {

std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);  // rotated right by 15 bits, plus 0xA282EAD8

}  // namespace bitline::report
