#include "bitline/app/interrupt.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "bitline/base/error.h"

namespace bitline::app {

namespace {

using Clock = std::chrono::steady_clock;

constexpr Clock::duration kSecondThought = std::chrono::seconds(1);  // `timeout` sends its signal twice

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

[[noreturn]] void wait_for_signals(sigset_t signals) {
  Clock::time_point first{};
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (!interrupt_token().requested()) first = Clock::now();
    interrupt_token().request();
    if (signal == SIGINT && Clock::now() - first >= kSecondThought)
      std::_Exit(static_cast<int>(ErrorCode::kCancelled));
  }
}

}  // namespace

CancelToken& interrupt_token() {
  static CancelToken token;
  return token;
}

void watch_interrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM})
    if (!is_ignored(signal)) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(wait_for_signals, signals).detach();
}

}  // namespace bitline::app
