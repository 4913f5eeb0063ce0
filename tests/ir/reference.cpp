#include "reference.h"

#include <limits>
#include <utility>

namespace bitline::ir {

namespace {

float at(const Tensor& t, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return t.data[static_cast<std::size_t>(((n * t.shape[1] + c) * t.shape[2] + h) * t.shape[3] + w)];
}

// Calls tap(h, w, i, j) for each kernel position (i, j) of the window at output (y, x).
template <typename Tap>
void for_each_tap(const Window& w, std::int64_t y, std::int64_t x, const Tap& tap) {
  for (std::int64_t i = 0; i < w.kernel[0]; ++i) {
    for (std::int64_t j = 0; j < w.kernel[1]; ++j) {
      tap(y * w.stride[0] - w.pad_begin[0] + i * w.dilation[0],
          x * w.stride[1] - w.pad_begin[1] + j * w.dilation[1], i, j);
    }
  }
}

bool inside(const Tensor& t, std::int64_t h, std::int64_t w) {
  return h >= 0 && h < t.shape[2] && w >= 0 && w < t.shape[3];
}

// Fills an output of `channels` channels with value(n, c, y, x).
template <typename Value>
Tensor fill_image(const Window& w, bool ceil_mode, const Tensor& x, std::int64_t channels,
                  const Value& value) {
  Tensor out({x.shape[0], channels, w.output_extent(0, x.shape[2], ceil_mode),
              w.output_extent(1, x.shape[3], ceil_mode)});
  std::size_t at_out = 0;
  for (std::int64_t n = 0; n < out.shape[0]; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < out.shape[2]; ++i) {
        for (std::int64_t j = 0; j < out.shape[3]; ++j) out.data[at_out++] = value(n, c, i, j);
      }
    }
  }
  return out;
}

}  // namespace

Tensor Draw::integers(const Shape& shape) {
  Tensor t(shape);
  for (float& v : t.data) v = static_cast<float>(between(-4, 4));
  return t;
}

Tensor Draw::normals(const Shape& shape, double mean, double deviation) {
  Tensor t(shape);
  for (float& v : t.data) v = static_cast<float>(mean + deviation * random_.normal(next_++));
  return t;
}

Tensor reference_conv(const Conv& op, const Tensor& x, const Tensor& weight, const Tensor* bias) {
  const std::int64_t per_group = weight.shape[1];
  const std::int64_t outputs_per_group = weight.shape[0] / op.groups;
  return fill_image(op.window, false, x, weight.shape[0], [&](auto n, auto o, auto y, auto z) {
    double sum = bias != nullptr ? static_cast<double>(bias->data[static_cast<std::size_t>(o)]) : 0.0;
    const std::int64_t first = o / outputs_per_group * per_group;
    for (std::int64_t c = 0; c < per_group; ++c) {
      for_each_tap(op.window, y, z, [&](auto h, auto w, auto i, auto j) {
        if (inside(x, h, w)) sum += static_cast<double>(at(x, n, first + c, h, w) * at(weight, o, c, i, j));
      });
    }
    return static_cast<float>(sum);
  });
}

Tensor reference_linear(const Tensor& x, const Tensor& weight, const Tensor* bias) {
  Shape shape = x.shape;
  shape.back() = weight.shape[0];
  Tensor out(shape);
  const auto outputs = static_cast<std::size_t>(weight.shape[0]),
             depth = static_cast<std::size_t>(weight.shape[1]);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t row = i / outputs, o = i % outputs;
    double sum = bias != nullptr ? static_cast<double>(bias->data[o]) : 0.0;
    for (std::size_t k = 0; k < depth; ++k) {
      sum += static_cast<double>(x.data[row * depth + k] * weight.data[o * depth + k]);
    }
    out.data[i] = static_cast<float>(sum);
  }
  return out;
}

Tensor reference_max_pool(const MaxPool& op, const Tensor& x) {
  return fill_image(op.window, op.ceil_mode, x, x.shape[1], [&](auto n, auto c, auto y, auto z) {
    float peak = -std::numeric_limits<float>::infinity();
    for_each_tap(op.window, y, z, [&](auto h, auto w, auto, auto) {
      if (inside(x, h, w)) peak = std::max(peak, at(x, n, c, h, w));
    });
    return peak;
  });
}

Tensor reference_average_pool(const AveragePool& op, const Tensor& x) {
  const Window& window = op.window;
  return fill_image(window, op.ceil_mode, x, x.shape[1], [&](auto n, auto c, auto y, auto z) {
    double sum = 0.0;
    int counted = 0;
    for_each_tap(window, y, z, [&](auto h, auto w, auto, auto) {
      const bool in_padding = h < x.shape[2] + window.pad_end[0] && w < x.shape[3] + window.pad_end[1];
      if (inside(x, h, w)) sum += static_cast<double>(at(x, n, c, h, w));
      if (inside(x, h, w) || (op.count_include_pad && in_padding)) ++counted;
    });
    return static_cast<float>(sum / counted);
  });
}

Node make_node(Op op, int inputs) {
  Node node{"node", std::move(op), {}, inputs};
  for (int i = 0; i < inputs; ++i) node.inputs.push_back(i);
  return node;
}

}  // namespace bitline::ir
