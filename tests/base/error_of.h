// The error a call throws, for tests that look at its text.
#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "bitline/base/error.h"

namespace bitline {

// The one line of the Error; fails the test when nothing is thrown or the code is another.
inline std::string error_of(const std::function<void()>& call, ErrorCode code = ErrorCode::kBadInput) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return {};
}

}  // namespace bitline
