// Rows that outputs depend on, against the float interpreter: when an input row changes, only output rows
// whose span holds it may change.
#include "bitline/estimate/pipeline_rows.h"

#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::estimate {
namespace {

struct Probe {
  std::string name;
  ir::Op op;
  std::vector<ir::Shape> inputs;  // of activations
  std::vector<ir::Shape> constants;
  bool tight = true;  // every row of the span matters to some extent
};

ir::Tensor filled(const ir::Shape& shape, float offset) {
  ir::Tensor t(shape);
  for (std::size_t i = 0; i < t.data.size(); ++i)
    t.data[i] = offset + static_cast<float>(i * 37 % 101) / 101.0f + 0.01f * static_cast<float>(i % 7);
  return t;
}

// Index of an element's row.
std::int64_t row_of(const ir::Shape& shape, std::int64_t element) {
  if (shape.size() < 3) return 0;
  return element / shape.back() % shape[shape.size() - 2];
}

ir::Window window(std::int64_t kernel, std::int64_t stride, std::int64_t pad, std::int64_t dilation = 1) {
  ir::Window w;
  w.kernel = {kernel, kernel};
  w.stride = {stride, stride};
  w.pad_begin = w.pad_end = {pad, pad};
  w.dilation = {dilation, dilation};
  return w;
}

void check(const Probe& probe) {
  ir::Node node{probe.name, probe.op, {}, 0};
  std::vector<ir::Tensor> operands;
  for (const auto* shapes : {&probe.inputs, &probe.constants})
    for (const ir::Shape& shape : *shapes) operands.push_back(filled(shape, 0.1f));
  std::vector<ir::Shape> shapes;
  for (const ir::Tensor& t : operands) {
    node.inputs.push_back(static_cast<ir::ValueId>(shapes.size()));
    shapes.push_back(t.shape);
  }
  node.output = static_cast<ir::ValueId>(shapes.size());
  shapes.push_back(ir::infer_shape(node, shapes));
  const auto run = [&] {
    ir::Operands all;
    for (const ir::Tensor& t : operands) all.push_back(&t);
    return ir::run_node(node, all);
  };
  const ir::Tensor before = run();
  for (std::size_t i = 0; i < probe.inputs.size(); ++i) {
    const std::vector<float> kept = operands[i].data;
    for (std::int64_t row = 0; row < row_count(probe.inputs[i]); ++row) {
      for (std::size_t k = 0; k < kept.size(); ++k)
        if (row_of(probe.inputs[i], static_cast<std::int64_t>(k)) == row) operands[i].data[k] += 10.0f;
      const ir::Tensor after = run();
      std::vector<bool> changes(static_cast<std::size_t>(row_count(before.shape)), false);
      for (std::size_t k = 0; k < after.size(); ++k)
        if (after.data[k] != before.data[k])
          changes[static_cast<std::size_t>(row_of(before.shape, static_cast<std::int64_t>(k)))] = true;
      for (std::size_t y = 0; y < changes.size(); ++y) {
        const RowSpan span = rows_needed(node, i, static_cast<std::int64_t>(y), shapes);
        const bool inside = span.first <= row && row <= span.last;
        EXPECT_TRUE(inside || !changes[y]) << probe.name << ": row " << y << " reads row " << row;
        EXPECT_TRUE(!probe.tight || changes[y] || !inside) << probe.name << ": " << y << ", " << row;
      }
      operands[i].data = kept;
    }
  }
}

TEST(PipelineRows, HoldWhatOutputsDependOn) {
  const ir::Shape image = {1, 2, 7, 5}, tokens = {1, 4, 6};
  const std::vector<Probe> probes = {
      {"conv", ir::Conv{window(3, 1, 1), 1}, {image}, {{2, 2, 3, 3}}},
      {"strided", ir::Conv{window(3, 2, 1), 1}, {image}, {{2, 2, 3, 3}}},
      {"pointwise", ir::Conv{window(1, 2, 0), 1}, {image}, {{2, 2, 1, 1}}},
      {"dilated", ir::Conv{window(3, 1, 2, 2), 1}, {image}, {{2, 2, 3, 3}}, false},
      {"max", ir::MaxPool{window(2, 2, 0), true}, {image}, {}},
      {"mean", ir::AveragePool{window(3, 1, 1)}, {image}, {}},
      {"global", ir::GlobalAveragePool{}, {image}, {}},
      {"relu", ir::Relu{}, {image}, {}},
      {"clip", ir::Clip{-100.0f, 100.0f}, {image}, {}},
      {"norm", ir::BatchNorm{}, {image}, {{2}, {2}, {2}, {2}}},
      {"add", ir::Add{}, {image, image}, {}},
      {"scale", ir::Mul{}, {image, {1, 2, 1, 1}}, {}},
      {"channels", ir::Concat{1}, {image, image}, {}},
      {"lines", ir::Concat{2}, {image, {1, 2, 3, 5}}, {}},
      {"linear", ir::Linear{}, {{1, 6}}, {{3, 6}}},
      {"tokenwise", ir::Linear{}, {tokens}, {{3, 6}}},
      {"attention", ir::MatMul{}, {tokens, {1, 6, 4}}, {}},
      {"flatten", ir::Flatten{1}, {image}, {}},
      {"reshape", ir::Reshape{{ir::kBatch, 7, 10}}, {image}, {}, false},
      {"groups", ir::Reshape{{ir::kBatch, 2, 1, 7, 5}}, {image}, {}},
      {"ungroup", ir::Reshape{{ir::kBatch, 2, 7, 5}}, {{1, 2, 1, 7, 5}}, {}},
      {"shuffle", ir::Transpose{{0, 2, 1, 3, 4}}, {{1, 2, 3, 4, 5}}, {}},
      {"swap", ir::Transpose{{0, 2, 1}}, {tokens}, {}, false},
      {"turn", ir::Transpose{{0, 3, 2, 1}}, {image}, {}},
      {"cut", ir::Slice{{2}, {1}, {6}, {2}}, {image}, {}, false},
      {"columns", ir::Slice{{3}, {1}, {4}, {1}}, {image}, {}},
      {"pad", ir::Pad{{0, 0, 2, 1}, {0, 0, 1, 1}}, {image}, {}},
      {"softmax", ir::Softmax{1}, {image}, {}, false},
      {"over_lines", ir::Softmax{2}, {image}, {}, false},
      {"mean_of_lines", ir::ReduceMean{{2}, true}, {image}, {}},
      {"mean_of_columns", ir::ReduceMean{{3}, true}, {image}, {}},
      {"mean_of_both", ir::ReduceMean{{2, 3}, false}, {image}, {}}};
  for (const Probe& probe : probes) check(probe);
}

TEST(PipelineRows, CountRowsAndTheirElements) {
  EXPECT_EQ(row_count({ir::kBatch, 3, 32, 16}), 32);
  EXPECT_EQ(row_elements({ir::kBatch, 3, 32, 16}), 48.0);
  EXPECT_EQ(row_count({ir::kBatch, 5, 16}), 5);
  EXPECT_EQ(row_elements({ir::kBatch, 5, 16}), 16.0);
  EXPECT_EQ(row_count({ir::kBatch, 10}), 1);
  EXPECT_EQ(row_elements({ir::kBatch, 10}), 10.0);
}

}  // namespace
}  // namespace bitline::estimate
