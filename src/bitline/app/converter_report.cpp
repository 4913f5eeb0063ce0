#include "bitline/app/converter_report.h"

#include "bitline/base/error.h"
#include "bitline/sim/converter_use.h"

namespace bitline::app {

void add_converter_use(const sim::Network& network, const ir::Tensor& images, result::Record& record) {
  sim::Trace trace;
  network.forward(images, &trace);
  result::Table table{"converters",
                      "Codes of the converters",
                      {{"layer", "layer", 0},
                       {"digit", "digit", 0},
                       {"columns", "columns", 0},
                       {"lowest", "lowest %", 1},
                       {"highest", "highest %", 1},
                       {"constant", "constant columns %", 1},
                       {"information", "bits of a code", 2}},
                      {}};
  double ends = 0.0, conversions = 0.0;
  for (const sim::ConverterUse& use : sim::converter_use(network, trace)) {
    const auto count = static_cast<double>(use.conversions);
    conversions += count;
    ends += (use.lowest + use.highest) * count;
    table.rows.push_back({use.layer, std::int64_t{1} << use.shift, use.columns, 100.0 * use.lowest,
                          100.0 * use.highest, 100.0 * use.constant, use.information});
  }
  if (table.rows.empty())
    bad_input("no layer has converters: all are ideal, digital or float", {},
              "quantize it with a resolution of partial sums, as in W4A4P4");
  record.add("converter_images", images.dim(0));
  record.add("converter_ends", 100.0 * ends / conversions, "%");
  record.tables.push_back(std::move(table));
}

}  // namespace bitline::app
