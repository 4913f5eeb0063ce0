// A pipeline as an SVG picture: a lane for each layer, pictures by colour, over an axis of time.
#pragma once

#include <string>

#include "bitline/estimate/pipeline.h"

namespace bitline::app {

// Gaps below half a pixel are closed. The same pipeline gives the same bytes.
std::string pipeline_picture(const std::string& title, const estimate::Pipeline& pipeline);

}  // namespace bitline::app
