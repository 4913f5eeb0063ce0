// bfloat16 and float32 values into each other, in plain memory.
#pragma once

#include <span>

#include <c10/util/BFloat16.h>

namespace bitline::train {

// Both take spans of one length. narrow() rounds to the nearest, ties to even, as LibTorch does.
void widen(std::span<const at::BFloat16> from, std::span<float> to);
void narrow(std::span<const float> from, std::span<at::BFloat16> to);

}  // namespace bitline::train
