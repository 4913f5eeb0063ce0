// libFuzzer program: bytes into the loader of artefacts.
#include <cstdint>

#include "fuzz/artefact_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bitline::fuzz::try_artefact(std::as_bytes(std::span(data, size)));
  return 0;
}
