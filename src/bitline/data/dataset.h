// A labelled set of images of one size, read one at a time.
//
// Pixels are floats in [0, 1] in CHW order, before normalization. Reading is thread-safe and has no hidden
// state: the same index gives the same pixels.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bitline/io/filesystem.h"

namespace bitline::data {

struct ImageShape {
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t count() const { return channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::string name() const = 0;
  virtual std::int64_t size() const = 0;
  virtual ImageShape shape() const = 0;
  virtual const std::vector<std::string>& class_names() const = 0;
  virtual int label(std::int64_t index) const = 0;
  virtual void read(std::int64_t index, std::span<float> pixels) const = 0;
};

enum class Split { kTrain, kTest };

// Which data set: its registered kind and what only some kinds use.
struct DatasetOptions {
  std::string kind = "digits";  // digits | cifar10 | cifar100 | image-folder
  std::string data_dir;         // empty: $BITLINE_DATA; digits need none
  std::int64_t limit = 0;       // use only so many images (sampler.h, subset_order); 0 = all
  std::int64_t resize = 256;    // image-folder: short side; 0 = leave the size as it is
  std::int64_t crop = 224;      // image-folder: centre crop
};

// Opens a data set by name. Throws Error{kBadInput} with the file, its position and what was expected.
// An image-folder keeps `fs` and reads through it; it must outlive the set.
std::unique_ptr<Dataset> open_dataset(const DatasetOptions& options, Split split,
                                      io::FileSystem& fs = io::posix());
std::vector<std::string> dataset_kinds();

// x' = (x - mean[c]) / stddev[c] for x in [0, 1].
struct Normalization {
  std::vector<float> mean, stddev;  // one entry a channel, or one for all; empty = identity
};
Normalization default_normalization(const std::string& kind);  // Error{kBadInput} for an unknown kind
// In place on one CHW image. Error{kBadInput} unless both lists have 0, 1 or `channels` entries, stddev > 0.
void normalize(std::span<float> image, const ImageShape& shape, const Normalization& normalization);

struct Batch {
  std::int64_t count = 0;
  ImageShape shape;
  std::vector<float> pixels;  // NCHW, normalized
  std::vector<int> labels;
};

// Reads images `indices` in that order; Error{kBadInput} for an index outside the set.
Batch read_batch(const Dataset& set, std::span<const std::int64_t> indices,
                 const Normalization& normalization);

}  // namespace bitline::data
