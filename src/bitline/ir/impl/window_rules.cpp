// Shape rules of convolution and pooling.
#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "bitline/ir/impl/shape_rules.h"

namespace bitline::ir {

namespace {

constexpr const char* kImage = "[N, C, H, W]";
constexpr std::int64_t kLargestExtent = std::numeric_limits<std::int32_t>::max();

std::string pair_text(const std::array<std::int64_t, 2>& p) {
  return std::to_string(p[0]) + "x" + std::to_string(p[1]);
}

bool all_within(const std::array<std::int64_t, 2>& p, std::int64_t least) {
  return std::all_of(p.begin(), p.end(), [&](std::int64_t v) { return v >= least && v <= kLargestExtent; });
}

void check_window(const Window& w, const NodeShapes& n) {
  n.expect(all_within(w.kernel, 1), "kernel " + pair_text(w.kernel) + " must be positive");
  n.expect(all_within(w.stride, 1), "stride " + pair_text(w.stride) + " must be positive");
  n.expect(all_within(w.dilation, 1), "dilation " + pair_text(w.dilation) + " must be positive");
  n.expect(all_within(w.pad_begin, 0) && all_within(w.pad_end, 0), "padding must not be negative");
}

// [N, channels, output height, output width]
Shape slide(const Window& w, std::int64_t channels, bool ceil_mode, const NodeShapes& n) {
  Shape out = {n.input(0)[0], channels, 0, 0};
  for (std::size_t a = 0; a < 2; ++a) {
    const std::int64_t extent = n.known(0, a + 2, a == 0 ? "height" : "width");
    n.expect(extent <= kLargestExtent, "input " + shape_text(n.input(0)) + " is too large");
    out[a + 2] = w.output_extent(static_cast<int>(a), extent, ceil_mode);
  }
  n.expect(out[2] > 0 && out[3] > 0, "kernel " + pair_text(w.kernel) + " with dilation " +
                                         pair_text(w.dilation) + " does not fit into the padded input " +
                                         shape_text(n.input(0)));
  return out;
}

Shape pool(const Window& w, bool ceil_mode, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  n.expect_rank(0, 4, kImage);
  check_window(w, n);
  for (std::size_t a = 0; a < 2; ++a) {
    n.expect(std::max(w.pad_begin[a], w.pad_end[a]) < w.kernel[a],
             "padding must be smaller than the kernel " + pair_text(w.kernel),
             "else a window would hold nothing but padding");
  }
  return slide(w, n.known(0, 1, "channel count"), ceil_mode, n);
}

}  // namespace

Shape shape_rule(const Conv& op, const NodeShapes& n) {
  n.expect_inputs(2, 3);
  n.expect_rank(0, 4, kImage);
  n.expect_rank(1, 4, "[O, C/groups, kh, kw]");
  check_window(op.window, n);
  const Shape& weight = n.input(1);
  const std::int64_t channels = n.known(0, 1, "channel count");
  const std::int64_t outputs = n.known(1, 0, "output channel count");
  n.expect(channels > 0 && outputs > 0, "has no input or no output channels");
  n.expect(op.groups >= 1 && channels % op.groups == 0 && outputs % op.groups == 0,
           std::to_string(op.groups) + " groups do not divide " + std::to_string(channels) + " input and " +
               std::to_string(outputs) + " output channels");
  const Shape wanted = {outputs, channels / op.groups, op.window.kernel[0], op.window.kernel[1]};
  n.expect(weight == wanted, "weight has shape " + shape_text(weight) + ", expected " + shape_text(wanted) +
                                 " for input " + shape_text(n.input(0)) + " in " + std::to_string(op.groups) +
                                 " group(s)");
  if (n.count() == 3) n.expect_vector(2, "bias", outputs);
  return slide(op.window, outputs, false, n);
}

Shape shape_rule(const MaxPool& op, const NodeShapes& n) {
  return pool(op.window, op.ceil_mode, n);
}

Shape shape_rule(const AveragePool& op, const NodeShapes& n) {
  return pool(op.window, op.ceil_mode, n);
}

Shape shape_rule(const GlobalAveragePool&, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  n.expect_rank(0, 4, kImage);
  const bool empty = n.known(0, 2, "height") == 0 || n.known(0, 3, "width") == 0;
  n.expect(!empty, "input " + shape_text(n.input(0)) + " is empty");
  return {n.input(0)[0], n.input(0)[1], 1, 1};
}

}  // namespace bitline::ir
