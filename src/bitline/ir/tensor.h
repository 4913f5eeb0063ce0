// A dense float tensor in row-major order: the value that flows along a Graph's edges. Images are NCHW.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitline::ir {

using Shape = std::vector<std::int64_t>;  // a dimension of kBatch is the batch size, known only at run time

inline constexpr std::int64_t kBatch = -1;

std::int64_t element_count(const Shape& shape);  // product; the shape must be concrete
std::string shape_text(const Shape& shape);      // "[N, 3, 32, 32]"

struct Tensor {
  Shape shape;
  std::vector<float> data;  // element_count(shape) values

  Tensor() = default;
  explicit Tensor(Shape dims);  // zeros
  Tensor(Shape dims, std::vector<float> values);

  std::size_t size() const { return data.size(); }
  std::int64_t dim(std::size_t axis) const { return shape[axis]; }
};

// Entries first .. first + count - 1 of the leading dimension.
Tensor take_images(const Tensor& batch, std::int64_t first, std::int64_t count);

}  // namespace bitline::ir
