#include "bitline/train/fake_quantize.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "bitline/quant/scale.h"
#include "bitline/train/bfloat16.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::size_t kBlock = 8192;  // bfloat16 values that are floats at a time

struct Capsule : torch::CustomClassHolder {
  explicit Capsule(FakeGroups g) : groups(std::move(g)) {}
  FakeGroups groups;
};

struct Range {
  std::size_t first, count;
};

template <class T>
std::span<T> values(const Tensor& x) {
  return {x.data_ptr<T>(), static_cast<std::size_t>(x.numel())};
}

bool is_narrow(const Tensor& x) {
  return x.scalar_type() == torch::kBFloat16;
}

// Part of a tensor as floats: in place, or, of bfloat16, in memory of its own.
class Part {
 public:
  explicit Part(const Tensor& x) : x_(x) {}

  std::span<const float> read(const Range& r) {
    const std::span<float> out = place(r);
    if (is_narrow(x_)) widen(values<at::BFloat16>(x_).subspan(r.first, r.count), out);
    return out;
  }

  std::span<float> place(const Range& r) {
    if (!is_narrow(x_)) return values<float>(x_).subspan(r.first, r.count);
    buffer_.resize(r.count);
    return buffer_;
  }

  void write_back(const Range& r) {  // what place() gave
    if (is_narrow(x_)) narrow(buffer_, values<at::BFloat16>(x_).subspan(r.first, r.count));
  }

 private:
  const Tensor& x_;
  std::vector<float> buffer_;
};

// Calls visit(range, group) along the groups of x: a whole group at once, or block by block of bfloat16.
template <class Visit>
void for_each_part(const Tensor& x, const FakeGroups& groups, const Visit& visit) {
  const std::size_t size = static_cast<std::size_t>(x.numel()) / groups.scales.size();
  const std::size_t block = is_narrow(x) ? kBlock : size;
  quant::ScaledGroup group = groups.group;
  for (std::size_t i = 0; i < groups.scales.size(); ++i) {
    group.scale = groups.scales[i];
    for (std::size_t begin = 0; begin < size; begin += block)
      visit(Range{i * size + begin, std::min(block, size - begin)}, i, group);
  }
}

torch::MemoryFormat layout(const Tensor& x, const FakeGroups& groups) {
  return groups.scales.size() == 1 ? x.suggest_memory_format() : torch::MemoryFormat::Contiguous;
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor&, const Tensor&,
                        const c10::intrusive_ptr<Capsule>& capsule) {
    const FakeGroups& groups = capsule->groups;
    const Tensor dense = x.contiguous(layout(x, groups));
    Tensor y = torch::empty_like(dense);
    Part in(dense), out(y);
    for_each_part(dense, groups, [&](const Range& r, std::size_t, const quant::ScaledGroup& group) {
      quant::quantize(in.read(r), group, out.place(r));
      out.write_back(r);
    });
    context->save_for_backward({dense});
    context->saved_data["groups"] = c10::IValue::make_capsule(capsule);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const auto capsule =
        c10::static_intrusive_pointer_cast<Capsule>(context->saved_data["groups"].toCapsule());
    const FakeGroups& groups = capsule->groups;
    const Tensor x = context->get_saved_variables()[0], dy = upstream[0].contiguous(layout(x, groups));
    Tensor dx = torch::empty_like(x);
    Part in(x), up(dy), down(dx);
    std::vector<double> ds(groups.scales.size(), 0.0);
    double offset = 0.0;
    for_each_part(x, groups, [&](const Range& r, std::size_t i, const quant::ScaledGroup& group) {
      const std::span<const float> part = in.read(r);
      const std::span<float> out = down.place(r);
      const quant::GroupGradient task = quant::quantize_backward(part, up.read(r), group, out);
      const quant::GroupGradient penalty = quant::add_penalty(part, group, x.numel(), out);
      down.write_back(r);
      ds[i] += task.scale + penalty.scale;
      offset += task.offset + penalty.offset;
    });
    std::vector<float> du(ds.size());
    quant::positive_scales_backward(values<float>(groups.s0), values<float>(groups.u.detach()), ds,
                                    static_cast<float>(groups.gain), du);
    const Tensor doffset = groups.offset.defined()
                               ? to_torch(std::vector<float>{static_cast<float>(offset * groups.gain)})
                               : Tensor();
    return {dx, to_torch(du), doffset, Tensor()};
  }
};

}  // namespace

Tensor fake_quantize(const Tensor& x, FakeGroups groups) {
  const Tensor u = groups.u, offset = groups.offset.defined() ? groups.offset : torch::empty({0});
  return FakeQuantize::apply(x, u, offset, c10::make_intrusive<Capsule>(std::move(groups)));
}

}  // namespace bitline::train
