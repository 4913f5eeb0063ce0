// A request to stop that long-running steps look at between units of work.
#pragma once

#include <atomic>

namespace bitline {

class CancelToken {
 public:
  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }  // async-signal-safe
  bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }
  void throw_if_requested() const;  // Error{kCancelled}

 private:
  std::atomic<bool> requested_{false};
};

}  // namespace bitline
