// A mapping as an SVG picture: a square for each array, with its blocks to scale in the colour of their
// layer.
#pragma once

#include <string>

#include "bitline/mapping/mapping.h"

namespace bitline::app {

// Arrays in the order of the chip, a section a round; filled arrays only. The legend names the layers with
// the utilisation of their arrays. The same mapping gives the same bytes.
std::string mapping_picture(const mapping::Mapping& mapping);

}  // namespace bitline::app
