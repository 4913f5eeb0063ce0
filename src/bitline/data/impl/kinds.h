// The data sets behind the table in registry.cpp, one opener each, and what they share.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "bitline/base/error.h"
#include "bitline/data/dataset.h"

namespace bitline::data {

std::unique_ptr<Dataset> open_digits(const DatasetOptions& options, Split split, io::FileSystem& fs);
std::unique_ptr<Dataset> open_cifar10(const DatasetOptions& options, Split split, io::FileSystem& fs);
std::unique_ptr<Dataset> open_cifar100(const DatasetOptions& options, Split split, io::FileSystem& fs);
std::unique_ptr<Dataset> open_image_folder(const DatasetOptions& options, Split split, io::FileSystem& fs);

// `limit` images of `whole` (sampler.h, subset_order).
std::unique_ptr<Dataset> subset_of(std::unique_ptr<Dataset> whole, std::int64_t limit);

// options.data_dir, else $BITLINE_DATA; Error{kBadInput} when neither is given.
std::string data_folder(const DatasetOptions& options);

inline void check_index(const Dataset& set, std::int64_t index) {
  BITLINE_CHECK(index >= 0 && index < set.size());
}

inline void check_read(const Dataset& set, std::int64_t index, std::span<const float> pixels) {
  check_index(set, index);
  BITLINE_CHECK(static_cast<std::int64_t>(pixels.size()) == set.shape().count());
}

}  // namespace bitline::data
