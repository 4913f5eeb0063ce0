// A record with every kind of value, for the tests of the printers.
#pragma once

#include "bitline/result/record.h"

namespace bitline::report {

inline result::Record sample_record() {
  result::Record record;
  record.title = "Evaluation of resnet20";
  record.add("top1", 91.375, "%");
  record.add("images", std::int64_t{10000});
  record.add("seconds", 12.25, "s", 1);
  record.add("config", "W4A4P3 column 128x128 2b");
  result::Table layers{"layers", "Layers", {}, {}};
  layers.columns = {{"name", "layer"}, {"arrays", "arrays"}, {"energy", "energy [\u00b5J]", 3}};
  layers.rows = {{"conv1", std::int64_t{3}, 0.5}, {"stage1.0.conv1", std::int64_t{128}, 1234.0625}};
  record.tables.push_back(layers);
  return record;
}

}  // namespace bitline::report
