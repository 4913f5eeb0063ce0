#include "fuzz/data_targets.h"

#include <algorithm>

#include "fuzz/memory_file.h"

#include "bitline/base/error.h"
#include "bitline/data/dataset.h"
#include "bitline/data/image.h"

namespace bitline::fuzz {

namespace {

// The test split of one kind, from a folder that holds nothing but `file`.
bool try_records(const char* kind, const char* file, std::span<const std::byte> bytes) {
  MemoryFile fs(std::string("/data/") + file, bytes);
  data::DatasetOptions options;
  options.kind = kind;
  options.data_dir = "/data";
  std::unique_ptr<data::Dataset> set;
  try {
    set = data::open_dataset(options, data::Split::kTest, fs);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return false;
  }
  const auto classes = static_cast<int>(set->class_names().size());
  std::vector<float> pixels(static_cast<std::size_t>(set->shape().count()));
  for (std::int64_t i = 0; i < set->size(); ++i) {
    BITLINE_CHECK(set->label(i) >= 0 && set->label(i) < classes);
    set->read(i, pixels);
    BITLINE_CHECK(std::all_of(pixels.begin(), pixels.end(), [](float p) { return p >= 0.0f && p <= 1.0f; }));
  }
  return true;
}

}  // namespace

bool try_image(std::span<const std::byte> bytes) {
  try {
    const data::Image image = data::decode_image(bytes, "fuzz");
    BITLINE_CHECK(image.width > 0 && image.height > 0);
    BITLINE_CHECK(image.rgb.size() == static_cast<std::size_t>(image.width * image.height * 3));
    return true;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return false;
  }
}

bool try_cifar(std::span<const std::byte> bytes) {
  const bool ten = try_records("cifar10", "test_batch.bin", bytes);
  const bool hundred = try_records("cifar100", "test.bin", bytes);
  return ten || hundred;
}

}  // namespace bitline::fuzz
