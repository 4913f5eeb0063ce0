// Windows, pooling and means.
#include <algorithm>
#include <numeric>

#include "bitline/frontend/impl/onnx_axes.h"
#include "bitline/frontend/impl/onnx_window.h"

namespace bitline::frontend {

namespace {

std::array<std::int64_t, 2> pair_of(const OnnxNode& node, std::string_view name) {
  const Integers values = node.attributes().integers(name);
  if (values.empty()) return {1, 1};
  if (values.size() != 2) node.reject("attribute '" + std::string(name) + "' must hold 2 numbers");
  for (const std::int64_t value : values) {
    if (value < 1 || value > kMaxExtent) {
      node.reject("attribute '" + std::string(name) + "' holds " + std::to_string(value) +
                  ", expected 1 or more");
    }
  }
  return {values[0], values[1]};
}

void read_pads(const OnnxNode& node, ir::Window& window) {
  const Integers pads = node.attributes().integers("pads");
  if (pads.empty()) return;
  if (pads.size() != 4) node.reject("attribute 'pads' must hold 4 numbers");
  for (const std::int64_t pad : pads) {
    if (pad < 0 || pad > kMaxExtent)
      node.reject("attribute 'pads' holds " + std::to_string(pad) + ", expected 0 or more");
  }
  window.pad_begin = {pads[0], pads[1]};
  window.pad_end = {pads[2], pads[3]};
}

// SAME: the output extent is ceil(input / stride); an odd row or column of padding goes to the end (UPPER) or
// to the beginning (LOWER).
void pad_same(const OnnxNode& node, ir::Window& window, bool extra_at_end) {
  for (std::size_t a = 0; a < 2; ++a) {
    const std::int64_t extent = node.shape(0)[a + 2];
    const std::int64_t outputs = (extent + window.stride[a] - 1) / window.stride[a];
    const std::int64_t reach =
        (outputs - 1) * window.stride[a] + window.dilation[a] * (window.kernel[a] - 1) + 1;
    const std::int64_t total = std::max<std::int64_t>(0, reach - extent);
    const std::int64_t less = total / 2;
    window.pad_begin[a] = extra_at_end ? less : total - less;
    window.pad_end[a] = total - window.pad_begin[a];
  }
}

ir::Window pool_window(const OnnxNode& node) {
  require_images(node, 0);
  if (!node.attributes().has("kernel_shape")) node.reject("attribute 'kernel_shape' is missing");
  return read_window(node, pair_of(node, "kernel_shape"));
}

void convert_max_pool(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  node.finish(ir::MaxPool{pool_window(node), node.attributes().flag("ceil_mode", false)}, {x});
}

void convert_average_pool(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const ir::Window window = pool_window(node);
  if (window.dilation != std::array<std::int64_t, 2>{1, 1}) node.refuse("dilated average pooling");
  node.finish(ir::AveragePool{window, node.attributes().flag("ceil_mode", false),
                              node.attributes().flag("count_include_pad", false)},
              {x});
}

void convert_global_average(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  require_images(node, 0);
  node.finish(ir::GlobalAveragePool{}, {x});
}

void convert_global_max(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  require_images(node, 0);
  ir::Window window;
  window.kernel = {node.shape(0)[2], node.shape(0)[3]};
  node.finish(ir::MaxPool{window, false}, {x});
}

void convert_reduce_mean(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const std::size_t rank = node.shape(0).size();
  const bool keep_dims = node.attributes().flag("keepdims", true);
  const Integers given = integers_of(node, "axes", 1);
  if (given.empty() && node.attributes().flag("noop_with_empty_axes", false)) return node.finish(x);
  std::vector<int> axes(given.empty() ? rank : 0);
  std::iota(axes.begin(), axes.end(), 0);
  for (const std::int64_t axis : given) axes.push_back(node.axis(axis, rank));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) node.reject("an axis is given twice");
  if (axes.front() == 0) node.refuse("the mean over the batch");
  node.finish(ir::ReduceMean{axes, keep_dims}, {x});
}

constexpr std::array kOps = {
    Converter{"MaxPool", convert_max_pool, Reads::kMovement},
    Converter{"AveragePool", convert_average_pool},
    Converter{"GlobalAveragePool", convert_global_average},
    Converter{"GlobalMaxPool", convert_global_max, Reads::kMovement},
    Converter{"ReduceMean", convert_reduce_mean},
};

}  // namespace

void require_images(const OnnxNode& node, std::size_t i) {
  const ir::Shape& shape = node.shape(i);
  if (shape.size() == 4) return;
  const std::string what = "its input has shape " + ir::shape_text(shape) + ", expected [N, C, H, W]";
  if (shape.size() == 3 || shape.size() == 5) node.refuse(what);
  node.reject(what);
}

ir::Window read_window(const OnnxNode& node, const std::array<std::int64_t, 2>& kernel) {
  ir::Window window;
  window.kernel = kernel;
  window.stride = pair_of(node, "strides");
  window.dilation = pair_of(node, "dilations");
  const std::string mode = node.attributes().text("auto_pad", "NOTSET");
  if (mode == "NOTSET") {
    read_pads(node, window);
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    pad_same(node, window, mode == "SAME_UPPER");
  } else if (mode != "VALID") {
    node.reject("auto_pad is '" + mode + "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  }
  return window;
}

std::span<const Converter> pool_ops() {
  return kOps;
}

}  // namespace bitline::frontend
