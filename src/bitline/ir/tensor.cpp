#include "bitline/ir/tensor.h"

#include <utility>

#include "bitline/base/error.h"

namespace bitline::ir {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t d : shape) {
    BITLINE_CHECK(d >= 0);
    count *= d;
  }
  return count;
}

std::string shape_text(const Shape& shape) {
  std::string out = "[";
  for (const std::int64_t d : shape) {
    if (out.size() > 1) out += ", ";
    out += d == kBatch ? "N" : std::to_string(d);
  }
  return out + "]";
}

Tensor::Tensor(Shape dims) : shape(std::move(dims)), data(static_cast<std::size_t>(element_count(shape))) {}

Tensor::Tensor(Shape dims, std::vector<float> values) : shape(std::move(dims)), data(std::move(values)) {
  BITLINE_CHECK(element_count(shape) == static_cast<std::int64_t>(data.size()));
}

Tensor take_images(const Tensor& batch, std::int64_t first, std::int64_t count) {
  Shape shape = batch.shape;
  shape[0] = count;
  const std::size_t each = batch.size() / static_cast<std::size_t>(batch.dim(0));
  const auto begin = batch.data.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(first) * each);
  return {std::move(shape),
          {begin, begin + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(count) * each)}};
}

}  // namespace bitline::ir
