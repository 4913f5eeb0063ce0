// Range methods of post-training quantization: where the codes of a quantizer end, from the values it has to
// hold. The same methods serve weights, activations and the sums of a converter.
//
//   minmax        nothing is clipped
//   percentile:P  P percent of the values are not clipped (of a converter: as many on either side are)
//   mse           least squared error (mse.h)
//   kl            least Kullback-Leibler divergence of the quantized histogram from that of the values, as
//                 TensorRT's calibrator (Migacz, GTC 2017) has it, with as many bins as the quantizer has
//                 levels
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bitline/quant/lsq.h"
#include "bitline/quant/mse.h"

namespace bitline::quant {

struct RangeMethod {
  const char* name;
  double usual;            // parameter when none is given; 0 = the method takes none
  double lowest, highest;  // of the parameter
  bool by_extremes;        // a single value can decide, so a sample will not do
  double (*scale)(std::span<const float> x, CodeRange range, double parameter);
  AdcRange (*adc)(const Histogram& histogram, int levels, double parameter);
};
std::span<const RangeMethod> range_methods();

struct RangeSpec {
  const RangeMethod* method = &range_methods()[0];  // mse
  double parameter = 0.0;

  std::string text() const;  // "mse", "percentile:99.9"
  bool operator==(const RangeSpec&) const = default;
};
RangeSpec parse_range(std::string_view text);  // Error{kBadInput} with a suggestion or the bounds

// The scale of a quantizer for finite values x. Values that are all zero, or too small (kLeastScale), give 1.
float choose_scale(const RangeSpec& spec, std::span<const float> x, CodeRange range);

// Step and centre of a converter of at least two levels for a histogram that is not empty; where nothing need
// be lost, nothing is, whatever the method.
AdcRange choose_adc_range(const RangeSpec& spec, const Histogram& histogram, int levels);

}  // namespace bitline::quant
