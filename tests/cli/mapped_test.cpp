// bitline simulate --mapping: a calibrated network run as it is mapped. Needs no training library.
#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/app/verification_report.h"
#include "bitline/base/error.h"

namespace bitline::cli {
namespace {

class Mapped : public ::testing::Test {
 protected:
  Outcome calibrate(const std::string& out, const std::string& precision = "W4A4P4",
                    const std::string& granularity = "column/column",
                    const std::string& hardware = "64x64:2b", const Words& more = {}) const {
    return run_program(
        joined({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data", "digits",
                "--calibration-images", "16", "--test-images", "-1", "--precision", precision,
                "--granularity", granularity, "--hardware", hardware, "--out", scratch_.path(out)},
               more));
  }
  Outcome map(const std::string& model, const std::string& out, const Words& more = {}) const {
    return run_program(joined(
        {"map", "--quiet", scratch_.path(model), "--hardware", "64x64:2b", "--out", scratch_.path(out)},
        more));
  }
  Outcome simulate(const std::string& model, const std::string& mapping, const Words& more = {}) const {
    return run_program(joined({"simulate", "--quiet", "--model", scratch_.path(model), "--mapping",
                               scratch_.path(mapping), "--images", "4"},
                              more));
  }

  Scratch scratch_;
};

TEST_F(Mapped, EqualsTheIntegerProgram) {
  ASSERT_EQ(calibrate("q.safetensors").exit_code, 0);
  ASSERT_EQ(map("q.safetensors", "m.json", {"--packing", "diagonal"}).exit_code, 0);
  const Outcome o = simulate("q.safetensors", "m.json", {"--verify-images", "3", "--format", "json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const result::Record record = record_of(o.out);
  EXPECT_EQ(count(record, "mapped_images"), 3);
  EXPECT_GT(count(record, "mapped_codes"), 1000);
  EXPECT_EQ(count(record, "mapped_mismatches"), 0);
  EXPECT_EQ(text(record, "mapped_verification"), "equal");
  EXPECT_EQ(record.tables.at(0).key, "mapped_verification");
  EXPECT_NE(record.find("accuracy"), nullptr);
}

TEST_F(Mapped, PackedRowsBehindIdealConverters) {
  ASSERT_EQ(calibrate("q.safetensors", "W4A4Pideal", "channel/channel").exit_code, 0);
  ASSERT_EQ(map("q.safetensors", "m.json", {"--rows", "packed"}).exit_code, 0);
  EXPECT_EQ(shown_figure(simulate("q.safetensors", "m.json").out, "mapped_verification"), "equal");
  ASSERT_EQ(calibrate("p4.safetensors").exit_code, 0);
  expect_error(simulate("p4.safetensors", "m.json"), 3,
               {"node '", "a block holds rows", "--rows windows", "Pideal"});
}

TEST_F(Mapped, ErrorsNameTheNode) {
  ASSERT_EQ(calibrate("q.safetensors").exit_code, 0);
  ASSERT_EQ(calibrate("small.safetensors", "W4A4P4", "column/column", "32x32:2b").exit_code, 0);
  ASSERT_EQ(
      run_program({"map", "zoo:resnet20", "--hardware", "64x64:2b", "--out", scratch_.path("other.json")})
          .exit_code,
      0);
  ASSERT_EQ(map("q.safetensors", "m.json").exit_code, 0);
  expect_error(simulate("q.safetensors", "other.json"), 3,
               {"node 'conv1'", "the network does not have on arrays"});
  expect_error(simulate("small.safetensors", "m.json"), 3, {"node '", "quantized for arrays of 32x32"});
  expect_error(simulate("q.safetensors", "none.json"), 3, {"none.json"});
  scratch_.write("cut.json", scratch_.read("m.json").substr(0, 200));
  expect_error(simulate("q.safetensors", "cut.json"), 3, {"cut.json"});
  expect_error(run_program({"simulate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data",
                            "digits", "--mapping", scratch_.path("m.json")}),
               3, {"the model is float"});
}

app::Execution execution(float code, float logit) {
  return {ir::Tensor({1, 1}, std::vector<float>{logit}), {{"conv1", {1.0f, 2.0f}, {code}}}};
}

TEST(Comparison, ADifferenceIsShownAndThrown) {
  const app::ComparisonNames names{"images",  "codes",          "mismatches",
                                   "verdict", "mapped program", "integer program"};
  const app::Session session({}, "");
  result::Record same, other;
  add_comparison(names, execution(3.0f, 0.5f), execution(3.0f, 0.5f), session, same);
  EXPECT_EQ(text(same, "verdict"), "equal");
  EXPECT_EQ(count(same, "codes"), 3);
  for (const app::Execution& actual : {execution(4.0f, 0.5f), execution(3.0f, 0.25f)}) {
    result::Record record;
    ::testing::internal::CaptureStdout();
    try {
      add_comparison(names, execution(3.0f, 0.5f), actual, session, record);
      ADD_FAILURE() << "no error was thrown";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kVerification);
      EXPECT_NE(e.message().find("the mapped program differs from the integer program in"),
                std::string::npos);
    }
    EXPECT_NE(::testing::internal::GetCapturedStdout().find("different"), std::string::npos);
  }
}

// Digits of 1 to 8 bits, of which those of 8 are 0 to 255; every command that takes them.
TEST_F(Mapped, EveryCellWidthAndEncodingRunsInEveryCommand) {
  const std::string q = scratch_.path("q.safetensors"), m = scratch_.path("m.json");
  for (const char* encoding : {"twos-complement", "differential"}) {
    for (int bits = 1; bits <= 8; ++bits) {
      SCOPED_TRACE(std::string(encoding) + " " + std::to_string(bits) + "b");
      const std::string hardware = "64x64:" + std::to_string(bits) + "b";
      const auto run = [](const Words& words) {
        const Outcome o = run_program(joined(words, {"--quiet"}));
        EXPECT_EQ(o.exit_code, 0) << words.front() << ": " << o.err;
        return o.out;
      };
      for (const char* precision : {"W9A4Pideal", "W9A4P6"}) {
        EXPECT_EQ(calibrate("q.safetensors", precision, "layer/layer", hardware,
                            {"--encoding", encoding, "--on-array", "first,last"})
                      .exit_code,
                  0);
        run({"map", q, "--hardware", hardware, "--out", m});
        EXPECT_EQ(
            shown_figure(run({"simulate", "--model", q, "--mapping", m, "--images", "4", "--verify-images",
                              "2", "--variation", "lognormal:0.1+onoff:50+saf1:0.01", "--chips", "2"}),
                         "mapped_verification"),
            "equal");
      }
      run({"export", q, "--to", "packed", "--out", scratch_.path("packed.safetensors")});
      EXPECT_NE(run({"simulate", "--model", scratch_.path("packed.safetensors"), "--images", "4"}), "");
    }
  }
}

// Densities that are counted from levels, on a chip of cells as wide.
TEST_F(Mapped, EveryCellWidthIsCosted) {
  const std::string q = scratch_.path("q.safetensors");
  for (const char* encoding : {"twos-complement", "differential"}) {
    for (int bits = 1; bits <= 8; ++bits) {
      SCOPED_TRACE(std::string(encoding) + " " + std::to_string(bits) + "b");
      const std::string hardware = "128x128:" + std::to_string(bits) + "b";
      ASSERT_EQ(calibrate("q.safetensors", "W8A4P4", "layer/layer", hardware,
                          {"--dac-bits", "1", "--encoding", encoding})
                    .exit_code,
                0);
      scratch_.write("chip.yaml",
                     "schema: bitline-hardware/1\nname: cells\nextends: rram-128\ncell:\n  bits: {value: " +
                         std::to_string(bits) + ", cite: a test}\n  encoding: " + encoding + "\n");
      const Outcome o = run_program({"estimate", "--quiet", q, "--hardware", scratch_.path("chip.yaml"),
                                     "--data", "digits", "--images", "2"});
      EXPECT_EQ(o.exit_code, 0) << o.err;
    }
  }
}

}  // namespace
}  // namespace bitline::cli
