#include <cstdint>

#include "fuzz/data_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bitline::fuzz::try_image(std::as_bytes(std::span(data, size)));
  return 0;
}
