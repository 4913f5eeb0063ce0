#include "bitline/app/activity_options.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/data/sampler.h"
#include "bitline/io/atomic_file.h"
#include "bitline/io/json.h"
#include "bitline/sim/activity.h"

namespace bitline::app {

namespace {

double share_of(const io::Json& value, const std::string& key, const Where& where) {
  double share = -1.0;
  try {
    share = value.as_number();
  } catch (const Error&) {  // told below, with its place
  }
  if (!(share >= 0.0 && share <= 1.0)) bad_input("'" + key + "' is not a density", where, "expected 0 to 1");
  return share;
}

// What the entry does not say is as in `density`.
estimate::Density density_of(const io::Json& entry, estimate::Density density, const Where& where) {
  const bool known = entry.is_object() &&
                     std::all_of(entry.as_object().begin(), entry.as_object().end(), [](const auto& member) {
                       return member.first == "input" || member.first == "weight";
                     });
  if (!known) bad_input("expected an object of 'input' and 'weight' densities", where);
  for (const auto& [key, value] : entry.as_object()) {
    (key == "input" ? density.input : density.weight) = share_of(value, key, where);
  }
  return density;
}

void write_densities(Session& session, const std::string& path, const Densities& densities) {
  io::Json json{io::JsonObject{}};
  for (const auto& [node, density] : densities) {
    io::Json entry{io::JsonObject{}};
    entry.set("input", density.input);
    entry.set("weight", density.weight);
    json.set(node, std::move(entry));
  }
  io::write_atomically(session.files(), path, json.dump() + "\n");
}

void require_scales(const quant::QuantizedModel& model) {
  for (const auto& [name, layer] : model.layers) {
    if (!layer.weight_scale.empty()) continue;
    bad_input("the layer has no scales, so its digits cannot be counted", Where{{}, 0, 0, name},
              "calibrate or train the network for this hardware first: bitline calibrate");
  }
}

}  // namespace

void ActivityFlags::declare(CLI::App& app) {
  input_given_ = app.add_option("--input-density", density.input,
                                "share of ones in input bits (default: 1, full activity)")
                     ->check(CLI::Range(0.0, 1.0));
  weight_given_ = app.add_option("--weight-density", density.weight, "share of ones in cells (default: 1)")
                      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--activity", file_, "densities by layer: JSON {NODE: {\"input\": x, \"weight\": y}}");
  app_ = &app;
  data_.declare(app);
  data_given_ = app.get_option("--data");
  images_given_ = app.add_option("--images", images_,
                                 "artefacts: count densities on this many test images; with --data alone 100 "
                                 "(default: not counted)")
                      ->check(CLI::Range(std::int64_t{1}, kMostImages));
  app.add_option("--activity-out", out_, "write the counted densities to a file that --activity reads");
}

Densities ActivityFlags::densities(Session& session, const quant::QuantizedModel& model,
                                   const mapping::Mapping& mapping, std::vector<std::string>& missing) const {
  const bool counted = is_counted();
  if (counted && !file_.empty())
    throw Error(ErrorCode::kUsage, "densities are either read or counted", {},
                "leave --activity out, or --data and --images");
  for (const char* option : {"--input-density", "--weight-density"}) {
    if (counted && app_->get_option(option)->count() > 0)
      throw Error(ErrorCode::kUsage, std::string(option) + " has no effect where digits are counted", {},
                  "leave it out, or --data and --images");
  }
  for (const char* option : {"--data-dir", "--resize", "--crop", "--input-scaling", "--mean", "--std"}) {
    if (!counted && app_->get_option(option)->count() > 0)
      throw Error(ErrorCode::kUsage, std::string(option) + " has no effect without images to count digits on",
                  {}, "add --data or --images");
  }
  if (!counted && !out_.empty())
    throw Error(ErrorCode::kUsage, "--activity-out has nothing to write", {},
                "count densities with --data or --images");
  if (!counted) return file_.empty() ? Densities{} : read(session, mapping);
  const Densities out = count(session, model, missing);
  if (!out_.empty()) write_densities(session, out_, out);
  return out;
}

bool ActivityFlags::is_counted() const {
  return data_given_->count() > 0 || images_given_->count() > 0;
}

std::string ActivityFlags::text() const {
  if (is_counted()) return "counted on " + std::to_string(images_) + " images";
  if (!file_.empty()) return "from " + file_;
  if (input_given_->count() == 0 && weight_given_->count() == 0)
    return "full, assumed: all bits and cells are ones";
  return "given for all layers";
}

Densities ActivityFlags::read(Session& session, const mapping::Mapping& mapping) const {
  session.add_input(file_);
  const io::Json json = io::parse_json(io::read_text(session.files(), file_), file_);
  if (!json.is_object()) bad_input("expected an object of layers", Where{file_, 0, 0, {}});
  std::vector<std::string> nodes;
  for (const mapping::MappedLayer& layer : mapping.layers) nodes.push_back(layer.node);
  Densities out;
  for (const auto& [node, entry] : json.as_object()) {
    const Where where{file_, 0, 0, node};
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
      bad_input("the file has densities for a layer that is not on arrays", where, suggestion(node, nodes));
    out[node] = density_of(entry, density, where);
  }
  const bool others = input_given_->count() > 0 || weight_given_->count() > 0;
  for (const std::string& node : nodes) {
    if (others || out.count(node) != 0) continue;
    bad_input("the layer is on arrays, but the file has no densities for it", Where{file_, 0, 0, node},
              "give --input-density or --weight-density for layers that the file does not name");
  }
  return out;
}

Densities ActivityFlags::count(Session& session, const quant::QuantizedModel& model,
                               std::vector<std::string>& missing) const {
  require_scales(model);
  DataOptions data = data_;
  data.use_notes(model, session);
  const auto set = data.open(data::Split::kTest, session);
  check_fit(model.graph, *set);
  if (images_ < set->size()) missing = data::missing_classes(*set, data::subset_order(*set, images_));
  const sim::Network network(model);
  Densities out;
  for (const sim::LayerDigits& layer :
       sim::count_digits(network, batch_source(*set, images_, data.normalization()), session.context()))
    out[layer.node] = {layer.inputs.density(), layer.cells.density()};
  return out;
}

}  // namespace bitline::app
