// A random network of three convolutions and a classifier, and images for it.
#pragma once

#include <cstdint>

#include "bitline/ir/graph.h"
#include "bitline/sim/evaluate.h"

namespace bitline::sim {

// Nodes conv1 (3 -> 6), conv2 (6 -> 8, stride 2), conv3 (8 -> 8), fc (8 -> 5), with ReLU between; images
// 3x9x8.
ir::Graph small_net(std::uint64_t seed);
ir::Tensor random_images(std::int64_t count, std::uint64_t seed);

// Batches of the given sizes with random labels; the same for the same seed.
BatchSource random_batches(std::vector<std::int64_t> sizes, std::uint64_t seed);

}  // namespace bitline::sim
