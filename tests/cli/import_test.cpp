// ONNX files through the commands: roles before anything is quantized, tokens on arrays, true refusals.
#include <string>

#include "digits.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/io/atomic_file.h"
#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

std::string written(const Scratch& scratch, const frontend::OnnxBuilder& net) {
  io::write_atomically(io::posix(), scratch.path("m.onnx"), net.bytes());
  return scratch.path("m.onnx");
}

io::Json tables(Words words) {
  const Outcome o = run_program(joined(std::move(words), {"--quiet", "--format", "json"}));
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return io::parse_json(o.exit_code == 0 ? o.out : R"({"tables": {}})", "stdout").at("tables");
}

TEST(Import, InfoTellsRolesAndTheDefaultPolicyOfAFloatNetwork) {
  std::string told;
  const io::Json all = tables({"info", "zoo:resnet50"});
  for (const io::Json& row : all.at("layers").at("rows").as_array()) {
    const std::string role = row.at("role").as_text();
    EXPECT_EQ(row.at("default").as_text(), role.empty() ? "array" : "float");
    if (!role.empty()) told += row.at("node").as_text() + ": " + role + "; ";
  }
  EXPECT_EQ(told,
            "conv1: first; layer1.0.downsample.0: shortcut; layer2.0.downsample.0: shortcut; "
            "layer3.0.downsample.0: shortcut; layer4.0.downsample.0: shortcut; fc: last; ");
}

TEST(Import, TokensAreThePositionsOfALinearLayer) {
  const Scratch scratch;
  frontend::OnnxBuilder net({-1, 6, 8});
  net.weight("w1", {8, 8});
  net.weight("w2", {8, 4});
  net.node("MatMul", {"x", "w1"}, "a");
  net.node("MatMul", {"a", "w2"}, "b");
  frontend::set_integers(net.node("ReduceMean", {"b"}, "y"), "axes", {1});
  const io::Json map = tables({"map", written(scratch, net), "--hardware", "isaac", "--no-replicas"});
  const io::JsonArray& rows = map.at("mapped_layers").at("rows").as_array();
  ASSERT_EQ(rows.size(), 2u);
  for (const io::Json& row : rows) EXPECT_EQ(row.at("positions").as_int(), 6);
}

TEST(Import, ValidFilesThatAreNotSupportedEndWithFour) {
  const Scratch scratch;
  frontend::OnnxBuilder net({-1, 4});
  for (const char* name : {"a", "b", "c", "d"}) net.node("Gelu", {"x"}, name);
  net.node("Erf", {"a"}, "y");
  expect_error(
      run_program({"info", written(scratch, net)}), 4,
      {"5 nodes cannot be imported: Gelu (4: 'a', 'b', 'c', ...): the operator is not known; Erf 'y'"});
  frontend::OnnxBuilder cycle({-1, 4});
  cycle.node("Relu", {"y"}, "y");
  expect_error(run_program({"info", written(scratch, cycle)}), 3, {"it reads 'y' before that is written"});
}

}  // namespace
}  // namespace bitline::cli
