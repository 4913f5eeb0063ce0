// Which network a mapping runs, and why it runs none.
//
// A converter sees the rows of one block. So behind converters with levels each block must hold a whole row
// tile of its layer, and both columns of a differential pair must be there in the same round, because they
// subtract before the converter. An ideal converter gives the sum itself, an integer: logic may add the sums
// of the parts of a tile, or those of a pair in two rounds.
//
// A block that reaches over several row tiles (--rows packed) gives their sum only. Behind ideal converters,
// and where the tiles share their weight scales, that is the layer with one row tile: all its rows are added
// as integers before they are weighed. Its outputs are those of the cut layer but for the rounding of fp32.
//
// Layers run in graph order and rounds do not come back: no layer may be in an earlier round than a layer
// before it.
#pragma once

#include "bitline/mapping/mapping.h"
#include "bitline/quant/config.h"

namespace bitline::sim {

// The model that the mapping executes code for code: `model`, with one row tile where blocks reach over
// several. Throws Error{kBadInput}, naming the node: a mapping of another network or for other arrays, one
// that verify_mapping has something against, one with other weight slices or input cycles than the layer is
// quantized for, one that cannot run for the reasons above.
quant::QuantizedModel as_mapped(const quant::QuantizedModel& model, const mapping::Mapping& mapping);

}  // namespace bitline::sim
