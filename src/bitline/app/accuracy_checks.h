// What is looked at before an accuracy is believed: whether it is better than guessing, and if not, whether
// the images were scaled as the network expects.
#pragma once

#include <cstdint>

#include "bitline/app/data_options.h"
#include "bitline/ir/graph.h"
#include "bitline/result/record.h"

namespace bitline::app {

// Whether the graph has as many outputs as the set has classes. If not, labels do not name its outputs: that
// is added and noted in one line, and there is no accuracy.
bool tells_classes(const ir::Graph& graph, const data::Dataset& set, const Session& session,
                   result::Record& record);

// Not above what guessing gives, one in `classes`, by more than three standard deviations; of few images
// nothing is said.
bool is_at_chance(double accuracy_percent, std::int64_t images, std::int64_t classes);

// Where `accuracy` (percent, of `images` test images, 0 = all) is at chance: runs the float graph with each
// input scaling on some of the same images, and adds and notes in one line which does best.
void check_chance(const ir::Graph& graph, double accuracy, std::int64_t images, const data::Dataset& set,
                  const DataOptions& data, const Session& session, result::Record& record);

}  // namespace bitline::app
