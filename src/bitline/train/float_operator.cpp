#include "bitline/train/float_operator.h"

#include <memory>

#include "bitline/base/error.h"
#include "bitline/quant/scale.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One quantized tensor: group i holds values [i * size, (i + 1) * size) in memory.
struct Fake : torch::CustomClassHolder {
  std::vector<float> scales;
  Tensor s0, u;
  bool has_offset = false;
  double gain = 1.0;
  quant::ScaledGroup group;  // of each, but for its scale

  std::size_t size(const Tensor& x) const { return static_cast<std::size_t>(x.numel()) / scales.size(); }
};

// A single group takes the values in any order, so it keeps the layout that convolutions like.
torch::MemoryFormat layout(const Tensor& x, const Fake& fake) {
  return fake.scales.size() == 1 ? x.suggest_memory_format() : torch::MemoryFormat::Contiguous;
}

std::span<float> values(const Tensor& x) {
  return {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor&, const Tensor&,
                        const c10::intrusive_ptr<Fake>& fake) {
    const Tensor dense = x.contiguous(layout(x, *fake));
    Tensor y = torch::empty_like(dense);
    const std::size_t size = fake->size(dense);
    quant::ScaledGroup group = fake->group;
    for (std::size_t i = 0; i < fake->scales.size(); ++i) {
      group.scale = fake->scales[i];
      quant::quantize(values(dense).subspan(i * size, size), group, values(y).subspan(i * size, size));
    }
    context->save_for_backward({dense});
    context->saved_data["fake"] = c10::IValue::make_capsule(fake);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const auto fake = c10::static_intrusive_pointer_cast<Fake>(context->saved_data["fake"].toCapsule());
    const Tensor x = context->get_saved_variables()[0], dy = upstream[0].contiguous(layout(x, *fake));
    Tensor dx = torch::empty_like(x);
    const std::size_t size = fake->size(x);
    quant::ScaledGroup group = fake->group;
    std::vector<double> ds;
    double offset = 0.0;
    for (std::size_t i = 0; i < fake->scales.size(); ++i) {
      group.scale = fake->scales[i];
      const std::span<float> in = values(x).subspan(i * size, size), out = values(dx).subspan(i * size, size);
      const quant::GroupGradient task =
          quant::quantize_backward(in, values(dy).subspan(i * size, size), group, out);
      const quant::GroupGradient penalty = quant::add_penalty(in, group, x.numel(), out);
      ds.push_back(task.scale + penalty.scale);
      offset += task.offset + penalty.offset;
    }
    std::vector<float> du(ds.size());
    quant::positive_scales_backward(values(fake->s0), values(fake->u.detach()), ds,
                                    static_cast<float>(fake->gain), du);
    const Tensor doffset =
        fake->has_offset ? to_torch(std::vector<float>{static_cast<float>(offset * fake->gain)}) : Tensor();
    return {dx, to_torch(du), doffset, Tensor()};
  }
};

}  // namespace

void check_float_operator(const CimSpec& spec) {
  const quant::CimConfig& c = spec.config;
  const Where where{{}, 0, 0, spec.name};
  if (c.adc_levels != quant::kIdealAdc)
    unsupported("the float operator has no partial sums", where, "use an ideal ADC, as in W3A3Pideal");
  if (c.slice_scales)
    unsupported("the float operator has no slices with scales of their own", where,
                "leave --slice-scales out");
  if (quant::partition(c.weight_granularity).by_tile)
    unsupported("the float operator has weight scales for each layer or channel only", where,
                "use --granularity layer or channel");
}

Tensor float_cim(const CimSpec& spec, const CimTensors& t, const Tensor& x) {
  const quant::CimLayer layer = current_layer(spec, t);
  Roundings roundings = roundings_at(spec.quantizers, spec.progress);
  for (quant::Rounding* rounding : {&roundings.weights, &roundings.activations}) {
    if (rounding->correction->place == quant::CorrectionPlace::kLoss)  // a mean over the batch, not a shard
      rounding->amount *= static_cast<float>(spec.share);
  }
  const auto quantized = [](const Tensor& value, std::vector<float> scales, const Tensor& s0, const Tensor& u,
                            double gain, const Tensor& offset, const quant::ScaledGroup& group) {
    auto fake = c10::make_intrusive<Fake>();
    fake->scales = std::move(scales);
    fake->s0 = s0;
    fake->u = u;
    fake->gain = gain;
    fake->group = group;
    fake->has_offset = offset.defined();
    return FakeQuantize::apply(value, u, offset.defined() ? offset : torch::empty({0}), fake);
  };
  const ir::Window& w = spec.shape.window;
  // With an offset padding is quantized like any other zero, as on the array (sim/layer_program.h).
  const bool pads_first = t.activation_offset.defined() && x.dim() == 4;
  const auto padded = [&w](const Tensor& image) {
    return torch::constant_pad_nd(image, {w.pad_begin[1], w.pad_end[1], w.pad_begin[0], w.pad_end[0]});
  };
  const Tensor xq = quantized(pads_first ? padded(x) : x, {layer.activation_scale}, t.activation_s0,
                              t.activation_u, t.activation_gain, t.activation_offset,
                              {1.0f, layer.activation_offset, quant::activation_range(layer),
                               roundings.activations, roundings.pass_activations, roundings.learns_offset});
  const Tensor wq =
      quantized(t.weight, layer.weight_scale, t.weight_s0, t.weight_u, t.weight_gain, Tensor(),
                {1.0f, 0.0f, quant::weight_range(spec.config), roundings.weights, roundings.pass_weights});
  if (x.dim() == 2) return torch::linear(xq, wq.view({wq.size(0), -1}), t.bias);
  const bool even = !pads_first && w.pad_begin == w.pad_end;
  const Tensor kernel = wq.dim() == 4 ? wq : wq.view({wq.size(0), -1, 1, 1});
  return torch::conv2d(even || pads_first ? xq : padded(xq), kernel, t.bias, w.stride,
                       even ? w.pad_begin : std::array<std::int64_t, 2>{0, 0}, w.dilation, spec.shape.groups);
}

}  // namespace bitline::train
