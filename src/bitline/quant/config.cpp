#include "bitline/quant/config.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "bitline/base/error.h"
#include "bitline/quant/encoding.h"

namespace bitline::quant {

namespace {

constexpr int kMaxByteBits = 8;  // of a cell and of an input cycle: what an array is given at once
constexpr const char* kPrecisionForm = "expected the form W4A4P4, with P1.5 and Pideal allowed";

void require_range(const char* what, int value, int low, int high) {
  if (value >= low && value <= high) return;
  bad_input(std::string(what) + " = " + std::to_string(value) + " is out of range", {},
            "expected " + std::to_string(low) + " to " + std::to_string(high));
}

int take_number(std::string_view& rest, char letter, std::string_view whole) {
  int value = 0;
  if (!rest.empty() && rest.front() == letter) {
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), value);
    if (error == std::errc{}) {
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      return value;
    }
  }
  bad_input("precision '" + std::string(whole) + "' is not valid", {}, kPrecisionForm);
}

}  // namespace

std::string CimConfig::text() const {
  if (digital) return "W" + std::to_string(weight_bits) + "A" + std::to_string(activation_bits) + " digital";
  std::string out = "W" + std::to_string(weight_bits) + "A" + std::to_string(activation_bits) + "P" +
                    adc_bits_text(adc_levels) + " " + granularity_name(weight_granularity) + "/" +
                    granularity_name(psum_granularity) + " " + std::to_string(array_rows) + "x" +
                    std::to_string(array_columns) + " " + std::to_string(cell_bits) + "b";
  if (dac_bits != 0) out += " dac" + std::to_string(dac_bits);
  if (encoding != CimConfig{}.encoding) out += " " + encoding;
  if (slice_scales) out += " slice-scales";
  if (cycle_ranges) out += " cycle-ranges";
  if (free_levels) out += " lloyd-max";
  return out;
}

CimConfig digital_config() {
  CimConfig config;
  config.weight_bits = config.activation_bits = config.cell_bits = kMaxByteBits;
  config.adc_levels = kIdealAdc;
  config.weight_granularity = Granularity::kChannel;
  config.psum_granularity = Granularity::kLayer;
  config.array_rows = 256;  // sums of 256 products of bytes are exact in fp32
  config.digital = true;
  return config;
}

void validate(const CimConfig& config) {
  const WeightEncoding& encoding = weight_encoding(config.encoding);
  require_range("weight_bits", config.weight_bits, encoding.min_bits, kMaxBits);
  require_range("activation_bits", config.activation_bits, 1, kMaxBits);
  require_range("cell_bits", config.cell_bits, 1, kMaxByteBits);
  require_range("dac_bits", config.dac_bits, 0, kMaxByteBits);
  if (config.dac_bits == 0 && config.activation_bits > kMaxByteBits)
    bad_input("activations of " + std::to_string(config.activation_bits) +
                  " bits cannot enter an array all at once",
              {}, "give the bits of an input cycle, 1 to 8: --dac-bits 8");
  require_range("array_rows", config.array_rows, 1, 1 << 16);
  require_range("array_columns", config.array_columns, 1, 1 << 16);
  if (config.adc_levels == kIdealAdc && (config.cycle_ranges || config.free_levels))
    bad_input("an ideal converter has no ranges and no levels", {}, "give partial sums bits: P4, not Pideal");
  if (config.adc_levels == kIdealAdc) return;
  if (config.digital) bad_input("a digital layer has no converters", {}, "its partial sums are ideal");
  require_range("ADC levels", config.adc_levels, 2, 1 << 12);
  if (parse_adc_levels(adc_bits_text(config.adc_levels)) == config.adc_levels) return;
  bad_input("ADC levels = " + std::to_string(config.adc_levels) + " is not a whole number of bits", {},
            "expected a power of two, or 3 for 1.5 bits");
}

void parse_precision(std::string_view text, CimConfig& config) {
  std::string_view rest = text;
  config.weight_bits = take_number(rest, 'W', text);
  config.activation_bits = take_number(rest, 'A', text);
  if (rest.size() < 2 || rest.front() != 'P') {
    bad_input("precision '" + std::string(text) + "' is not valid", {}, kPrecisionForm);
  }
  config.adc_levels = parse_adc_levels(rest.substr(1));
}

CodeRange activation_range(const CimLayer& layer) {
  const int bits = layer.config.activation_bits;
  return layer.activation_signed ? signed_range(bits) : unsigned_range(bits);
}

int input_cycles(const CimConfig& config) {
  return config.dac_bits == 0 ? 1 : (config.activation_bits + config.dac_bits - 1) / config.dac_bits;
}

int zero_code(const CimLayer& layer) {
  const CodeRange range = activation_range(layer);
  return static_cast<int>(lsq_code(0.0f - layer.activation_offset, layer.activation_scale,
                                   static_cast<float>(range.low), static_cast<float>(range.high)));
}

int range_sets(const CimConfig& config) {
  return config.cycle_ranges ? input_cycles(config) : 1;
}

bool has_converters(const QuantizedModel& model) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [](const auto& layer) { return layer.second.config.adc_levels != kIdealAdc; });
}

CodeRange weight_range(const CimConfig& config) {
  return weight_encoding(config.encoding).range(config.weight_bits);
}

}  // namespace bitline::quant
