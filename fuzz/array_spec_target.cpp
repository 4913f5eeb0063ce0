#include "fuzz/array_spec_target.h"

#include <optional>

#include "fuzz/memory_file.h"

#include "bitline/base/error.h"
#include "bitline/hardware/array_spec.h"

namespace bitline::fuzz {

namespace {

constexpr const char* kPath = "fuzz.yaml";
constexpr std::size_t kLine = 80;

std::optional<hardware::ArraySpec> open(io::FileSystem& fs, const std::string& text) {
  try {
    return hardware::open_array_spec(fs, text);
  } catch (const Error& e) {
    const bool refused = e.code() == ErrorCode::kBadInput || e.code() == ErrorCode::kUnsupported;
    if (!refused) throw;
    return std::nullopt;
  }
}

void check_ranges(const hardware::ArraySpec& spec) {
  BITLINE_CHECK(spec.rows >= 1 && spec.rows <= 65536 && spec.columns >= 1 && spec.columns <= 65536);
  BITLINE_CHECK(spec.cell_bits >= 1 && spec.cell_bits <= 8);
  BITLINE_CHECK(spec.dac_bits >= 0 && spec.dac_bits <= 8);
}

void check_short_text(io::FileSystem& fs, const hardware::ArraySpec& spec) {
  const std::string text = std::to_string(spec.rows) + "x" + std::to_string(spec.columns) + ":" +
                           std::to_string(spec.cell_bits) + "b";
  const std::optional<hardware::ArraySpec> again = open(fs, text);
  BITLINE_CHECK(again && again->rows == spec.rows && again->columns == spec.columns &&
                again->cell_bits == spec.cell_bits);
}

}  // namespace

bool try_array_spec(std::span<const std::byte> bytes) {
  MemoryFile fs(kPath, bytes);
  if (bytes.size() < kLine) {
    const auto spec = open(fs, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (spec) check_ranges(*spec);
  }
  const std::optional<hardware::ArraySpec> spec = open(fs, kPath);
  if (!spec) return false;
  check_ranges(*spec);
  check_short_text(fs, *spec);
  return true;
}

}  // namespace bitline::fuzz
