#include "bitline/app/logits_file.h"

#include <algorithm>
#include <utility>

#include "bitline/io/safetensors.h"

namespace bitline::app {

sim::Forward LogitsFile::recorded(const sim::Network& network) {
  return [this, &network](const ir::Tensor& images, std::uint64_t first) {
    ir::Tensor logits = network.finite_logits(images, first);
    const std::lock_guard lock(mutex_);
    classes_ = logits.dim(1);
    const std::size_t begin = static_cast<std::size_t>(first) * static_cast<std::size_t>(classes_);
    logits_.resize(std::max(logits_.size(), begin + logits.size()));
    std::copy(logits.data.begin(), logits.data.end(), logits_.begin() + static_cast<std::ptrdiff_t>(begin));
    return logits;
  };
}

sim::BatchSource LogitsFile::recorded(sim::BatchSource source) {
  return [this, source = std::move(source)] {
    std::optional<sim::LabelledBatch> batch = source();
    if (!batch) return batch;
    image_shape_ = batch->images.shape;
    images_.insert(images_.end(), batch->images.data.begin(), batch->images.data.end());
    labels_.insert(labels_.end(), batch->labels.begin(), batch->labels.end());
    return batch;
  };
}

void LogitsFile::write(io::FileSystem& fs, const std::string& path) const {
  const auto count = static_cast<std::int64_t>(labels_.size());
  ir::Shape images = image_shape_;
  if (!images.empty()) images[0] = count;
  io::TensorFile file;
  file.tensors["images"] = io::store_floats(images, images_);
  file.tensors["labels"] = io::store_ints({count}, labels_);
  file.tensors["logits"] = io::store_floats({count, classes_}, logits_);
  io::write_safetensors(fs, path, file);
}

}  // namespace bitline::app
