// Batches of an epoch, decoded ahead by one background thread. What next() returns depends on the
// constructor's arguments alone, never on timing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bitline/data/augment.h"
#include "bitline/data/dataset.h"

namespace bitline::data {

class BatchLoader {
 public:
  // Goes through `order` in steps of `batch_size` > 0; the last batch may be smaller. Augmentation happens
  // before normalization, so padding is black. `set` must outlive the loader.
  BatchLoader(const Dataset& set, std::vector<std::int64_t> order, std::int64_t batch_size,
              Normalization normalization = {}, Augmentation augmentation = {}, std::uint64_t seed = 1,
              std::int64_t epoch = 0);
  ~BatchLoader();  // stops the thread; batches not taken are dropped
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // The next batch, or nothing at the end. An error met while reading is thrown when its batch is due, and
  // again at every later call. For one consumer thread.
  std::optional<Batch> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitline::data
