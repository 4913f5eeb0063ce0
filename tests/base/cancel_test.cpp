#include "bitline/base/cancel.h"

#include <gtest/gtest.h>

#include "bitline/base/context.h"
#include "bitline/base/cpu.h"
#include "bitline/base/error.h"

namespace bitline {
namespace {

TEST(Cancel, AContextStopsOnlyAfterTheRequest) {
  CancelToken token;
  Context context;
  context.cancel = &token;
  EXPECT_NO_THROW(context.check_cancelled());
  token.request();
  try {
    context.check_cancelled();
    FAIL() << "not stopped";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled);
  }
}

TEST(Cancel, AContextWithoutTokenNeverStops) {
  EXPECT_NO_THROW(Context{}.check_cancelled());
}

TEST(Cpu, FeaturesAreConsistent) {
  const CpuFeatures& f = cpu_features();
  EXPECT_TRUE(!f.avx512_vnni || f.avx512);
  EXPECT_TRUE(!f.avx512 || f.avx2);
  EXPECT_EQ(f.text().find("avx2") != std::string::npos, f.avx2);
  EXPECT_GE(hardware_threads(), 1);
}

}  // namespace
}  // namespace bitline
