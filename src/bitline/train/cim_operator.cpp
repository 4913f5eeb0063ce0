#include "bitline/train/cim_operator.h"

#include <algorithm>
#include <memory>
#include <span>

#include "bitline/quant/scale.h"
#include "bitline/sim/kernel.h"
#include "bitline/train/cim_gradient.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::span<const float> view(const Tensor& t) {
  return {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())};
}

// What forward hands to backward.
struct Saved : torch::CustomClassHolder {
  CimSpec spec;
  CimTensors tensors;
  quant::CimLayer layer;
  std::unique_ptr<sim::LayerProgram> program;
  std::unique_ptr<sim::PreparedLayer> prepared;
  std::vector<quant::Code> codes;  // [image][H][W][C], see sim/wordlines.h
  sim::ImageSize input;
};

sim::ImageSize image_size(const Tensor& x) {
  return x.dim() == 2 ? sim::ImageSize{1, 1} : sim::ImageSize{x.size(2), x.size(3)};
}

std::vector<std::int64_t> output_sizes(const CimSpec& spec, const Tensor& x) {
  if (x.dim() == 2) return {x.size(0), spec.shape.out_channels};
  const sim::ImageSize out = sim::output_size(spec.shape, image_size(x));
  return {x.size(0), spec.shape.out_channels, out.height, out.width};
}

Tensor empty_last(const std::vector<std::int64_t>& sizes) {
  return torch::empty(
      sizes, torch::kFloat32,
      sizes.size() == 4 ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous);
}

Tensor scale_gradient(const Tensor& s0, const Tensor& u, const std::vector<double>& ds, double gain) {
  std::vector<float> du(ds.size());
  quant::positive_scales_backward(view(s0), view(u.detach()), ds, static_cast<float>(gain), du);
  return to_torch(du);
}

class FusedCim : public torch::autograd::Function<FusedCim> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                        const c10::intrusive_ptr<Saved>& saved) {
    const Tensor input = channels_last(x);
    const Tensor w = weight.contiguous();
    saved->layer = current_layer(saved->spec, saved->tensors);
    const std::span<const float> b = view(bias);
    saved->program = std::make_unique<sim::LayerProgram>(
        sim::compile_layer(saved->spec.name, saved->spec.shape, view(w), b, saved->layer));
    saved->prepared = sim::choose_kernel("auto", *saved->program).prepare(*saved->program);
    saved->input = image_size(x);
    saved->codes.resize(static_cast<std::size_t>(input.numel()));
    quant::lsq_codes(view(input), saved->program->activation_scale, saved->program->activation_range,
                     saved->codes, saved->program->activation_offset);
    Tensor y = empty_last(output_sizes(saved->spec, x));
    const auto in = static_cast<std::size_t>(input.numel() / input.size(0));
    const auto out = static_cast<std::size_t>(y.numel() / y.size(0));
    for (std::size_t n = 0; n < static_cast<std::size_t>(x.size(0)); ++n) {
      saved->prepared->run({std::span(saved->codes).subspan(n * in, in), saved->input},
                           {y.data_ptr<float>() + n * out, out});
    }
    context->save_for_backward({input, w});
    context->saved_data["saved"] = c10::IValue::make_capsule(saved);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const auto saved = c10::static_intrusive_pointer_cast<Saved>(context->saved_data["saved"].toCapsule());
    const variable_list tensors = context->get_saved_variables();
    const Tensor& x = tensors[0];
    const Tensor dy = channels_last(upstream[0]);
    Tensor dx = torch::empty_like(x);
    CimGradient gradient(*saved->program, *saved->prepared, saved->layer, view(tensors[1]),
                         current_roundings(saved->spec));
    gradient.add_images({view(x), saved->codes, view(dy), {dx.data_ptr<float>(), view(x).size()}, x.size(0)},
                        saved->input);
    return gather(*saved, gradient.finish(), dx, tensors[1]);
  }

 private:
  static variable_list gather(const Saved& saved, const LayerGradient& g, const Tensor& dx,
                              const Tensor& weight) {
    const CimTensors& t = saved.tensors;
    const Tensor dw = to_torch(g.weight).view_as(weight);
    const Tensor db = t.bias.defined() ? to_torch(g.bias) : Tensor();
    const Tensor da =
        scale_gradient(t.activation_s0, t.activation_u, {g.activation_scale}, t.activation_gain);
    const Tensor dws = scale_gradient(t.weight_s0, t.weight_u, g.weight_scale, t.weight_gain);
    Tensor offset;
    if (t.activation_offset.defined())
      offset = to_torch(std::vector<float>{static_cast<float>(g.activation_offset * t.activation_gain)});
    if (g.psum_step.empty()) return {dx, dw, db, da, dws, Tensor(), Tensor(), offset, Tensor()};
    std::vector<double> step = g.psum_step;
    std::vector<float> centre(g.psum_centre.begin(), g.psum_centre.end());
    for (std::size_t i = 0; i < t.slice_gain.size(); ++i) {
      step[i] *= static_cast<double>(t.slice_gain[i]);
      centre[i] *= t.slice_gain[i];
    }
    const Tensor dstep = scale_gradient(t.step_s0, t.step_u, step, t.psum_gain);
    return {dx, dw, db, da, dws, dstep, to_torch(centre) * t.psum_gain, offset, Tensor()};
  }
};

}  // namespace

Roundings current_roundings(const CimSpec& spec) {
  Roundings out = roundings_at(spec.quantizers, spec.progress);
  for (quant::Rounding* rounding : {&out.weights, &out.activations}) {
    if (rounding->correction->place == quant::CorrectionPlace::kLoss)
      rounding->amount *= static_cast<float>(spec.share);
  }
  return out;
}

std::vector<float> scales_of(const Tensor& s0, const Tensor& u, bool power_of_two) {
  const std::vector<float> a = to_floats(s0);
  const std::vector<float> b = to_floats(u);
  std::vector<float> out(a.size());
  quant::positive_scales(a, b, out);
  if (power_of_two) std::transform(out.begin(), out.end(), out.begin(), quant::power_of_two_scale);
  return out;
}

quant::CimLayer current_layer(const CimSpec& spec, const CimTensors& tensors) {
  quant::CimLayer layer;
  layer.config = spec.config;
  layer.activation_signed = spec.activation_signed;
  layer.activation_scale =
      scales_of(tensors.activation_s0, tensors.activation_u, spec.quantizers.activations.power_of_two)
          .front();
  if (tensors.activation_offset.defined())
    layer.activation_offset = to_floats(tensors.activation_offset).front();
  layer.weight_scale = scales_of(tensors.weight_s0, tensors.weight_u, spec.quantizers.weights.power_of_two);
  if (spec.config.adc_levels == quant::kIdealAdc) return layer;
  layer.psum_step = scales_of(tensors.step_s0, tensors.step_u, spec.quantizers.psums.power_of_two);
  layer.psum_centre = to_floats(tensors.centre);
  return layer;
}

Tensor fused_cim(const CimSpec& spec, const CimTensors& tensors, const Tensor& x) {
  auto saved = c10::make_intrusive<Saved>();
  saved->spec = spec;
  saved->tensors = tensors;
  const auto given = [](const Tensor& t) {
    return t.defined() ? t : torch::empty({0});
  };  // autograd wants tensors
  return FusedCim::apply(x, tensors.weight, given(tensors.bias), tensors.activation_u, tensors.weight_u,
                         given(tensors.step_u), given(tensors.centre), given(tensors.activation_offset),
                         saved);
}

}  // namespace bitline::train
