// What the operators that run on oneDNN share: the CPU engine, plain layouts, one thread a call.
#pragma once

#include <cstdint>

#include <oneapi/dnnl/dnnl.hpp>

#include "bitline/ir/tensor.h"

namespace bitline::ir {

const dnnl::engine& cpu_engine();

// oneDNN splits sums differently for different thread counts, so while this lives the calling thread uses
// one OpenMP thread. The setting belongs to the calling thread alone.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int previous_;
};

dnnl::memory::desc row_major(const Shape& shape);
dnnl::memory::desc any_layout(const Shape& shape);

// A view of our memory for oneDNN, which takes non-const pointers also for what it only reads.
dnnl::memory view(const dnnl::memory::desc& desc, const float* data);

// A tensor in the layout a primitive wants, for reading: the tensor itself, or a buffer it is copied into.
class Feed {
 public:
  Feed(const dnnl::memory::desc& ours, const dnnl::memory::desc& wanted);
  const dnnl::memory& load(const dnnl::stream& stream, const float* data);  // valid until the next load

 private:
  dnnl::memory outside_;
  dnnl::memory inside_;
  dnnl::reorder copy_;
  bool direct_;
};

// The same for writing: run the primitive into target(), then store().
class Drain {
 public:
  Drain(const dnnl::memory::desc& ours, const dnnl::memory::desc& wanted);
  const dnnl::memory& target(float* data);
  void store(const dnnl::stream& stream);

 private:
  dnnl::memory outside_;
  dnnl::memory inside_;
  dnnl::reorder copy_;
  bool direct_;
};

}  // namespace bitline::ir
