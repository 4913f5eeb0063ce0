// bitline export: files that load again, notes, and errors that leave nothing behind.
#include <string>

#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/frontend/model.h"
#include "bitline/io/filesystem.h"
#include "bitline/io/safetensors.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::cli {
namespace {

class ExportCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    calibrate("column.safetensors", {"--precision", "W4A4P4"});
    calibrate("ideal.safetensors", {"--precision", "W8A8Pideal", "--granularity", "channel/layer",
                                    "--on-array", "first", "--on-array", "last"});
    calibrate("wide.safetensors",
              {"--precision", "W12A10Pideal", "--dac-bits", "4", "--on-array", "first,last"});
    calibrate("normed.safetensors", {"--precision", "W4A4P4", "--keep-batch-norm"});
  }
  static void TearDownTestSuite() { delete scratch_; }

  static void calibrate(const std::string& out, const Words& more) {
    const Outcome o = run_program(joined({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained",
                                          "--data", "digits", "--calibration-images", "32", "--test-images",
                                          "-1", "--hardware", "64x64:2b", "--out", scratch_->path(out)},
                                         more));
    ASSERT_EQ(o.exit_code, 0) << o.err;
  }

  static Outcome exported(const std::string& model, const std::string& to, const std::string& out,
                          const Words& more = {}) {
    return run_program(
        joined({"export", scratch_->path(model), "--to", to, "--out", scratch_->path(out)}, more));
  }

  // Logits of the first images, as they are in the file.
  static std::vector<std::byte> logits(const std::string& model) {
    const Outcome o =
        run_program({"simulate", "--quiet", "--model", scratch_->path(model), "--data", "digits", "--images",
                     "40", "--logits", scratch_->path("logits.safetensors")});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    io::TensorFile file = io::read_safetensors(io::posix(), scratch_->path("logits.safetensors"));
    EXPECT_EQ(file.tensors.at("images").shape, (std::vector<std::int64_t>{40, 1, 8, 8}));
    EXPECT_EQ(file.tensors.at("labels").shape, std::vector<std::int64_t>{40});
    EXPECT_EQ(file.tensors.at("logits").shape, (std::vector<std::int64_t>{40, 10}));
    return file.tensors.at("logits").bytes;
  }

  static inline Scratch* scratch_ = nullptr;
};

TEST_F(ExportCommand, EveryFormatSimulatesAsTheArtefactDoes) {
  const struct {
    const char *model, *to, *out;
  } cases[] = {{"column.safetensors", "qonnx", "c.onnx"},
               {"column.safetensors", "packed", "c.packed.safetensors"},
               {"ideal.safetensors", "qonnx", "i.onnx"},
               {"ideal.safetensors", "qdq", "i.qdq.onnx"},
               {"ideal.safetensors", "packed", "i.packed.safetensors"},
               {"wide.safetensors", "qonnx", "w.onnx"},
               {"wide.safetensors", "packed", "w.packed.safetensors"}};
  for (const auto& c : cases) {
    ASSERT_EQ(exported(c.model, c.to, c.out, {"--quiet"}).exit_code, 0) << c.out;
    EXPECT_EQ(logits(c.out), logits(c.model)) << c.out;
  }
}

TEST_F(ExportCommand, ConvertersAreNotedOnce) {
  const Outcome o = exported("column.safetensors", "qonnx", "n.onnx");
  EXPECT_EQ(o.err,
            "note: ONNX has no form for the quantization of partial sums: other tools compute the network "
            "behind ideal "
            "ADCs, bitline reads the ADCs from the file's metadata\n");
  EXPECT_EQ(exported("ideal.safetensors", "qonnx", "n.onnx").err, "");
  EXPECT_EQ(exported("column.safetensors", "packed", "n.safetensors").err, "");
}

TEST_F(ExportCommand, FoldsBatchNormUnlessTold) {
  const auto figure = [](const Outcome& o, const char* key) { return count(record_of(o.out), key); };
  const Outcome folded = exported("normed.safetensors", "packed", "f.safetensors", {"--format", "json"});
  EXPECT_EQ(figure(folded, "folded_batch_norms"), 3);
  EXPECT_EQ(figure(folded, "batch_norms"), 0);
  EXPECT_EQ(figure(folded, "other_multiplications_per_image"), 0);
  const Outcome kept =
      exported("normed.safetensors", "packed", "k.safetensors", {"--format", "json", "--keep-batch-norm"});
  EXPECT_EQ(figure(kept, "batch_norms"), 3);
  EXPECT_EQ(figure(kept, "other_multiplications_per_image"), 16 * 64 + 32 * 64 + 32 * 16);
  EXPECT_EQ(logits("k.safetensors"), logits("normed.safetensors"));
}

// All layers on arrays, all scales powers of two: each column has its multiplier, or its shift, and nothing
// else multiplies.
TEST_F(ExportCommand, NoMultiplierIsLeftButOneAColumn) {
  json_of({"quantize",
           "--quiet",
           "--model",
           "zoo:digits-cnn",
           "--data",
           "digits",
           "--calibration-images",
           "32",
           "--hardware",
           "64x64:2b",
           "--precision",
           "W4A4P4",
           "--on-array",
           "first,last,shortcut",
           "--quantizer",
           "lsq+pow2",
           "--psum-quantizer",
           "lsq+pow2",
           "--train-images",
           "256",
           "--epoch-test-images",
           "32",
           "--out",
           scratch_->path("shifts.safetensors")});
  const char* others[] = {"input_quantization_multiplications_per_image",
                          "float_layer_multiplications_per_image", "other_multiplications_per_image"};
  const result::Record trained = json_of({"info", scratch_->path("shifts.safetensors")});
  EXPECT_GT(count(trained, "dequantization_shifts_per_image"), 0);
  EXPECT_EQ(count(trained, "dequantization_shifts_per_image"),
            count(trained, "dequantization_multiplications_per_image"));
  EXPECT_EQ(count(trained, others[0]), 0);
  EXPECT_EQ(count(trained, others[1]), 0);
  const Outcome o = exported("shifts.safetensors", "packed", "s.safetensors", {"--format", "json"});
  EXPECT_EQ(count(record_of(o.out), "dequantization_multiplications_per_image"),
            count(trained, "dequantization_multiplications_per_image"));
  for (const char* key : others) EXPECT_EQ(count(record_of(o.out), key), 0) << key;
}

TEST_F(ExportCommand, AFloatNetworkIsPackedToAQuarter) {
  const auto bytes = [](const Outcome& o) { return count(record_of(o.out), "file_bytes"); };
  const Words words = {"export", "--model",  "zoo:digits-cnn", "--untrained", "--to",
                       "packed", "--format", "json",           "--out"};
  const Outcome whole = run_program(joined(words, {scratch_->path("w.safetensors")}));
  const Outcome packed =
      run_program(joined(words, {scratch_->path("p.safetensors"), "--float-weights", "int8"}));
  EXPECT_EQ(whole.err, "");
  EXPECT_EQ(packed.err,
            "note: weights of layers in float are 8-bit codes now, which changes them a little\n");
  EXPECT_LT(bytes(packed), bytes(whole) * 2 / 5);
  EXPECT_EQ(logits("w.safetensors"), [] {
    const Outcome o = run_program(
        {"export", "zoo:digits-cnn", "--untrained", "--to", "qonnx", "--out", scratch_->path("w.onnx")});
    EXPECT_EQ(o.err, "note: the model is float, so the file has no quantizers\n");
    return logits("w.onnx");
  }());
  EXPECT_EQ(run_program({"info", "--model", "zoo:digits-cnn=" + scratch_->path("p.safetensors")}).exit_code,
            0);
}

TEST_F(ExportCommand, WhatCannotBeWrittenLeavesNoFile) {
  expect_error(exported("column.safetensors", "qdq", "no.onnx"), 4,
               {"node 'conv2': its weight scales go by column", "--to qonnx"});
  expect_error(exported("column.safetensors", "qonx", "no.onnx"), 2, {"--to", "qonnx"});
  expect_error(exported("column.safetensors", "qonnx", "no.safetensors"), 2, {"does not end in .onnx"});
  expect_error(exported("column.safetensors", "packed", "no.onnx"), 2, {"does not end in .safetensors"});
  expect_error(exported("ideal.safetensors", "qdq", "no.onnx", {"--float-weights", "int8"}), 2,
               {"--to packed"});
  expect_error(exported("absent.safetensors", "qonnx", "no.onnx"), 3, {"absent.safetensors"});
  for (const std::string& name : scratch_->names()) EXPECT_FALSE(name.starts_with("no.")) << name;
}

}  // namespace
}  // namespace bitline::cli
