#include "bitline/frontend/export.h"

#include <array>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/frontend/onnx_export.h"

namespace bitline::frontend {

namespace {

constexpr std::array kFormats = {
    ExportFormat{"qonnx", ".onnx", "ONNX with Quant nodes: any bits and granularity", false, false,
                 [](const quant::QuantizedModel& model, const PackOptions&) { return export_qonnx(model); }},
    ExportFormat{"qdq", ".onnx", "ONNX with QuantizeLinear and DequantizeLinear: scales a layer or a channel",
                 false, false,
                 [](const quant::QuantizedModel& model, const PackOptions&) { return export_qdq(model); }},
    ExportFormat{"packed", ".safetensors", "bitline's file with integer weights at their own bits", true,
                 true,
                 [](const quant::QuantizedModel& model, const PackOptions& options) {
                   return io::encode_safetensors(packed_file(model, options));
                 }},
};

}  // namespace

std::span<const ExportFormat> export_formats() {
  return kFormats;
}

const ExportFormat& export_format(const std::string& name) {
  std::vector<std::string> names;
  for (const ExportFormat& format : kFormats) {
    if (format.name == name) return format;
    names.emplace_back(format.name);
  }
  throw Error(ErrorCode::kUsage, "unknown format '" + name + "'", {}, suggestion(name, names));
}

}  // namespace bitline::frontend
