// The table of data sets: to add one, write impl/NAME.cpp, declare its opener and add a line here.
#include <array>
#include <cstdlib>

#include "bitline/base/suggest.h"
#include "bitline/data/impl/kinds.h"

namespace bitline::data {

namespace {

struct Kind {
  const char* name;
  std::unique_ptr<Dataset> (*open)(const DatasetOptions&, Split, io::FileSystem&);
  Normalization normalization;
};

// What published ImageNet networks, and the usual CIFAR-10 ones, are trained with.
const Normalization kImageNet{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
// The figures usually quoted for the training images (not measured here).
const Normalization kCifar100{{0.5071f, 0.4865f, 0.4409f}, {0.2673f, 0.2564f, 0.2762f}};

const std::array<Kind, 4>& kinds() {
  static const std::array<Kind, 4> table = {{
      {"digits", open_digits, {}},
      {"cifar10", open_cifar10, kImageNet},
      {"cifar100", open_cifar100, kCifar100},
      {"image-folder", open_image_folder, kImageNet},
  }};
  return table;
}

const Kind& find_kind(const std::string& name) {
  for (const Kind& kind : kinds())
    if (name == kind.name) return kind;
  bad_input("unknown data set '" + name + "'", {}, suggestion(name, dataset_kinds()));
}

}  // namespace

std::vector<std::string> dataset_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.emplace_back(kind.name);
  return names;
}

Normalization default_normalization(const std::string& kind) {
  return find_kind(kind).normalization;
}

std::unique_ptr<Dataset> open_dataset(const DatasetOptions& options, Split split, io::FileSystem& fs) {
  const Kind& kind = find_kind(options.kind);
  if (options.limit < 0)
    bad_input("data set limit " + std::to_string(options.limit) + ", expected at least 0 (0 = all)");
  std::unique_ptr<Dataset> whole = kind.open(options, split, fs);
  return options.limit == 0 ? std::move(whole) : subset_of(std::move(whole), options.limit);
}

std::string data_folder(const DatasetOptions& options) {
  if (!options.data_dir.empty()) return options.data_dir;
  const char* folder = std::getenv("BITLINE_DATA");
  if (folder == nullptr || *folder == '\0')
    bad_input("data set '" + options.kind + "' needs a folder", {}, "give data_dir or set BITLINE_DATA");
  return folder;
}

}  // namespace bitline::data
