// What a network saw and answered, for comparison with other tools: safetensors with "images" [n, C, H, W]
// (normalized), "labels" [n] and "logits" [n, classes], in the order of the test set.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "bitline/io/filesystem.h"
#include "bitline/sim/evaluate.h"

namespace bitline::app {

class LogitsFile {
 public:
  // The network and the images with everything that goes through them kept. Both refer to this object.
  sim::Forward recorded(const sim::Network& network);
  sim::BatchSource recorded(sim::BatchSource source);

  void write(io::FileSystem& fs, const std::string& path) const;

 private:
  std::mutex mutex_;  // micro-batches end on several threads
  ir::Shape image_shape_;
  std::int64_t classes_ = 0;
  std::vector<float> images_, logits_;
  std::vector<std::int32_t> labels_;
};

}  // namespace bitline::app
