// The user's request to stop: SIGINT and SIGTERM, taken by a thread of their own.
//
// A signal handler would not do. It runs on the stack of the thread that the signal finds, and kernels that
// are generated at run time (oneDNN's convolutions for AVX-512) use the stack pointer as one more register:
// the frame would be written into the tensor or the heap that it points to.
#pragma once

#include "bitline/base/cancel.h"

namespace bitline::app {

// What a first SIGINT or SIGTERM requests.
CancelToken& interrupt_token();

// To be called once, before any other thread starts: they inherit that the signals are not for them. A signal
// that the parent told the program to ignore stays ignored. A second SIGINT, a second or more after the
// first, ends the program at once, as a shell's user expects of a step that does not look at the token.
void watch_interrupts();

}  // namespace bitline::app
