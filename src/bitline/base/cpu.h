// What this processor can do, read once.
#pragma once

#include <string>

namespace bitline {

struct CpuFeatures {
  bool avx2 = false;
  bool fma = false;
  bool avx512 = false;  // F, BW, DQ and VL together
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool amx_int8 = false;  // and the system lets this process use the tiles

  std::string text() const;  // "avx2 fma", for manifests
};

const CpuFeatures& cpu_features();
int hardware_threads();  // at least 1

}  // namespace bitline
