#include "bitline/train/psum_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bitline/quant/lsq.h"
#include "bitline/sim/wordlines.h"
#include "bitline/train/scale_motion.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

constexpr std::int64_t kSeenImages = 2;   // of a shard
constexpr std::int64_t kSeenPixels = 32;  // of these images
constexpr double kGoldenShare = 0.6180339887498949;

// One partial sum as its converter sees it.
struct Psum {
  std::size_t group;    // of the converter
  float value;          // output units
  double significance;  // 2^shift of its slices, squared
};

// The layer with its steps and centres as they are now, and the activation codes of a few images.
class PsumSampler {
 public:
  PsumSampler(const CimSpec& spec, const CimTensors& tensors, const Tensor& x)
      : layer_(current_layer(spec, tensors)),
        program_(sim::compile_layer(spec.name, spec.shape, to_floats(tensors.weight), {}, layer_)),
        scales_(mapping::weight_groups(program_.tiling, spec.config)),
        converters_(mapping::psum_groups(program_.tiling, spec.config)) {
    const Tensor few = x.detach().slice(0, 0, std::min(kSeenImages, x.size(0)));
    const Tensor host = channels_last(few.to(torch::kCPU, torch::kFloat32));
    images_ = host.size(0);
    if (x.dim() == 4) input_ = {x.size(2), x.size(3)};
    codes_.resize(static_cast<std::size_t>(host.numel()));
    quant::lsq_codes({host.data_ptr<float>(), codes_.size()}, program_.activation_scale,
                     program_.activation_range, codes_, program_.activation_offset);
  }

  const quant::CimLayer& layer() const { return layer_; }
  std::size_t groups() const { return static_cast<std::size_t>(converters_.count()); }

  template <class Visit>
  void for_each(Visit&& visit) const {
    const sim::WindowGeometry geometry(program_.tiling.shape, input_);
    const std::vector<std::int64_t> seen = spread_places(kSeenPixels, images_ * geometry.pixels());
    for (const quant::BitSlice& cycle : program_.input_slices) {
      const sim::WordlineBytes digits(geometry, codes_, images_, cycle, program_.pad_code);
      for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
        for (std::int64_t g = 0; g < program_.tiling.shape.groups; ++g) {
          for (const std::int64_t pixel : seen) visit_pixel(digits, cycle, {t, g, pixel}, visit);
        }
      }
    }
  }

 private:
  struct Place {
    std::size_t tile;
    std::int64_t group, pixel;
  };

  template <class Visit>
  void visit_pixel(const sim::WordlineBytes& digits, const quant::BitSlice& cycle, const Place& at,
                   Visit&& visit) const {
    const auto& grid = program_.tiling.grid;
    const std::int64_t outputs = program_.tiling.shape.group_outputs();
    const std::vector<std::int64_t> sums = sums_of(digits, cycle, at);
    for (int j = 0; j < grid.slices; ++j) {
      const int shift = program_.weight_slices[static_cast<std::size_t>(j)].shift + cycle.shift;
      for (std::int64_t o = 0; o < outputs; ++o) {
        const int tile = static_cast<int>(at.tile), output = static_cast<int>(at.group * outputs + o);
        const auto scale = static_cast<std::size_t>(scales_.group(tile, j, output));
        const float unit = layer_.activation_scale * layer_.weight_scale[scale];
        visit(Psum{static_cast<std::size_t>(converters_.group(tile, j, output)),
                   unit * static_cast<float>(sums[static_cast<std::size_t>(j * outputs + o)]),
                   std::ldexp(1.0, 2 * shift)});
      }
    }
  }

  // [slice][output of the group].
  std::vector<std::int64_t> sums_of(const sim::WordlineBytes& digits, const quant::BitSlice& cycle,
                                    const Place& at) const {
    const auto& tiling = program_.tiling;
    const std::int64_t outputs = tiling.shape.group_outputs(), window = tiling.shape.window_size();
    const std::int64_t channels = tiling.tiles[at.tile].channels, rows = tiling.rows(at.tile);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows) + sim::WordlineBytes::kOverrun);
    digits.gather(at.group * tiling.shape.group_inputs() + tiling.tiles[at.tile].first_channel, channels,
                  at.pixel, 1, static_cast<std::size_t>(rows), bytes.data());
    std::vector<std::int64_t> sums(static_cast<std::size_t>(tiling.grid.slices * outputs), 0);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t digit = bytes[static_cast<std::size_t>(row)] + cycle.low();
      if (digit == 0) continue;
      const std::int64_t cell_row = row % channels * window + row / channels;
      for (int j = 0; j < tiling.grid.slices; ++j) {
        const std::size_t first = program_.cell_index(at.tile, cell_row, j, at.group * outputs);
        for (std::size_t o = 0; o < static_cast<std::size_t>(outputs); ++o)
          sums[static_cast<std::size_t>(j * outputs) + o] += digit * program_.cells[first + o];
      }
    }
    return sums;
  }

  quant::CimLayer layer_;
  sim::LayerProgram program_;
  quant::GroupMap scales_, converters_;
  std::int64_t images_ = 0;
  sim::ImageSize input_;
  std::vector<quant::Code> codes_;
};

std::vector<quant::ScaleErrors> step_errors(const PsumSampler& sampler, float rho) {
  const quant::CimLayer& layer = sampler.layer();
  const int levels = layer.config.adc_levels;
  std::vector<quant::ScaleErrors> out(sampler.groups());
  std::vector<double> weights(out.size(), 0.0);
  sampler.for_each([&](const Psum& sum) {
    const float step = layer.psum_step[sum.group], centre = layer.psum_centre[sum.group];
    const auto error = [&](float s) {
      return sum.significance * quant::adc_squared_error(sum.value, s, centre, levels);
    };
    quant::ScaleErrors& e = out[sum.group];
    e.here += error(step);
    e.smaller += error(step / rho);
    e.bigger += error(step * rho);
    weights[sum.group] += sum.significance;
  });
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double weight = std::max(weights[i], 1.0);
    out[i] = {out[i].here / weight, out[i].smaller / weight, out[i].bigger / weight};
  }
  return out;
}

// A group whose sums all lie on its centre keeps its step.
std::vector<float> range_steps(const PsumSampler& sampler) {
  const quant::CimLayer& layer = sampler.layer();
  std::vector<float> reach(sampler.groups(), 0.0f);
  sampler.for_each([&](const Psum& sum) {
    reach[sum.group] = std::max(reach[sum.group], std::fabs(sum.value - layer.psum_centre[sum.group]));
  });
  for (std::size_t i = 0; i < reach.size(); ++i) {
    const float step = 2.0f * reach[i] / static_cast<float>(layer.config.adc_levels - 1);
    reach[i] = step >= std::numeric_limits<float>::min() ? step : layer.psum_step[i];
  }
  return reach;
}

}  // namespace

std::vector<std::int64_t> spread_places(std::int64_t count, std::int64_t of) {
  auto stride = static_cast<std::int64_t>(kGoldenShare * static_cast<double>(of));
  while (std::gcd(stride, of) != 1) ++stride;
  std::vector<std::int64_t> out;
  for (std::int64_t k = 0; k < std::min(count, of); ++k) out.push_back(k * stride % of);
  return out;
}

PsumView view_psums(const CimSpec& spec, const CimTensors& tensors, const Tensor& x) {
  const quant::ScalePolicy& policy = *spec.quantizers.psums.policy;
  PsumView out;
  if (policy.simulated == nullptr && !policy.follows_range) return out;
  const PsumSampler sampler(spec, tensors, x);
  if (policy.simulated != nullptr)
    out.errors = step_errors(sampler, spec.quantizers.psums.probe_ratio(spec.progress));
  if (policy.follows_range) out.range_step = range_steps(sampler);
  return out;
}

Tensor psum_step_gradient(const CimSpec& spec, const CimTensors& t, const Tensor& task,
                          std::span<const PsumView> shards) {
  const quant::ScalePolicy& policy = *spec.quantizers.psums.policy;
  if (policy.simulated == nullptr) return policy.follows_task ? task : torch::zeros_like(t.step_u.detach());
  const std::vector<float> steps = current_layer(spec, t).psum_step;
  std::vector<double> ds;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    quant::ScaleErrors sum;
    for (const PsumView& shard : shards) sum += shard.errors[i];
    ds.push_back(policy.simulated(sum, static_cast<double>(steps[i])));
  }
  return joined_gradient(policy, task, simulated_gradient(t.step_s0, t.step_u, ds));
}

void follow_psum_ranges(const CimSpec& spec, CimTensors& t, std::span<const PsumView> shards,
                        double momentum) {
  if (!spec.quantizers.psums.policy->follows_range || shards.empty()) return;
  const torch::NoGradGuard no_gradient;
  const std::vector<float> s0 = to_floats(t.step_s0), now = scales_of(t.step_s0, t.step_u, false);
  std::vector<float> u;
  for (std::size_t i = 0; i < s0.size(); ++i) {
    double seen = 0.0;
    for (const PsumView& shard : shards) seen += static_cast<double>(shard.range_step[i]);
    const double next =
        (1.0 - momentum) * static_cast<double>(now[i]) + momentum * seen / static_cast<double>(shards.size());
    u.push_back(u_of_scale(s0[i], static_cast<float>(next)));
  }
  t.step_u.copy_(to_torch(u).view_as(t.step_u));
}

}  // namespace bitline::train
