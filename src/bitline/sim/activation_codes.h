// How a layer's inputs become codes: the scale, and whether codes are unsigned, signed or with an offset
// (LSQ+: x = scale * code + offset).
//
// Every kind that may be taken gets its range by the range method; the kind with the least squared error is
// taken. So one small negative value costs no sign bit, and a large negative tail does not vanish.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/quant/config.h"
#include "bitline/quant/range.h"

namespace bitline::sim {

struct ActivationKinds {
  bool unsigned_codes = true;
  bool signed_codes = true;
  bool offset = false;  // ONNX exports do not take it, and padding is rounded as any other value

  bool operator==(const ActivationKinds&) const = default;
};

// "unsigned,signed,offset" or some of them; Error{kUsage} otherwise.
ActivationKinds parse_activation_kinds(const std::vector<std::string>& names);
std::vector<std::string> activation_kind_names();

// "unsigned", "signed" or "offset": what a layer has.
std::string activation_kind(const quant::CimLayer& layer);

// Sets the activation's scale, sign and offset for finite values x, of at least one. Values without a
// negative one take unsigned codes where these are allowed, without a search. Large x are sampled
// (value_sample.h) unless the method asks for the extremes.
void choose_activation_codes(std::span<const float> x, const quant::RangeSpec& range,
                             const ActivationKinds& kinds, quant::CimLayer& layer);

}  // namespace bitline::sim
