#include "bitline/train/clip_bfloat16.h"

#include <span>

#include "bitline/base/wide.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Bits = std::uint16_t;  // of a bfloat16

Bits bits(double value) {
  return at::BFloat16(static_cast<float>(value)).x;
}

std::span<Bits> bits(const Tensor& x) {
  return {static_cast<Bits*>(x.data_ptr()), static_cast<std::size_t>(x.numel())};
}

BITLINE_WIDE void pass_within(std::span<const Bits> clipped, Bits low, Bits high,
                              std::span<const Bits> upstream, std::span<Bits> gradient) {
  for (std::size_t i = 0; i < gradient.size();
       ++i) {  // a mask, not a branch: signs of activations look random
    const int within = (clipped[i] != low) & (clipped[i] != high);
    gradient[i] = static_cast<Bits>(upstream[i] & -within);
  }
}

class Clip : public torch::autograd::Function<Clip> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, double low, double high) {
    const Tensor y = torch::hardtanh(x.contiguous(x.suggest_memory_format()), low, high);
    context->save_for_backward({y});
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const Tensor y = context->get_saved_variables()[0];
    const Tensor dy = upstream[0].contiguous(y.suggest_memory_format());
    Tensor dx = torch::empty_like(dy);
    pass_within(bits(y), bits(context->saved_data["low"].toDouble()),
                bits(context->saved_data["high"].toDouble()), bits(dy), bits(dx));
    return {dx, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor clip_bfloat16(const Tensor& x, float low, float high) {
  const auto nearest = [](float bound) {
    return static_cast<double>(static_cast<float>(at::BFloat16(bound)));
  };
  return Clip::apply(x, nearest(low), nearest(high));
}

}  // namespace bitline::train
