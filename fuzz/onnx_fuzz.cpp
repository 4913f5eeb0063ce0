// libFuzzer program: bytes into the ONNX importer.
#include <cstdint>

#include "fuzz/onnx_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bitline::fuzz::try_onnx(std::as_bytes(std::span(data, size)));
  return 0;
}
