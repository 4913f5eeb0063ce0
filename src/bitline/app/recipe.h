// A recipe: the steps of a run in a YAML file. Each step is a sub-command with its long options as keys, so a
// recipe can say whatever the command line can, and nothing else:
//
//   schema: bitline-recipe/1
//   name: digits
//   out: runs/digits
//   steps:
//     - name: float
//       train: {model: "zoo:digits-cnn", data: digits, epochs: 8, out: "{out}/float.safetensors"}
//     - name: "{granularity}"
//       for: {granularity: [layer/layer, column/column]}      # every combination, first key slowest
//       quantize: {model: "{out}/float.safetensors", granularity: "{granularity}", out: "..."}
//
// A value that is a map binds several names, which change together: for: {quantizer: [{quantizer: lsq, rate:
// 0.1}]}.
// "{key}" in a value is replaced by the loop's value; "{out}" by the folder of the run and "{data}" by
// $BITLINE_DATA; in "{key/}" slashes become dashes, for file names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bitline/io/filesystem.h"
#include "bitline/io/yaml.h"

namespace bitline::app {

struct RecipeStep {
  std::string name;
  std::string command;
  std::vector<std::pair<std::string, std::vector<std::string>>>
      options;                       // long option -> values; none for a flag
  Where where;                       // of the command's key
  std::vector<Where> option_places;  // of each option's key
};

struct Recipe {
  std::string name;
  std::string out;
  std::vector<RecipeStep> steps;
};

// Error{kBadInput} with the place in the file for what is no recipe; Error{kUsage} for an override that no
// step has. overrides: "key=value" for options that a step names; applied to every step that has the key.
Recipe read_recipe(io::FileSystem& fs, const std::string& path, const std::string& out,
                   const std::vector<std::string>& overrides);

}  // namespace bitline::app
