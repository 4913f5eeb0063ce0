#include "bitline/app/data_options.h"

#include <charconv>
#include <cmath>

#include <CLI/CLI.hpp>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"

namespace bitline::app {

namespace {

bool given(const CLI::Option* option) {
  return option != nullptr && option->count() > 0;
}

std::string list_text(const std::vector<float>& values) {
  std::string text;
  for (const float v : values) text += (text.empty() ? "" : ",") + number_text(static_cast<double>(v));
  return text;
}

[[noreturn]] void bad_note(const std::string& key, const std::string& text) {
  bad_input("the model's note '" + key + "' is '" + text + "', which is no number", {},
            "the file is damaged");
}

double number_of(const std::string& key, std::string_view text, const std::string& whole) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) bad_note(key, whole);
  return value;
}

std::vector<float> list_of(const std::string& key, const std::string& text) {
  std::vector<float> values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    values.push_back(
        static_cast<float>(number_of(key, std::string_view(text).substr(begin, end - begin), text)));
    begin = end + 1;
  }
  return values;
}

// The named scaling that a data set usually has; empty when none is that.
std::string usual_scaling(const std::string& kind) {
  const data::Normalization usual = data::default_normalization(kind);
  for (const auto& [name, normalization] : named_scalings())
    if (normalization.mean == usual.mean && normalization.stddev == usual.stddev) return name;
  return {};
}

}  // namespace

std::vector<std::pair<std::string, data::Normalization>> named_scalings() {
  return {{"imagenet", {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}}},
          {"cifar100", data::default_normalization("cifar100")},
          {"unit", {}},
          {"signed", {{0.5f}, {0.5f}}},
          {"raw", {{0.0f}, {1.0f / 255.0f}}}};
}

void DataOptions::declare(CLI::App& app) {
  kind_option_ =
      app.add_option("--data", set.kind,
                     "data set: digits, cifar10, cifar100, image-folder; that of the model where none "
                     "is named")
          ->capture_default_str();
  app.add_option("--data-dir", set.data_dir, "folder of the data set (default: $BITLINE_DATA)");
  resize_option_ =
      app.add_option("--resize", set.resize, "image-folder: short side after resizing, 0 = as it is")
          ->capture_default_str();
  crop_option_ = app.add_option("--crop", set.crop, "image-folder: centre crop")->capture_default_str();
  CLI::Option* named =
      app.add_option("--input-scaling", scaling,
                     "auto, imagenet, cifar100 (means and deviations), unit (0..1), signed (-1..1) "
                     "or raw (0..255)")
          ->capture_default_str();
  CLI::Option* means =
      app.add_option("--mean", mean,
                     "of pixels from 0 to 1, one or one for each channel: 0.49,0.48,0.45; with --std")
          ->delimiter(',');
  CLI::Option* deviations =
      app.add_option("--std", stddev, "standard deviation of pixels from 0 to 1; with --mean")
          ->delimiter(',')
          ->check(CLI::PositiveNumber);
  means->excludes(named);
  deviations->excludes(named);
  scaling_option_ = named;
  mean_option_ = means;
  std_option_ = deviations;
}

void DataOptions::note_difference(const char* key, const std::string& noted, const std::string& own,
                                  const Session& session) const {
  if (noted != own)
    session.note("note: " + std::string(key) + " is " + own + ", but the model was made with " + noted);
}

void DataOptions::use_notes(const quant::QuantizedModel& model, const Session& session) {
  const auto note = [&model](const char* key) {
    const auto it = model.notes.find(key);
    return it == model.notes.end() ? std::string() : it->second;
  };
  const auto take_text = [&](const char* key, std::string& value, const CLI::Option* option) {
    const std::string noted = note(key);
    if (noted.empty()) return;
    if (given(option)) return note_difference(key, noted, value, session);
    value = noted;
  };
  const auto take_size = [&](const char* key, std::int64_t& value, const CLI::Option* option) {
    const std::string noted = note(key);
    if (noted.empty()) return;
    if (given(option)) return note_difference(key, noted, std::to_string(value), session);
    value = std::llround(number_of(key, noted, noted));
  };
  take_text("data", set.kind, kind_option_);
  if (set.kind == "image-folder") {
    take_size("resize", set.resize, resize_option_);
    take_size("crop", set.crop, crop_option_);
  } else if (given(resize_option_) || given(crop_option_)) {
    throw Error(ErrorCode::kUsage, "--resize and --crop have no effect on " + set.kind, {},
                "they are for --data image-folder");
  }
  const bool own_scaling = given(scaling_option_) || given(mean_option_) || given(std_option_);
  if (own_scaling) {
    std::string noted = note("input_scaling");
    if (noted.empty() && !note("mean").empty()) noted = "mean " + note("mean") + ", std " + note("std");
    const std::string own = usual_scaling(set.kind) == noted && scaling == "auto" ? noted : scaling_text();
    if (!noted.empty() && noted != "auto" && own != noted + " (auto)")
      note_difference("input scaling", noted, own, session);
    return;
  }
  if (!note("mean").empty()) {
    mean = list_of("mean", note("mean"));
    stddev = list_of("std", note("std"));
  } else if (!note("input_scaling").empty()) {
    scaling = note("input_scaling");
  }
}

void DataOptions::keep_in(quant::QuantizedModel& model) const {
  for (const char* key : {"data", "input_scaling", "mean", "std", "resize", "crop"}) model.notes.erase(key);
  model.notes["data"] = set.kind;
  if (set.kind == "image-folder") {
    model.notes["resize"] = std::to_string(set.resize);
    model.notes["crop"] = std::to_string(set.crop);
  }
  if (!mean.empty()) {
    model.notes["mean"] = list_text(mean);
    model.notes["std"] = list_text(stddev);
    return;
  }
  const std::string usual = scaling == "auto" ? usual_scaling(set.kind) : "";
  model.notes["input_scaling"] = usual.empty() ? scaling : usual;
}

data::Normalization DataOptions::normalization() const {
  if (mean.empty() != stddev.empty())
    throw Error(ErrorCode::kUsage, "--mean and --std go together", {}, "give both, or --input-scaling");
  if (!mean.empty()) return {mean, stddev};
  if (scaling == "auto") return data::default_normalization(set.kind);
  std::vector<std::string> names = {"auto"};
  for (const auto& [name, normalization] : named_scalings()) {
    if (scaling == name) return normalization;
    names.push_back(name);
  }
  throw Error(ErrorCode::kUsage, "unknown input scaling '" + scaling + "'", {}, suggestion(scaling, names));
}

std::string DataOptions::scaling_text() const {
  if (!mean.empty()) return "mean " + list_text(mean) + ", std " + list_text(stddev);
  if (scaling != "auto") return scaling;
  return usual_scaling(set.kind) + " (auto)";
}

std::unique_ptr<data::Dataset> DataOptions::open(data::Split split, const Session& session) const {
  return data::open_dataset(set, split, session.files());
}

}  // namespace bitline::app
