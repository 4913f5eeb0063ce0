#include "bitline/train/operator_choice.h"

#include <array>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/train/float_operator.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

struct NamedOperator {
  const char* name;
  bool on_cuda;
  bool float_domain;  // a blend, which is no code, is for these
  Tensor (*run)(const CimSpec&, const CimTensors&, const Tensor&);
};

Tensor composed(const CimSpec& spec, const CimTensors& tensors, const Tensor& x) {
  return composed_cim(spec, tensors, x);
}

constexpr std::array<NamedOperator, 3> kOperators = {{{"fused", false, false, fused_cim},
                                                      {"composed", true, false, composed},
                                                      {"float", false, true, float_cim}}};

const NamedOperator& named_operator(const std::string& name, const std::string& device) {
  std::vector<std::string> names = {"auto"};
  for (const NamedOperator& o : kOperators) {
    names.emplace_back(o.name);
    const bool here = device == "cpu" || o.on_cuda;
    if (name == o.name && !here)
      unsupported("the " + name + " operator runs on the CPU", {}, "use the composed operator on cuda");
    if (here && (name == o.name || name == "auto")) return o;
  }
  bad_input("unknown CIM operator '" + name + "'", {}, suggestion(name, names));
}

void check_quantizers(const Quantizers& quantizers, const NamedOperator& chosen) {
  for (const quant::QuantizerSpec* spec : {&quantizers.weights, &quantizers.activations}) {
    if (spec->correction->place == quant::CorrectionPlace::kForward && !chosen.float_domain)
      unsupported("'" + std::string(spec->correction->name) +
                      "' is not for arrays: they compute with codes, in training too",
                  {}, "use --cim-operator float");
  }
  if (quantizers.weights.policy->has_offset)
    unsupported("weights take no offset: a column for the sum of the inputs would be needed on every array",
                {}, "use --activation-quantizer " + std::string(quantizers.weights.policy->name));
}

void check_psum_quantizer(const quant::QuantizerSpec& psums) {
  const std::string name = psums.correction->name;
  if (psums.correction->place == quant::CorrectionPlace::kForward)
    unsupported("'" + name + "' is not for partial sums: a converter gives codes, in training too", {},
                "use mde");
  if (psums.correction->place == quant::CorrectionPlace::kLoss)
    unsupported("'" + name + "' is not for partial sums: the slices of one sum share a gradient", {},
                "use mde");
  if (psums.format->range != nullptr && psums.format->range(2).low != 0)
    unsupported("the codes of converters are not " + std::string(psums.format->name), {},
                "leave the format out: they start at 0");
}

}  // namespace

CimOperator choose_operator(const std::string& name, const std::string& device,
                            const Quantizers& quantizers) {
  const NamedOperator& chosen = named_operator(name, device);
  check_quantizers(quantizers, chosen);
  check_psum_quantizer(quantizers.psums);
  return chosen.run;
}

void check_formats(const CimSpec& spec, const quant::CimLayer& layer) {
  const auto check = [&spec](const quant::QuantizerSpec& quantizer, int bits, const quant::CodeRange& range,
                             const char* what, const char* hint) {
    const quant::NumberFormat& format = *quantizer.format;
    if (format.range == nullptr || (bits >= format.min_bits && format.range(bits) == range)) return;
    unsupported("the " + std::string(what) + " of this layer are not " + format.name,
                Where{{}, 0, 0, spec.name}, hint);
  };
  check(
      spec.quantizers.weights, spec.config.weight_bits, quant::weight_range(spec.config), "weights",
      "strict needs --encoding differential and arrays, signed twos-complement; unsigned is for activations");
  check(spec.quantizers.activations, spec.config.activation_bits, quant::activation_range(layer),
        "activations", "leave the format out: it follows the data");
}

}  // namespace bitline::train
