#include "bitline/app/converter_report.h"

#include <algorithm>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/sim/converter_use.h"

namespace bitline::app {

namespace {

constexpr std::int64_t kBatch = 8;  // images whose codes are held at a time: megabytes each

std::vector<sim::ConverterUse> count_codes(const sim::Network& network, const ImageReader& read,
                                           std::int64_t images) {
  sim::ConverterCensus census(network);
  for (std::int64_t first = 0; first < images; first += kBatch) {
    sim::Trace trace;
    network.forward(read(first, std::min(kBatch, images - first)), &trace);
    census.add(trace);
  }
  return census.uses();
}

}  // namespace

void add_converter_use(const sim::Network& network, const ImageReader& read, std::int64_t images,
                       result::Record& record) {
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
  for (const sim::ConverterUse& use : count_codes(network, read, images)) {
    const auto count = static_cast<double>(use.conversions);
    conversions += count;
    ends += (use.lowest + use.highest) * count;
    table.rows.push_back({use.layer, std::int64_t{1} << use.shift, use.columns, 100.0 * use.lowest,
                          100.0 * use.highest, 100.0 * use.constant, use.information});
  }
  if (table.rows.empty())
    bad_input("no layer has converters: all are ideal, digital or float", {},
              "quantize it with a resolution of partial sums, as in W4A4P4");
  record.add("converter_images", images);
  record.add("converter_ends", 100.0 * ends / conversions, "%");
  record.tables.push_back(std::move(table));
}

}  // namespace bitline::app
