// Estimates of one network on several chips as a record: figures of the first, and tables beside each other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bitline/estimate/estimate.h"
#include "bitline/estimate/pipeline.h"
#include "bitline/mapping/mapping.h"
#include "bitline/result/record.h"

namespace bitline::app {

struct ChipEstimate {
  std::string name;       // as asked for
  std::string precision;  // "W16A16 on ISAAC-CE"
  mapping::Mapping mapping;
  estimate::Estimate estimate;
  std::optional<estimate::Estimate> common;  // of the layers that all chips beside each other run
  std::int64_t weights = 0;
  std::optional<estimate::Pipeline> pipeline;  // if it was asked for
  std::string no_pipeline;                     // why there is none
  std::string marks;                           // of the chip's constants: "30 SOURCED, 1 CALIBRATED"

  const estimate::Estimate& compared() const { return common ? *common : estimate; }
};

// At least one chip. Keys are explained in docs/results.md.
result::Record estimate_report(const std::string& title, const std::vector<ChipEstimate>& chips);

}  // namespace bitline::app
