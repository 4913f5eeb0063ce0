#include "bitline/base/error.h"

#include <gtest/gtest.h>

namespace bitline {
namespace {

TEST(Error, OneLineHoldsPlaceMessageAndHint) {
  const Error error(ErrorCode::kBadInput, "expected 1 to 8", Where{"chip.yaml", 12, 7, {}},
                    "did you mean 'bits'?");
  EXPECT_STREQ(error.what(), "chip.yaml:12:7: expected 1 to 8 (did you mean 'bits'?)");
  EXPECT_EQ(error.code(), ErrorCode::kBadInput);
  EXPECT_EQ(error.message(), "expected 1 to 8");
  EXPECT_EQ(error.hint(), "did you mean 'bits'?");
  EXPECT_EQ(error.where().line, 12);
}

TEST(Error, WithoutPlaceOrHintOnlyTheMessage) {
  EXPECT_STREQ(Error(ErrorCode::kFailure, "disk full").what(), "disk full");
}

struct WhereCase {
  Where where;
  const char* text;
};

class WhereText : public testing::TestWithParam<WhereCase> {};

TEST_P(WhereText, HoldsTheKnownPartsOnly) {
  EXPECT_EQ(GetParam().where.text(), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Parts, WhereText,
                         testing::Values(WhereCase{{}, ""}, WhereCase{{"f", 0, 0, {}}, "f"},
                                         WhereCase{{"f", 3, 0, {}}, "f:3"},
                                         WhereCase{{"f", 3, 4, {}}, "f:3:4"}, WhereCase{{"f", 0, 4, {}}, "f"},
                                         WhereCase{{{}, 0, 0, "conv1"}, "node 'conv1'"},
                                         WhereCase{{"m.onnx", 0, 0, "conv1"}, "m.onnx: node 'conv1'"}));

ErrorCode code_thrown_by(void (*call)()) {
  try {
    call();
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::kFailure;
}

TEST(Error, EachDoorGivesItsOwnCode) {
  EXPECT_EQ(code_thrown_by([] { bad_input("x"); }), ErrorCode::kBadInput);
  EXPECT_EQ(code_thrown_by([] { unsupported("x"); }), ErrorCode::kUnsupported);
  EXPECT_EQ(code_thrown_by([] { BITLINE_CHECK(1 + 1 == 3); }), ErrorCode::kInternal);
}

TEST(Error, FailedCheckNamesConditionAndSource) {
  try {
    BITLINE_CHECK(2 < 1);
    FAIL() << "the check passed";
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "internal check failed: 2 < 1");
    EXPECT_NE(e.where().file.find("error_test.cpp"), std::string::npos);
    EXPECT_GT(e.where().line, 0);
  }
}

TEST(Error, PassedCheckIsSilent) {
  EXPECT_NO_THROW(BITLINE_CHECK(1 < 2));
}

}  // namespace
}  // namespace bitline
