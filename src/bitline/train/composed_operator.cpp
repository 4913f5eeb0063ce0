// The CIM operator written with LibTorch operators. Straight-through estimates by detaching, so autograd
// derives every gradient on its own: this is what the fused operator is checked against. The converters are
// differentiated for given sums; activations and weights through the product that follows each tile, with
// value zero (train/cim_gradient.h says why).
#include "bitline/quant/adc.h"
#include "bitline/quant/encoding.h"
#include "bitline/quant/scale.h"
#include "bitline/train/cim_operator.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using torch::indexing::Slice;

Tensor with_gain(const Tensor& x, const Tensor& gain) {  // value of x, gradient times gain
  const Tensor scaled = x * gain;
  return x.detach() + (scaled - scaled.detach());
}

// s0 * exp(u / s0) in LibTorch; the value is replaced by the library's own so that both agree to the last
// bit.
Tensor positive(const Tensor& s0, const Tensor& u, const Tensor& gain, bool power_of_two = false) {
  const Tensor finite = torch::nan_to_num(u);
  const Tensor soft =
      s0 * torch::exp(torch::clamp(with_gain(finite, gain) / s0, -quant::kMaxLog, quant::kMaxLog));
  const Tensor value = to_torch(scales_of(s0, u, power_of_two)).to(s0.device());
  return value + (soft - soft.detach());
}

Tensor round_through(const Tensor& v) {
  return torch::round(v).detach() + (v - v.detach());
}

struct SavedRounding : torch::CustomClassHolder {
  quant::Rounding rounding;
};

// round(v), with a surrogate's slope.
class RoundWithSlope : public torch::autograd::Function<RoundWithSlope> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& v,
                        const c10::intrusive_ptr<SavedRounding>& saved) {
    const Tensor code = torch::round(v);
    context->save_for_backward({v, code});
    context->saved_data["rounding"] = c10::IValue::make_capsule(saved);
    return code;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& upstream) {
    const auto saved =
        c10::static_intrusive_pointer_cast<SavedRounding>(context->saved_data["rounding"].toCapsule());
    const torch::autograd::variable_list tensors = context->get_saved_variables();
    const std::vector<float> v = to_floats(tensors[0]), code = to_floats(tensors[1]),
                             g = to_floats(upstream[0]);
    std::vector<float> slopes(v.size());
    quant::rounding_slopes(saved->rounding, {v.data(), code.data(), g.data(), v.size()}, slopes.data());
    return {upstream[0] * to_torch(slopes).view_as(upstream[0]).to(upstream[0].device()), Tensor()};
  }
};

Tensor rounded(const Tensor& v, const quant::Rounding& rounding) {
  if (rounding.straight_through()) return round_through(v);
  auto saved = c10::make_intrusive<SavedRounding>();
  saved->rounding = rounding;
  return RoundWithSlope::apply(v, saved);
}

Tensor slopes_of(const Tensor& v, const Tensor& upstream, const quant::Rounding& rounding) {
  if (rounding.straight_through()) return torch::ones_like(v);
  const std::vector<float> values = to_floats(v), code = to_floats(torch::round(v)), g = to_floats(upstream);
  std::vector<float> slopes(values.size());
  quant::rounding_slopes(rounding, {values.data(), code.data(), g.data(), values.size()}, slopes.data());
  return to_torch(slopes).view_as(v).to(v.device());
}

// The converters of one row tile, by slice: where their sums lie.
struct Converted : torch::CustomClassHolder {
  quant::AdcSlopes slopes;
  double share = 1.0;  // of one converter in the gate
  std::vector<Tensor> clipped, inside;
};

// Zero, with the gradient gate * dy of `product`: the gate is the mean slope of the converters, and a slope
// may depend on the sign of dy.
class ZeroThroughGate : public torch::autograd::Function<ZeroThroughGate> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& product,
                        const c10::intrusive_ptr<Converted>& converted) {
    context->saved_data["converted"] = c10::IValue::make_capsule(converted);
    return torch::zeros_like(product);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& upstream) {
    const auto converted =
        c10::static_intrusive_pointer_cast<Converted>(context->saved_data["converted"].toCapsule());
    if (converted->clipped.empty()) return {upstream[0], Tensor()};  // ideal converters pass everything on
    Tensor gate = torch::zeros_like(upstream[0]);
    for (std::size_t i = 0; i < converted->clipped.size(); ++i) {
      const Tensor& inside = converted->inside[i];
      const Tensor slopes = slopes_of(converted->clipped[i], upstream[0], converted->slopes.rounding);
      gate.add_(inside * slopes, converted->share);
      if (converted->slopes.pass_clipped) gate.add_(1.0 - inside, converted->share);
    }
    return {upstream[0] * gate, Tensor()};
  }
};

// y, with `loss` added to the loss of the network.
class WithLoss : public torch::autograd::Function<WithLoss> {
 public:
  static Tensor forward(torch::autograd::AutogradContext*, const Tensor& y, const Tensor&) {
    return y.clone();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 const torch::autograd::variable_list& upstream) {
    return {upstream[0], torch::ones({}, upstream[0].options())};
  }
};

bool is_penalized(const quant::Rounding& rounding) {
  return rounding.correction->place == quant::CorrectionPlace::kLoss;
}

// The sum of the squared distances of x from its codes, inside the range.
Tensor squared_errors(const Tensor& x, const Tensor& scale, const Tensor& offset,
                      const quant::CodeRange& range) {
  const Tensor v = (offset.defined() ? x - offset : x) / scale;
  const Tensor between = v.detach().gt(range.low).logical_and(v.detach().lt(range.high));
  return (v - torch::round(v).detach()).square().mul(between).sum();
}

// The code of x under a scale and an offset, which may be undefined; clipped values pass their gradient to x
// alone where asked. A value at a bound passes its gradient on like one inside, and moves the scale like one
// outside (quant/lsq.h).
Tensor code_through(const Tensor& x, const Tensor& scale, const Tensor& offset, const quant::CodeRange& range,
                    const quant::Rounding& rounding, bool pass_clipped) {
  const Tensor centred = offset.defined() ? x - offset : x;
  const Tensor place = centred.detach() / scale.detach();
  const Tensor between = place.gt(range.low).logical_and(place.lt(range.high));
  const Tensor v = centred / torch::where(between, scale, scale.detach());
  const Tensor code = rounded(torch::clamp(v, range.low, range.high), rounding);
  if (!pass_clipped) return code;
  const Tensor outside = v.detach().lt(range.low).logical_or(v.detach().gt(range.high)).to(torch::kFloat32);
  const Tensor passed = x / scale.detach();
  return code + (passed - passed.detach()) * outside;
}

// Integer digit of a code with the slope of an equal share (quant/slicing.h).
Tensor digit_through(const Tensor& code, const Tensor& digit, const quant::BitSlice& slice,
                     std::size_t slices) {
  return digit.detach() + (code - code.detach()) * quant::digit_slope(slice, static_cast<int>(slices));
}

Tensor digits_of(const Tensor& code, const quant::BitSlice& slice,
                 int (*digit)(int, const quant::BitSlice&)) {
  const Tensor host = code.detach().to(torch::kCPU).contiguous().clone();
  float* values = host.data_ptr<float>();
  for (std::int64_t i = 0; i < host.numel(); ++i)
    values[i] = static_cast<float>(digit(static_cast<int>(values[i]), slice));
  return host.to(code.device());
}

class Composer {
 public:
  Composer(const CimSpec& spec, const CimTensors& tensors)
      : spec_(spec),
        t_(tensors),
        tiling_(mapping::tile_layer(spec.shape, spec.config, spec.name)),
        encoding_(quant::weight_encoding(spec.config.encoding)),
        weight_slices_(encoding_.slices(spec.config.weight_bits, spec.config.cell_bits)),
        roundings_(current_roundings(spec)) {
    const int bits = spec.config.activation_bits;
    const int cycle = spec.config.dac_bits == 0 ? bits : std::min(bits, spec.config.dac_bits);
    input_slices_ =
        spec.activation_signed ? quant::slice_signed(bits, cycle) : quant::slice_unsigned(bits, cycle);
    activation_scale_ = positive(t_.activation_s0, t_.activation_u, torch::tensor(t_.activation_gain),
                                 spec.quantizers.activations.power_of_two);
    weight_scale_ = positive(t_.weight_s0, t_.weight_u, torch::tensor(t_.weight_gain),
                             spec.quantizers.weights.power_of_two);
    for (int t = 0; t < tiling_.grid.tiles; ++t) quantized_.push_back(quantized_weight(t));
    if (t_.activation_offset.defined())
      offset_ = with_gain(t_.activation_offset, torch::tensor(t_.activation_gain));
    if (ideal()) return;
    Tensor gain = torch::tensor(t_.psum_gain);
    if (!t_.slice_gain.empty()) gain = gain * to_torch(t_.slice_gain).to(t_.centre.device());
    step_ = positive(t_.step_s0, t_.step_u, gain, spec.quantizers.psums.power_of_two);
    centre_ = with_gain(t_.centre, gain);
  }

  Tensor run(const Tensor& x, sim::LayerTrace* trace) {
    const quant::CodeRange range = spec_.activation_signed
                                       ? quant::signed_range(spec_.config.activation_bits)
                                       : quant::unsigned_range(spec_.config.activation_bits);
    const Tensor image = x.dim() == 2 ? x.unsqueeze(2).unsqueeze(3) : x;
    const ir::Window& w = spec_.shape.window;
    const Tensor padded =
        torch::constant_pad_nd(image, {w.pad_begin[1], w.pad_end[1], w.pad_begin[0], w.pad_end[0]});
    const Tensor codes = code_through(padded, activation_scale_, offset_, range, roundings_.activations,
                                      roundings_.pass_activations);
    if (trace != nullptr)
      trace->input_codes = to_floats(codes.slice(2, w.pad_begin[0], w.pad_begin[0] + image.size(2))
                                         .slice(3, w.pad_begin[1], w.pad_begin[1] + image.size(3)));
    std::vector<Tensor> kept;
    Tensor y = accumulate(codes, trace == nullptr ? nullptr : &kept);
    if (trace == nullptr) y = penalized(y, offset_.defined() ? padded : image, range);
    if (trace != nullptr) trace->adc_codes = to_floats(torch::stack(kept, 1).permute({0, 3, 4, 1, 2}));
    return x.dim() == 2 ? y.squeeze(3).squeeze(2) : y;
  }

 private:
  bool ideal() const { return spec_.config.adc_levels == quant::kIdealAdc; }

  // Values of a scale vector for the outputs of one (tile, slice).
  Tensor pick(const Tensor& scales, const quant::GroupMap& map, int tile, int slice) const {
    std::vector<std::int64_t> index;
    for (int o = 0; o < tiling_.grid.outputs; ++o) index.push_back(map.group(tile, slice, o));
    return scales.index_select(0, torch::tensor(index).to(scales.device()));
  }

  Tensor accumulate(const Tensor& codes, std::vector<Tensor>* kept) {
    Tensor y = base().view({1, -1, 1, 1});
    for (int t = 0; t < tiling_.grid.tiles; ++t) {
      auto converted = c10::make_intrusive<Converted>();
      converted->slopes = roundings_.psums;
      converted->share = 1.0 / static_cast<double>(weight_slices_.size() * input_slices_.size());
      for (const quant::BitSlice& cycle : input_slices_) {
        const Tensor digits = digits_of(codes, cycle, quant::slice_digit);
        for (int j = 0; j < tiling_.grid.slices; ++j) {
          const Tensor code = convert(convolve(digits, cells(t, j).detach(), t), t, j, *converted, kept);
          y = y + (column_weight(t, j) * std::ldexp(1.0f, cycle.shift)).view({1, -1, 1, 1}) * code;
        }
      }
      const Tensor product = convolve(codes * activation_scale_, quantized_[static_cast<std::size_t>(t)], t);
      y = y + ZeroThroughGate::apply(product, converted);
    }
    return y;
  }

  Slice channels(int tile) const {
    const mapping::RowTile& rows = tiling_.tiles[static_cast<std::size_t>(tile)];
    return {rows.first_channel, rows.first_channel + rows.channels};
  }

  Tensor weight_scale(int tile, int slice) const {
    return pick(weight_scale_, weight_groups(tiling_, spec_.config), tile, slice).view({-1, 1, 1, 1});
  }

  // Reading 3 of MDE, of the inputs and of all cells.
  Tensor penalized(const Tensor& y, const Tensor& inputs, const quant::CodeRange& range) const {
    Tensor out = y;
    if (is_penalized(roundings_.activations)) {
      const Tensor errors = squared_errors(inputs, activation_scale_, offset_, range);
      out = WithLoss::apply(out, errors * (roundings_.activations.amount / double(inputs.numel())));
    }
    if (!is_penalized(roundings_.weights)) return out;
    const double share = roundings_.weights.amount / double(t_.weight.numel() * tiling_.grid.slices);
    for (int t = 0; t < tiling_.grid.tiles; ++t) {
      for (int j = 0; j < tiling_.grid.slices; ++j) {
        const Tensor errors =
            squared_errors(tile_weight(t), weight_scale(t, j), Tensor(), quant::weight_range(spec_.config));
        out = WithLoss::apply(out, errors * share);
      }
    }
    return out;
  }

  Tensor tile_weight(int tile) const {  // [O, tile channels, kh, kw]
    const mapping::LayerShape& shape = spec_.shape;
    return t_.weight
        .view({shape.out_channels, shape.group_inputs(), shape.window.kernel[0], shape.window.kernel[1]})
        .index({Slice(), channels(tile)});
  }

  // Digits of one slice in one row tile: [O, tile channels, kh, kw].
  Tensor cells(int tile, int slice) const {
    const quant::CodeRange range = quant::weight_range(spec_.config);
    const Tensor code = code_through(tile_weight(tile), weight_scale(tile, slice), Tensor(), range,
                                     roundings_.weights, roundings_.pass_weights);
    const quant::BitSlice& bits = weight_slices_[static_cast<std::size_t>(slice)];
    return digit_through(code, digits_of(code, bits, encoding_.digit), bits, weight_slices_.size());
  }

  Tensor quantized_weight(int tile) const {
    Tensor sum;
    for (int j = 0; j < tiling_.grid.slices; ++j) {
      const float shift = std::ldexp(1.0f, weight_slices_[static_cast<std::size_t>(j)].shift);
      const Tensor part = cells(tile, j) * weight_scale(tile, j) * shift;
      sum = sum.defined() ? sum + part : part;
    }
    return sum;
  }

  // What reaches row tile `tile` of the padded inputs, times `weight`.
  Tensor convolve(const Tensor& inputs, const Tensor& weight, int tile) const {
    const mapping::LayerShape& shape = spec_.shape;
    const std::int64_t rows = tiling_.tiles[static_cast<std::size_t>(tile)].channels;
    const ir::Window& w = shape.window;
    const Tensor grouped =
        inputs.reshape({inputs.size(0), shape.groups, shape.group_inputs(), inputs.size(2), inputs.size(3)})
            .index({Slice(), Slice(), channels(tile)})
            .reshape({inputs.size(0), shape.groups * rows, inputs.size(2), inputs.size(3)});
    return torch::conv2d(grouped, weight, {}, w.stride, std::vector<std::int64_t>{0, 0}, w.dilation,
                         shape.groups);
  }

  // The converter's code for given sums.
  Tensor convert(const Tensor& psum, int tile, int slice, Converted& converted, std::vector<Tensor>* kept) {
    if (ideal()) {
      if (kept != nullptr) kept->push_back(psum);
      return psum;
    }
    const quant::GroupMap groups = psum_groups(tiling_, spec_.config);
    const Tensor step = pick(step_, groups, tile, slice);
    const float top = static_cast<float>(spec_.config.adc_levels - 1);
    const Tensor gain = unit(tile, slice).detach() / step;
    const Tensor offset = 0.5f * top - pick(centre_, groups, tile, slice) / step;
    const Tensor v = psum * gain.view({1, -1, 1, 1}) + offset.view({1, -1, 1, 1});
    const Tensor clipped = torch::clamp(v, 0.0f, top);
    converted.clipped.push_back(clipped.detach());
    converted.inside.push_back(v.detach().ge(0.0f).logical_and(v.detach().le(top)).to(torch::kFloat32));
    const Tensor code = rounded(clipped, roundings_.psums.rounding);
    if (kept != nullptr) kept->push_back(code.detach());
    return code;
  }

  Tensor unit(int tile, int slice) const {
    return activation_scale_ * pick(weight_scale_, weight_groups(tiling_, spec_.config), tile, slice);
  }

  Tensor column_weight(int tile, int slice) const {
    const float shift = std::ldexp(1.0f, weight_slices_[static_cast<std::size_t>(slice)].shift);
    if (ideal()) return unit(tile, slice).detach() * shift;
    return pick(step_, psum_groups(tiling_, spec_.config), tile, slice) * shift;
  }

  // Bias and the constants of the converters' windows, summed in double as the integer program does.
  Tensor base() {
    Tensor sum = torch::zeros({tiling_.grid.outputs}, t_.weight.options().dtype(torch::kFloat64));
    if (t_.bias.defined()) sum = sum + t_.bias.to(torch::kFloat64);
    if (ideal()) return with_offset(sum.to(torch::kFloat32));
    double input_weight = 0.0;
    for (const quant::BitSlice& cycle : input_slices_) input_weight += std::ldexp(1.0, cycle.shift);
    const float middle = 0.5f * static_cast<float>(spec_.config.adc_levels - 1);
    const quant::GroupMap groups = psum_groups(tiling_, spec_.config);
    for (int t = 0; t < tiling_.grid.tiles; ++t) {
      for (int j = 0; j < tiling_.grid.slices; ++j) {
        const float shift = std::ldexp(1.0f, weight_slices_[static_cast<std::size_t>(j)].shift);
        const Tensor constant = (pick(centre_, groups, t, j) - pick(step_, groups, t, j) * middle) * shift;
        sum = sum + constant.to(torch::kFloat64) * input_weight;
      }
    }
    return with_offset(sum.to(torch::kFloat32));
  }

  // Adds the constant of the activations' offset; the value is that of the integer program.
  Tensor with_offset(const Tensor& base) const {
    if (!offset_.defined()) return base;
    Tensor weights;
    for (const Tensor& tile : quantized_) {
      const Tensor part = tile.sum({1, 2, 3});
      weights = weights.defined() ? weights + part : part;
    }
    const Tensor soft = base + offset_ * weights;
    const std::vector<float> weight = to_floats(t_.weight),
                             bias = t_.bias.defined() ? to_floats(t_.bias) : std::vector<float>{};
    const Tensor value =
        to_torch(sim::compile_layer(spec_.name, spec_.shape, weight, bias, current_layer(spec_, t_)).base);
    return value.to(base.device()) + (soft - soft.detach());
  }

  const CimSpec& spec_;
  const CimTensors& t_;
  mapping::LayerTiling tiling_;
  const quant::WeightEncoding& encoding_;
  std::vector<quant::BitSlice> weight_slices_, input_slices_;
  Roundings roundings_;
  Tensor activation_scale_, offset_, weight_scale_, step_, centre_;
  std::vector<Tensor> quantized_;  // weights of each row tile; one place each, so that gradients join there
};

}  // namespace

Tensor composed_cim(const CimSpec& spec, const CimTensors& tensors, const Tensor& x, sim::LayerTrace* trace) {
  return Composer(spec, tensors).run(x, trace);
}

}  // namespace bitline::train
