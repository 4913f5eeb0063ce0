// A run that is killed or stopped ends, when started again, with the bytes of an uninterrupted one.
#include <string>

#include "digits.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

Words with_checkpoint(const Scratch& s) {
  return {"--checkpoint", s.path("checkpoint"), "--checkpoint-steps", "2"};
}

TEST(Resume, TrainKilledAfterACheckpoint) {
  const Scratch s;
  ASSERT_EQ(train(s, "whole.safetensors").exit_code, 0);
  const Words words = joined(train_words(s, "resumed.safetensors"), with_checkpoint(s));
  const Outcome killed = kill_when(words, s.path("checkpoint"));
  ASSERT_EQ(killed.exit_code, -1) << "the run ended before it could be killed";
  EXPECT_EQ(s.read("resumed.safetensors"), "");
  const Outcome o = run_program(words);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
  EXPECT_EQ(s.read("resumed.last.safetensors"), s.read("whole.last.safetensors"));
}

TEST(Resume, QuantizeKilledAfterACheckpoint) {
  const Scratch s;
  ASSERT_EQ(train(s, "float.safetensors").exit_code, 0);
  ASSERT_EQ(quantize(s, "float.safetensors", "whole.safetensors").exit_code, 0);
  const Words words =
      joined(quantize_words(s, "float.safetensors", "resumed.safetensors"), with_checkpoint(s));
  ASSERT_EQ(kill_when(words, s.path("checkpoint")).exit_code, -1);
  EXPECT_EQ(s.read("resumed.safetensors"), "");
  const Outcome o = run_program(words);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
}

TEST(Resume, TwoStagesStoppedInEachStage) {
  const Scratch s;
  ASSERT_EQ(train(s, "float.safetensors").exit_code, 0);
  const Words two = {"--stages", "2"};
  ASSERT_EQ(quantize(s, "float.safetensors", "whole.safetensors", two).exit_code, 0);
  const Words words = joined(joined(two, with_checkpoint(s)), {"--stop-after-steps", "11"});
  int stops = 0;
  while (stops < 10) {
    const Outcome o = quantize(s, "float.safetensors", "resumed.safetensors", words);
    if (o.exit_code == 0) break;
    ASSERT_EQ(o.exit_code, 130) << o.err;
    ++stops;
  }
  EXPECT_GE(stops, 3);  // 48 steps, 11 at a time, in two stages
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
}

TEST(Resume, AnotherRunsCheckpointIsRefused) {
  const Scratch s;
  ASSERT_EQ(train(s, "a.safetensors", with_checkpoint(s)).exit_code, 0);
  const Outcome o = train(s, "b.safetensors", joined(with_checkpoint(s), {"--lr", "0.01"}));
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_NE(o.err.find("the checkpoint belongs to a run with other options"), std::string::npos) << o.err;
  EXPECT_EQ(s.read("b.safetensors"), "");
}

}  // namespace
}  // namespace bitline::cli
