#include "bitline/report/result_files.h"

#include <limits>

#include "base/error_of.h"
#include "io/faulty_filesystem.h"
#include "io/scratch_folder.h"
#include "sample_record.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/base/hash.h"
#include "bitline/io/atomic_file.h"
#include "bitline/report/json.h"

namespace bitline::report {
namespace {

using io::FaultyFileSystem;
using io::posix;
using io::ScratchFolder;
using testing::UnorderedElementsAre;

Manifest sample_manifest() {
  return {"0.1.0",
          "bitline eval m.onnx",
          7,
          2,
          "avx2 fma",
          {{"m.onnx", "00000000000000ff"}},
          {{"why", "a test"}},
          "2024-05-01T10:00:00Z",
          1.5};
}

std::string text_of(const ScratchFolder& folder, const std::string& name) {
  return io::read_text(posix(), folder / name);
}

TEST(WriteResult, TheRecordCanBeReadAgainAndTheManifestTellsItsOrigin) {
  const ScratchFolder folder;
  write_result(posix(), folder / "new/folder", sample_record(), sample_manifest());
  const std::string result = text_of(folder, "new/folder/result.json");
  const result::Record again = record_from_json(io::parse_json(result, "result.json"));
  EXPECT_EQ(to_json(again).dump(), to_json(sample_record()).dump());
  const io::Json manifest = io::parse_json(text_of(folder, "new/folder/manifest.json"), "manifest.json");
  EXPECT_EQ(
      manifest.dump(-1),
      R"({"version":"0.1.0","command_line":"bitline eval m.onnx","seed":7,"threads":2,"cpu":"avx2 fma",)"
      R"("inputs":{"m.onnx":"00000000000000ff"},"notes":{"why":"a test"},)"
      R"("started_utc":"2024-05-01T10:00:00Z","seconds":1.5,"result_hash":")" +
          hash_text(hash_bytes(result)) + "\"}");
}

TEST(WriteResult, ASeedBeyondJsonIntegersIsText) {
  Manifest manifest;
  manifest.seed = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(to_json(manifest).at("seed").as_text(), "18446744073709551615");
  manifest.seed = manifest.seed >> 1;
  EXPECT_EQ(to_json(manifest).at("seed").as_int(), std::numeric_limits<std::int64_t>::max());
}

TEST(WriteResult, ARecordThatCannotBePrintedTouchesNothing) {
  const ScratchFolder folder;
  result::Record record = sample_record();
  record.add("top1", 1.0);
  error_of([&] { write_result(posix(), folder.path(), record, {}); }, ErrorCode::kInternal);
  EXPECT_TRUE(folder.names().empty());
}

struct Pair {
  std::string result, manifest;
  bool operator==(const Pair&) const = default;
};

Pair pair_in(const ScratchFolder& folder) {
  return {text_of(folder, "result.json"), text_of(folder, "manifest.json")};
}

Pair written_pair(const result::Record& record) {
  const ScratchFolder folder;
  write_result(posix(), folder.path(), record, sample_manifest());
  return pair_in(folder);
}

// Fault at the k-th call for each k there is: every file is whole, and the pair is the old one until the
// first rename to a final name, the new one after the second.
class OneFault : public testing::TestWithParam<bool> {};

TEST_P(OneFault, LeavesTheOldPairUntilTheNewOneIsOnDisk) {
  const Pair old_pair = written_pair(sample_record());
  result::Record changed = sample_record();
  changed.title = "a new title";
  const Pair new_pair = written_pair(changed);
  int renames_before_fault = 0, old_left = 0, torn = 0, call = 1;
  for (bool failed = true; failed; ++call) {
    SCOPED_TRACE("fault at call " + std::to_string(call));
    const ScratchFolder folder;
    write_result(posix(), folder.path(), sample_record(), sample_manifest());
    FaultyFileSystem faulty(posix(), {call, GetParam(), false});
    failed = false;
    try {
      write_result(faulty, folder.path(), changed, sample_manifest());
    } catch (const Error& e) {
      failed = true;
      EXPECT_EQ(e.message(), "fault on purpose in " + faulty.failed_call());
    }
    renames_before_fault += faulty.failed_call() == "rename";
    const Pair now = pair_in(folder);
    EXPECT_THAT(folder.names(), UnorderedElementsAre("result.json", "manifest.json"));
    // Two renames stage the files, the third and the fourth give them their names.
    if (renames_before_fault < 3 || (renames_before_fault == 3 && now == old_pair)) {
      EXPECT_EQ(now, old_pair);
      ++old_left;
    } else if (renames_before_fault == 4 && faulty.failed_call() == "rename") {
      EXPECT_EQ(now, (Pair{new_pair.result, old_pair.manifest}));
      EXPECT_EQ(now.manifest.find(hash_text(hash_bytes(now.result))), std::string::npos) << "the tear shows";
      ++torn;
    } else {
      EXPECT_EQ(now, new_pair);
    }
  }
  EXPECT_EQ(renames_before_fault, 4);
  EXPECT_EQ(torn, 1) << "only between the two last renames";
  EXPECT_EQ(old_left, 15) << "two times seven calls to stage, and the first rename";
  EXPECT_EQ(call, 19) << "seventeen calls fail, the eighteenth round goes through";
}

INSTANTIATE_TEST_SUITE_P(WholeAndHalfWrites, OneFault, testing::Bool());

TEST(FileHash, IsTheHashOfTheContent) {
  const ScratchFolder folder;
  io::write_atomically(posix(), folder / "input", "content");
  EXPECT_EQ(file_hash(posix(), folder / "input"), hash_text(hash_bytes("content")));
  const std::string error = error_of([&] { file_hash(posix(), folder / "inptu"); });
  EXPECT_NE(error.find("did you mean 'input'?"), std::string::npos) << error;
}

}  // namespace
}  // namespace bitline::report
