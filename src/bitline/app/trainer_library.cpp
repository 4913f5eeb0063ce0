#include "bitline/app/trainer_library.h"

#include <cstdlib>

#include <dlfcn.h>

#include "bitline/base/error.h"

namespace bitline::app {

namespace {

constexpr const char* kLibrary = "libbitline_train.so";
constexpr const char* kEntry = "bitline_trainer";

[[noreturn]] void fail_to_load() {
  const char* reason = dlerror();
  unsupported("the training library cannot be loaded", {}, reason == nullptr ? kLibrary : reason);
}

}  // namespace

const train::Trainer& trainer() {
  static const train::Trainer* const loaded = [] {
    // Two thread pools, of LibTorch's BLAS and of OpenMP, would fight for the cores.
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    void* library = dlopen(kLibrary, RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) fail_to_load();
    void* entry = dlsym(library, kEntry);
    if (entry == nullptr) fail_to_load();
    return reinterpret_cast<const train::Trainer* (*)()>(entry)();
  }();
  return *loaded;
}

}  // namespace bitline::app
