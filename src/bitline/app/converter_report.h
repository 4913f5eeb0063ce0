// How a network uses its converters: a table with a row for each bit slice of a layer, and the saturated
// share.
#pragma once

#include <cstdint>
#include <functional>

#include "bitline/ir/tensor.h"
#include "bitline/result/record.h"
#include "bitline/sim/network.h"

namespace bitline::app {

// `count` images from `first` on.
using ImageReader = std::function<ir::Tensor(std::int64_t first, std::int64_t count)>;

// Of the first `images` images. Error{kBadInput} where all converters are ideal.
void add_converter_use(const sim::Network& network, const ImageReader& read, std::int64_t images,
                       result::Record& record);

}  // namespace bitline::app
