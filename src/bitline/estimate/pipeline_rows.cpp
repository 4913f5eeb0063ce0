#include "bitline/estimate/pipeline_rows.h"

#include <algorithm>
#include <optional>
#include <variant>

namespace bitline::estimate {

namespace {

std::optional<std::size_t> row_axis(const ir::Shape& shape) {
  constexpr std::size_t kMatrixRank = 2;
  if (shape.size() <= kMatrixRank) return std::nullopt;
  return shape.size() - 2;
}

// A question: which rows of an input does a row of the output need?
struct Question {
  const ir::Node& node;
  std::size_t input;
  std::int64_t row;
  const std::vector<ir::Shape>& shapes;

  const ir::Shape& shape_of(ir::ValueId value) const { return shapes[static_cast<std::size_t>(value)]; }
  const ir::Shape& in(std::size_t i) const { return shape_of(node.inputs[i]); }
  const ir::Shape& in() const { return in(input); }
  const ir::Shape& out() const { return shape_of(node.output); }
  std::int64_t rows() const { return row_count(in()); }
  bool is_row_axis(int axis) const {
    const std::optional<std::size_t> rows = row_axis(out());
    const auto rank = static_cast<int>(in().size());
    return rows && in().size() == out().size() && (axis < 0 ? axis + rank : axis) == static_cast<int>(*rows);
  }
};

RowSpan all_rows(const Question& q) {
  return {0, q.rows() - 1};
}

RowSpan same_row(const Question& q) {
  if (q.in().size() != q.out().size() || q.rows() != row_count(q.out())) return all_rows(q);
  return {q.row, q.row};
}

RowSpan window_rows(const ir::Window& window, const Question& q) {
  const std::int64_t first = q.row * window.stride[0] - window.pad_begin[0];
  const std::int64_t last = first + window.dilation[0] * (window.kernel[0] - 1);
  return {std::max<std::int64_t>(first, 0), std::min(last, q.rows() - 1)};
}

RowSpan rule(const ir::Conv& op, const Question& q) {
  return window_rows(op.window, q);
}
RowSpan rule(const ir::MaxPool& op, const Question& q) {
  return window_rows(op.window, q);
}
RowSpan rule(const ir::AveragePool& op, const Question& q) {
  return window_rows(op.window, q);
}
RowSpan rule(const ir::MatMul&, const Question& q) {
  return q.input == 0 ? same_row(q) : all_rows(q);
}
RowSpan rule(const ir::Concat& op, const Question& q) {
  if (!q.is_row_axis(op.axis)) return same_row(q);
  std::int64_t row = q.row;
  for (std::size_t i = 0; i < q.input; ++i) row -= row_count(q.in(i));
  return row < 0 || row >= q.rows() ? RowSpan{} : RowSpan{row, row};
}
RowSpan rule(const ir::Softmax& op, const Question& q) {
  return q.is_row_axis(op.axis) ? all_rows(q) : same_row(q);
}
RowSpan rule(const ir::Transpose& op, const Question& q) {
  const std::optional<std::size_t> axis = row_axis(q.out());
  return axis && op.order[*axis] == static_cast<int>(*axis) ? same_row(q) : all_rows(q);
}
RowSpan rule(const ir::Slice& op, const Question& q) {
  for (const int axis : op.axes) {
    if (q.is_row_axis(axis)) return all_rows(q);
  }
  return same_row(q);
}
RowSpan rule(const ir::Pad& op, const Question& q) {
  const std::optional<std::size_t> axis = row_axis(q.out());
  const std::int64_t row = q.row - (axis ? op.begin[*axis] : 0);
  return row < 0 || row >= q.rows() ? RowSpan{} : RowSpan{row, row};
}
RowSpan rule(const ir::ReduceMean& op, const Question& q) {
  const bool across = std::any_of(op.axes.begin(), op.axes.end(), [&](int a) { return q.is_row_axis(a); });
  return across || !op.keep_dims ? all_rows(q) : same_row(q);
}

RowSpan rule(const ir::Linear&, const Question& q) {
  return same_row(q);
}
RowSpan rule(const ir::BatchNorm&, const Question& q) {
  return same_row(q);
}
RowSpan rule(const ir::Relu&, const Question& q) {
  return same_row(q);
}
RowSpan rule(const ir::Clip&, const Question& q) {
  return same_row(q);
}
RowSpan rule(const ir::Add&, const Question& q) {
  return same_row(q);
}
RowSpan rule(const ir::Mul&, const Question& q) {
  return same_row(q);
}
RowSpan rule(const ir::GlobalAveragePool&, const Question& q) {
  return all_rows(q);
}
RowSpan rule(const ir::Flatten&, const Question& q) {
  return all_rows(q);
}
// Lines stay lines where only the dimensions before them change: groups of channels and back.
RowSpan rule(const ir::Reshape&, const Question& q) {
  const bool lines = row_axis(q.in()) && row_axis(q.out()) && q.in().back() == q.out().back();
  return lines && q.rows() == row_count(q.out()) ? RowSpan{q.row, q.row} : all_rows(q);
}

}  // namespace

RowSpan joined(const RowSpan& a, const RowSpan& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.first, b.first), std::max(a.last, b.last)};
}

std::int64_t row_count(const ir::Shape& shape) {
  const std::optional<std::size_t> axis = row_axis(shape);
  return axis ? shape[*axis] : 1;
}

double row_elements(const ir::Shape& shape) {
  double elements = 1.0;
  for (const std::int64_t extent : shape)
    elements *= extent == ir::kBatch ? 1.0 : static_cast<double>(extent);
  return elements / static_cast<double>(row_count(shape));
}

RowSpan rows_needed(const ir::Node& node, std::size_t input, std::int64_t row,
                    const std::vector<ir::Shape>& shapes) {
  const Question question{node, input, row, shapes};
  return std::visit([&](const auto& op) { return rule(op, question); }, node.op);
}

}  // namespace bitline::estimate
