// What every step of the pipeline is given besides its inputs: logger, cancel token, thread count, seed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "bitline/base/cancel.h"

namespace bitline {

enum class LogLevel { kDebug, kInfo, kWarning };

struct Context {
  std::function<void(LogLevel, std::string_view)> log = [](LogLevel, std::string_view) {};
  CancelToken* cancel = nullptr;  // may be null
  int threads = 1;
  std::uint64_t seed = 1;

  void check_cancelled() const {
    if (cancel != nullptr) cancel->throw_if_requested();
  }
};

}  // namespace bitline
