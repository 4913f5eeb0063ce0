// Numbers for people: SI prefixes, durations and sizes. Inside the program everything is un-prefixed SI.
#pragma once

#include <cstdint>
#include <string>

namespace bitline {

inline constexpr double kBitsPerByte = 8.0;

std::string bytes_text(std::uint64_t bytes);         // "1.4 MiB"
std::string duration_text(double seconds);           // "850 ms", "12.3 s", "4 min 05 s", "1 h 02 min"
std::string count_text(double count);                // "80.2 M"
std::string fixed_text(double value, int decimals);  // locale-free fixed notation
std::string number_text(double value);               // the shortest text that reads back as the value

}  // namespace bitline
