#include <cstdint>

#include "fuzz/hardware_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bitline::fuzz::try_hardware(std::as_bytes(std::span(data, size)));
  return 0;
}
