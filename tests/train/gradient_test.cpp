// The backward pass of a layer on arrays against central differences.
#include <cmath>
#include <functional>

#include "surrogate_layer.h"
#include <gtest/gtest.h>

#include "bitline/train/cim_gradient.h"

namespace bitline::train {
namespace {

constexpr double kStep = 1e-6;
constexpr double kSafeDistance = 2e-4;  // codes; far more than any step moves a value
constexpr std::size_t kMostValues = 160;

struct Analytic {
  LayerGradient layer;
  std::vector<float> x;
};

// x and dy of one image, [C][H][W], taken `images` times at once.
Analytic analytic(const sim::RandomLayer& c, const std::vector<float>& x, const std::vector<float>& dy,
                  std::int64_t images) {
  const sim::LayerProgram program = c.compile();
  const auto prepared = sim::choose_kernel("auto", program).prepare(program);
  CimGradient gradient(program, *prepared, c.layer, c.weight);
  std::vector<float> all_x, all_dy;
  for (std::int64_t n = 0; n < images; ++n) {
    const std::vector<float> last = sim::channels_last(x, c.shape.in_channels);
    const std::vector<float> last_dy = sim::channels_last(dy, c.shape.out_channels);
    all_x.insert(all_x.end(), last.begin(), last.end());
    all_dy.insert(all_dy.end(), last_dy.begin(), last_dy.end());
  }
  std::vector<quant::Code> codes(all_x.size());
  quant::lsq_codes(all_x, program.activation_scale, program.activation_range, codes);
  std::vector<float> dx(all_x.size(), NAN);
  gradient.add_images({all_x, codes, all_dy, dx, images}, c.input);
  dx.erase(dx.begin(), dx.end() - static_cast<std::ptrdiff_t>(x.size()));
  return {gradient.finish(), sim::channels_first(dx, c.shape.in_channels)};
}

Analytic analytic(const sim::RandomLayer& c, const std::vector<float>& x, const std::vector<float>& dy) {
  return analytic(c, x, dy, 1);
}

using Loss = std::function<double(const LayerPoint&)>;

std::vector<double> differences(const Loss& loss, const LayerPoint& start,
                                std::vector<double> LayerPoint::*member) {
  std::vector<double> out;
  LayerPoint point = start;
  for (double& value : point.*member) {
    const double middle = value;
    value = middle + kStep;
    const double high = loss(point);
    value = middle - kStep;
    const double low = loss(point);
    value = middle;
    out.push_back((high - low) / (2.0 * kStep));
  }
  return out;
}

// floor: what cancelling terms of this magnitude leave behind in fp32.
template <class Values>
void expect_equal(const Values& given, const std::vector<double>& expected, double tolerance, double floor,
                  const std::string& what) {
  ASSERT_EQ(given.size(), expected.size()) << what;
  double largest = 0.0;
  for (const double value : expected) largest = std::max(largest, std::fabs(value));
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(static_cast<double>(given[i]), expected[i], tolerance * largest + floor)
        << what << " " << i << " of " << expected.size();
}

void expect_equal(const Analytic& given, const Loss& loss, const LayerPoint& start, double tolerance,
                  double floor, const std::string& what) {
  expect_equal(given.x, differences(loss, start, &LayerPoint::x), tolerance, floor, what + " x");
  expect_equal(given.layer.weight, differences(loss, start, &LayerPoint::weight), tolerance, floor,
               what + " weight");
  if (!start.bias.empty())
    expect_equal(given.layer.bias, differences(loss, start, &LayerPoint::bias), tolerance, floor,
                 what + " bias");
}

double dot(const std::vector<double>& y, const std::vector<float>& dy) {
  double sum = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * static_cast<double>(dy[i]);
  return sum;
}

std::size_t outputs(const sim::RandomLayer& c) {
  const sim::ImageSize out = sim::output_size(c.shape, c.input);
  return static_cast<std::size_t>(c.shape.out_channels * out.height * out.width);
}

std::vector<float> between_codes(const sim::RandomLayer& c, sim::Dice& dice) {
  std::vector<float> x;
  for (const float code : c.codes)
    x.push_back((code + 0.7f * (dice.uniform() - 0.5f)) * c.layer.activation_scale);
  return x;
}

// The straight-through gradients of all seven kinds of parameters.
TEST(CimGradient, EqualsCentralDifferencesOfTheSurrogate) {
  int checked = 0, clipping = 0;
  for (std::uint64_t seed = 1; seed <= 1500 && checked < 60; ++seed) {
    const sim::RandomLayer c = seed % 4 == 0 ? sim::random_linear(seed) : sim::random_convolution(seed);
    if (c.weight.size() > kMostValues || c.codes.size() > kMostValues || outputs(c) > kMostValues) continue;
    sim::Dice dice(seed + 50000);
    const std::vector<float> x = between_codes(c, dice);
    const SurrogateLayer surrogate(c, x);
    if (surrogate.distance_to_edge() < kSafeDistance) continue;
    const std::vector<float> dy = dice.normals(static_cast<std::int64_t>(outputs(c)), 1.0f);
    const Loss loss = [&](const LayerPoint& p) { return dot(surrogate.outputs(p), dy); };
    const Analytic given = analytic(c, x, dy);
    const LayerPoint& start = surrogate.start();
    const std::string what = "seed " + std::to_string(seed) + " " + c.text();
    expect_equal(given, loss, start, 1e-3, 1e-3, what);
    const double codes = std::ldexp(static_cast<double>(outputs(c)),
                                    c.layer.config.weight_bits + c.layer.config.activation_bits);
    const double floor = 1e-6 * codes;
    expect_equal(std::vector<double>{given.layer.activation_scale},
                 differences(loss, start, &LayerPoint::activation_scale), 1e-3, floor, what + " activation");
    expect_equal(given.layer.weight_scale, differences(loss, start, &LayerPoint::weight_scale), 1e-3, floor,
                 what + " weight scale");
    expect_equal(given.layer.psum_step, differences(loss, start, &LayerPoint::step), 1e-3, floor,
                 what + " step");
    expect_equal(given.layer.psum_centre, differences(loss, start, &LayerPoint::centre), 1e-3, 1e-3,
                 what + " centre");
    for (const double centre : given.layer.psum_centre) clipping += centre != 0.0 ? 1 : 0;
    ++checked;
  }
  EXPECT_EQ(checked, 60);
  EXPECT_GT(clipping, 30);  // groups with sums outside the converter's window
}

std::vector<double> plain_convolution(const sim::RandomLayer& c, const LayerPoint& p) {
  const sim::ImageSize out = sim::output_size(c.shape, c.input);
  const ir::Window& w = c.shape.window;
  std::vector<double> y;
  for (std::int64_t o = 0; o < c.shape.out_channels; ++o) {
    for (std::int64_t pixel = 0; pixel < out.height * out.width; ++pixel) {
      double sum = p.bias.empty() ? 0.0 : p.bias[static_cast<std::size_t>(o)];
      auto weight = static_cast<std::size_t>(o * c.shape.group_inputs() * c.shape.window_size());
      for (std::int64_t i = 0; i < c.shape.group_inputs(); ++i) {
        const std::int64_t channel = c.shape.group_of(o) * c.shape.group_inputs() + i;
        for (std::int64_t k = 0; k < c.shape.window_size(); ++k, ++weight) {
          const std::int64_t y_in =
              pixel / out.width * w.stride[0] - w.pad_begin[0] + k / w.kernel[1] * w.dilation[0];
          const std::int64_t x_in =
              pixel % out.width * w.stride[1] - w.pad_begin[1] + k % w.kernel[1] * w.dilation[1];
          if (y_in < 0 || x_in < 0 || y_in >= c.input.height || x_in >= c.input.width) continue;
          sum += p.weight[weight] *
                 p.x[static_cast<std::size_t>((channel * c.input.height + y_in) * c.input.width + x_in)];
        }
      }
      y.push_back(sum);
    }
  }
  return y;
}

// With an ideal converter, 8 bits and nothing clipped, quantization is only rounding noise of one part in
// 250.
TEST(CimGradient, WithAnIdealConverterIsThatOfAFloatConvolution) {
  int checked = 0;
  for (std::uint64_t seed = 1; seed <= 200 && checked < 25; ++seed) {
    sim::RandomLayer c = sim::random_convolution(seed);
    if (c.weight.size() > kMostValues || c.codes.size() > kMostValues || outputs(c) > kMostValues) continue;
    sim::Dice dice(seed + 70000);
    quant::CimConfig& q = c.layer.config;
    q.weight_bits = q.activation_bits = 8;
    q.adc_levels = quant::kIdealAdc;
    float largest = 0.0f;
    for (const float w : c.weight) largest = std::max(largest, std::fabs(w));
    const mapping::LayerTiling tiling = mapping::tile_layer(c.shape, q, "layer");
    c.layer.weight_scale.assign(static_cast<std::size_t>(weight_groups(tiling, q).count()), largest / 126.5f);
    c.layer.psum_step.clear();
    c.layer.psum_centre.clear();
    std::vector<float> x;
    for (std::size_t i = 0; i < c.codes.size(); ++i) x.push_back(0.1f + 0.8f * dice.uniform());
    c.layer.activation_scale = c.layer.activation_signed ? 1.0f / 127.0f : 1.0f / 255.0f;
    const std::vector<float> dy = dice.normals(static_cast<std::int64_t>(outputs(c)), 1.0f);
    const SurrogateLayer here(c, x);
    const Loss loss = [&](const LayerPoint& p) { return dot(plain_convolution(c, p), dy); };
    expect_equal(analytic(c, x, dy), loss, here.start(), 0.02, 1e-4,
                 "seed " + std::to_string(seed) + " " + c.text());
    ++checked;
  }
  EXPECT_EQ(checked, 25);
}

TEST(CimGradient, AddsImages) {
  const sim::RandomLayer c = sim::random_convolution(11);
  sim::Dice dice(12);
  const std::vector<float> x = between_codes(c, dice);
  const std::vector<float> dy = dice.normals(static_cast<std::int64_t>(outputs(c)), 1.0f);
  const Analytic one = analytic(c, x, dy), both = analytic(c, x, dy, 2);
  const LayerGradient& two = both.layer;
  ASSERT_EQ(both.x.size(), one.x.size());
  for (std::size_t i = 0; i < one.x.size(); ++i)  // a product's sums run in another order for two images
    EXPECT_NEAR(both.x[i], one.x[i], 1e-4f * std::fabs(one.x[i]) + 1e-4f);
  for (std::size_t i = 0; i < two.weight.size(); ++i)
    EXPECT_NEAR(two.weight[i], 2.0f * one.layer.weight[i], 1e-4f * std::fabs(two.weight[i]) + 1e-4f);
  for (std::size_t i = 0; i < two.bias.size(); ++i) EXPECT_FLOAT_EQ(two.bias[i], 2.0f * one.layer.bias[i]);
}

}  // namespace
}  // namespace bitline::train
