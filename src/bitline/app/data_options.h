// The data set of a command and how its pixels become a network's inputs. What a model was made for is kept
// in its notes, so that later commands repeat it:
//   data, input_scaling | mean, std, and of image folders resize, crop
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bitline/app/session.h"
#include "bitline/data/dataset.h"
#include "bitline/quant/config.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bitline::app {

struct DataOptions {
  data::DatasetOptions set;
  std::string scaling = "auto";  // a name of scaling_names()
  std::vector<float> mean,
      stddev;  // of values from 0 to 1, one for all channels or one each; instead of a name

  void declare(CLI::App& app);
  // What the model's notes say, where the command line says nothing; where it says something else, that is
  // noted. Error{kBadInput} for notes that cannot be read, Error{kUsage} for options that the set does not
  // have.
  void use_notes(const quant::QuantizedModel& model, const Session& session);
  // Writes the notes; `auto` is written as what it is.
  void keep_in(quant::QuantizedModel& model) const;

  data::Normalization normalization() const;
  std::string scaling_text() const;  // "imagenet (auto)", "raw", "mean 0.5, std 0.5"
  std::unique_ptr<data::Dataset> open(data::Split split, const Session& session) const;

 private:
  void note_difference(const char* key, const std::string& noted, const std::string& own,
                       const Session& session) const;

  const CLI::Option* kind_option_ = nullptr;
  const CLI::Option* scaling_option_ = nullptr;
  const CLI::Option* mean_option_ = nullptr;
  const CLI::Option* std_option_ = nullptr;
  const CLI::Option* resize_option_ = nullptr;
  const CLI::Option* crop_option_ = nullptr;
};

// Named scalings without `auto`: what --input-scaling takes.
std::vector<std::pair<std::string, data::Normalization>> named_scalings();

}  // namespace bitline::app
