#include <cstdint>

#include "fuzz/mapping_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bitline::fuzz::try_mapping(std::as_bytes(std::span(data, size)));
  return 0;
}
