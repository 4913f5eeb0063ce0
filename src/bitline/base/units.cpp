#include "bitline/base/units.h"

#include <array>
#include <charconv>

namespace bitline {

namespace {

std::string scaled(double value, double step, const std::array<const char*, 5>& suffixes) {
  std::size_t i = 0;
  while (value >= step && i + 1 < suffixes.size()) {
    value /= step;
    ++i;
  }
  return fixed_text(value, i == 0 ? 0 : 1) + suffixes[i];
}

}  // namespace

std::string fixed_text(double value, int decimals) {
  constexpr std::size_t kWidestInteger = 320;  // digits of the largest double, sign and point
  std::string out(kWidestInteger + static_cast<std::size_t>(decimals), ' ');
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed, decimals).ptr;
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}

std::string bytes_text(std::uint64_t bytes) {
  return scaled(static_cast<double>(bytes), 1024.0, {" B", " KiB", " MiB", " GiB", " TiB"});
}

std::string count_text(double count) {
  return scaled(count, 1000.0, {"", " K", " M", " G", " T"});
}

std::string duration_text(double seconds) {
  // The limits are where the shorter text would round up to the next unit.
  if (seconds < 0.9995) return fixed_text(seconds * 1e3, 0) + " ms";
  if (seconds < 59.95) return fixed_text(seconds, 1) + " s";
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  if (whole < 3600) return std::to_string(whole / 60) + " min " + two(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + two(whole / 60 % 60) + " min";
}

std::string number_text(double value) {
  std::array<char, 32> out{};
  return {out.data(), std::to_chars(out.data(), out.data() + out.size(), value).ptr};
}

}  // namespace bitline
