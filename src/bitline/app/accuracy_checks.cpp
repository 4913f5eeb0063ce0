#include "bitline/app/accuracy_checks.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "bitline/app/options.h"
#include "bitline/base/units.h"
#include "bitline/ir/classes.h"
#include "bitline/sim/evaluate.h"

namespace bitline::app {

namespace {

constexpr std::int64_t kFewImages = 50;     // that say nothing of guessing
constexpr std::int64_t kTriedImages = 512;  // for each scaling
constexpr double kDeviations = 3.0;

struct Tried {
  std::string scaling;
  double accuracy = 0.0;
};

double accuracy_with(const sim::Network& network, const data::Normalization& normalization,
                     std::int64_t images, const data::Dataset& set, const Session& session) {
  return sim::evaluate(network, batch_source(set, images, normalization), session.context()).accuracy();
}

Tried best_scaling(const sim::Network& network, std::int64_t images, const data::Dataset& set,
                   const Session& session) {
  Tried best;
  for (const auto& [name, normalization] : named_scalings()) {
    if (normalization.mean.size() > 1 && std::ssize(normalization.mean) != set.shape().channels) continue;
    const double accuracy = accuracy_with(network, normalization, images, set, session);
    if (best.scaling.empty() || accuracy > best.accuracy) best = {name, accuracy};
  }
  return best;
}

}  // namespace

bool tells_classes(const ir::Graph& graph, const data::Dataset& set, const Session& session,
                   result::Record& record) {
  const std::int64_t outputs = ir::class_count(graph), classes = std::ssize(set.class_names());
  if (outputs == classes) return true;
  const std::string text = "none: " + std::to_string(outputs) + " outputs, " + std::to_string(classes) +
                           " classes (see --ignore-output)";
  session.note("warning: accuracy " + text);
  record.add("accuracy_note", text);
  return false;
}

bool is_at_chance(double accuracy_percent, std::int64_t images, std::int64_t classes) {
  if (images < kFewImages || classes < 2) return false;
  const double chance = 1.0 / static_cast<double>(classes);
  const double deviation = std::sqrt(chance * (1.0 - chance) / static_cast<double>(images));
  return accuracy_percent / 100.0 <= chance + kDeviations * deviation;
}

void check_chance(const ir::Graph& graph, double accuracy, std::int64_t images, const data::Dataset& set,
                  const DataOptions& data, const Session& session, result::Record& record) {
  const std::int64_t count = images > 0 ? std::min(images, set.size()) : set.size();
  const std::int64_t classes = std::ssize(set.class_names());
  if (!is_at_chance(accuracy, count, classes)) return;
  const std::int64_t some = std::min(count, kTriedImages);
  const sim::Network network(quant::QuantizedModel{graph, {}, {}});
  const double own = accuracy_with(network, data.normalization(), some, set, session);
  std::string text = "at chance";
  if (!is_at_chance(own, some, classes)) {
    text += "; in float " + fixed_text(own, 2) + " % of " + std::to_string(some) + " images";
  } else if (const Tried best = best_scaling(network, some, set, session);
             !is_at_chance(best.accuracy, some, classes)) {
    text += "; --input-scaling " + best.scaling + " gives " + fixed_text(best.accuracy, 2) + " % in float";
  } else {
    text += " with every input scaling, in float too; are weights, labels, --mean and --std right?";
  }
  session.note("warning: " + text);
  record.add("accuracy_note", text);
}

}  // namespace bitline::app
