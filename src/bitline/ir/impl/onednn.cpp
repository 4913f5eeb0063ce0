#include "bitline/ir/impl/onednn.h"

#include <omp.h>

namespace bitline::ir {

namespace {

dnnl::memory::dims row_major_strides(const Shape& shape) {
  dnnl::memory::dims strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

dnnl::memory unbound(const dnnl::memory::desc& desc) {
  return {desc, cpu_engine(), nullptr};
}

}  // namespace

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

OneThread::OneThread() : previous_(omp_get_max_threads()) {
  omp_set_num_threads(1);
}

OneThread::~OneThread() {
  omp_set_num_threads(previous_);
}

dnnl::memory::desc row_major(const Shape& shape) {
  return {shape, dnnl::memory::data_type::f32, row_major_strides(shape)};
}

dnnl::memory::desc any_layout(const Shape& shape) {
  return {shape, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

dnnl::memory view(const dnnl::memory::desc& desc, const float* data) {
  return {desc, cpu_engine(), const_cast<float*>(data)};
}

Feed::Feed(const dnnl::memory::desc& ours, const dnnl::memory::desc& wanted)
    : outside_(unbound(ours)), direct_(ours == wanted) {
  if (direct_) return;
  inside_ = dnnl::memory(wanted, cpu_engine());
  copy_ = dnnl::reorder(outside_, inside_);
}

const dnnl::memory& Feed::load(const dnnl::stream& stream, const float* data) {
  outside_.set_data_handle(const_cast<float*>(data));
  if (direct_) return outside_;
  copy_.execute(stream, outside_, inside_);
  return inside_;
}

Drain::Drain(const dnnl::memory::desc& ours, const dnnl::memory::desc& wanted)
    : outside_(unbound(ours)), direct_(ours == wanted) {
  if (direct_) return;
  inside_ = dnnl::memory(wanted, cpu_engine());
  copy_ = dnnl::reorder(inside_, outside_);
}

const dnnl::memory& Drain::target(float* data) {
  outside_.set_data_handle(data);
  return direct_ ? outside_ : inside_;
}

void Drain::store(const dnnl::stream& stream) {
  if (!direct_) copy_.execute(stream, inside_, outside_);
}

}  // namespace bitline::ir
