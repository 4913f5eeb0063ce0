// Where the densities of an energy estimate come from: one for all layers, a file, or counted on images.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "bitline/app/options.h"
#include "bitline/app/session.h"
#include "bitline/estimate/estimate.h"
#include "bitline/mapping/mapping.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bitline::app {

using Densities = std::map<std::string, estimate::Density>;  // by node

struct ActivityFlags {
  estimate::Density density;  // of layers without one of their own

  void declare(CLI::App& app);

  // What --activity names or what is counted on --images, for every layer on arrays; nothing without them.
  // Writes --activity-out. Error{kUsage} for options that contradict each other, Error{kBadInput} naming the
  // node for a layer that the file lacks when --input-density and --weight-density are not given either, and
  // for a model that has no scales to count with. `missing`: classes that no counted image is of.
  Densities densities(Session& session, const quant::QuantizedModel& model, const mapping::Mapping& mapping,
                      std::vector<std::string>& missing) const;

  // "counted on 100 images"; "full, assumed" where nothing is given.
  std::string text() const;

 private:
  bool is_counted() const;
  Densities read(Session& session, const mapping::Mapping& mapping) const;
  Densities count(Session& session, const quant::QuantizedModel& model,
                  std::vector<std::string>& missing) const;

  std::string file_, out_;
  DataOptions data_;
  std::int64_t images_ = 100;
  const CLI::App* app_ = nullptr;
  const CLI::Option* data_given_ = nullptr;
  const CLI::Option* images_given_ = nullptr;
  const CLI::Option* input_given_ = nullptr;
  const CLI::Option* weight_given_ = nullptr;
};

}  // namespace bitline::app
