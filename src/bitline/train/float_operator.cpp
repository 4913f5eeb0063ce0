#include "bitline/train/float_operator.h"

#include "bitline/base/error.h"
#include "bitline/train/convolution.h"
#include "bitline/train/fake_quantize.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

FakeGroups activation_groups(const CimTensors& t, const quant::CimLayer& layer, const Roundings& roundings) {
  return {{layer.activation_scale},
          t.activation_s0,
          t.activation_u,
          t.activation_gain,
          t.activation_offset,
          {1.0f, layer.activation_offset, quant::activation_range(layer), roundings.activations,
           roundings.pass_activations, roundings.learns_offset}};
}

FakeGroups weight_groups(const CimSpec& spec, const CimTensors& t, const quant::CimLayer& layer,
                         const Roundings& roundings) {
  return {layer.weight_scale,
          t.weight_s0,
          t.weight_u,
          t.weight_gain,
          Tensor(),
          {1.0f, 0.0f, quant::weight_range(spec.config), roundings.weights, roundings.pass_weights}};
}

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
  const Roundings roundings = current_roundings(spec);
  const ir::Window& w = spec.shape.window;
  // With an offset padding is quantized like any other zero, as on the array (sim/layer_program.h).
  const bool pads_first = t.activation_offset.defined() && x.dim() == 4;
  const auto padded = [&w](const Tensor& image) {
    return torch::constant_pad_nd(image, {w.pad_begin[1], w.pad_end[1], w.pad_begin[0], w.pad_end[0]});
  };
  const Tensor xq = fake_quantize(pads_first ? padded(x) : x, activation_groups(t, layer, roundings));
  const Tensor wq = fake_quantize(t.weight, weight_groups(spec, t, layer, roundings));
  if (x.dim() == 2) return torch::linear(xq.to(torch::kFloat32), wq.view({wq.size(0), -1}), t.bias);
  const bool even = !pads_first && w.pad_begin == w.pad_end;
  const Tensor kernel = wq.dim() == 4 ? wq : wq.view({wq.size(0), -1, 1, 1});
  const ConvolutionWindow window{w.stride, even ? w.pad_begin : std::array<std::int64_t, 2>{0, 0}, w.dilation,
                                 spec.shape.groups};
  return convolve(even || pads_first ? xq : padded(xq), kernel, t.bias, window, spec.compute);
}

}  // namespace bitline::train
