// A folder of class folders of PNG and JPEG files, read when asked for. Classes and files are in name order;
// hidden entries and other file types are passed over. FOLDER/train with FOLDER/val (or FOLDER/test) are the
// two splits; a folder without them serves for both.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "bitline/base/suggest.h"
#include "bitline/data/image.h"
#include "bitline/data/impl/kinds.h"

namespace bitline::data {

namespace {

namespace fs_path = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs_path::is_directory(path, ignored);
}

// Names in `folder`, sorted: its sub-folders, or its files.
std::vector<std::string> list(const std::string& folder, bool folders) {
  std::error_code status;
  std::vector<std::string> names;
  fs_path::directory_iterator entry(folder, status);
  for (const fs_path::directory_iterator end; !status && entry != end; entry.increment(status)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (name[0] != '.' && entry->is_directory(ignored) == folders) names.push_back(name);
  }
  if (status) bad_input("cannot list the folder: " + status.message(), {folder, 0, 0, {}});
  std::sort(names.begin(), names.end());
  return names;
}

bool is_picture(const std::string& name) {
  std::string ending = fs_path::path(name).extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

struct Folders {
  std::string classes;  // whose sub-folders number the classes
  std::string images;
};

Folders split_folders(const std::string& root, Split split) {
  for (const char* test : {"/val", "/test"})
    if (is_folder(root + "/train") && is_folder(root + test))
      return {root + "/train", root + (split == Split::kTrain ? "/train" : test)};
  return {root, root};
}

class ImageFolder : public Dataset {
 public:
  ImageFolder(const Folders& folders, const DatasetOptions& options, io::FileSystem& fs)
      : resize_(options.resize), crop_(options.crop), fs_(fs), names_(list(folders.classes, true)) {
    if (names_.empty())
      bad_input("no class folders, expected FOLDER/CLASS/PICTURE.jpg", {folders.classes, 0, 0, {}});
    for (const std::string& name : list(folders.images, true)) add_class(folders.images, name);
  }

  std::string name() const override { return "image-folder"; }
  std::int64_t size() const override { return static_cast<std::int64_t>(paths_.size()); }
  ImageShape shape() const override { return {3, crop_, crop_}; }
  const std::vector<std::string>& class_names() const override { return names_; }

  int label(std::int64_t index) const override {
    check_index(*this, index);
    return labels_[static_cast<std::size_t>(index)];
  }

  void read(std::int64_t index, std::span<float> pixels) const override {
    check_read(*this, index, pixels);
    const Image image = load(paths_[static_cast<std::size_t>(index)]);
    const std::size_t plane = image.rgb.size() / 3;
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      pixels[i % 3 * plane + i / 3] = static_cast<float>(image.rgb[i]) / 255.0f;
  }

 private:
  void add_class(const std::string& folder, const std::string& name) {
    const auto at = std::lower_bound(names_.begin(), names_.end(), name);
    if (at == names_.end() || *at != name)
      bad_input("class '" + name + "' has no training folder", {folder, 0, 0, {}}, suggestion(name, names_));
    const std::size_t before = paths_.size();
    for (const std::string& file : list(folder + "/" + name, false)) {
      if (!is_picture(file)) continue;
      paths_.push_back(folder + "/" + name + "/" + file);
      labels_.push_back(static_cast<int>(at - names_.begin()));
    }
    if (paths_.size() == before)
      bad_input("no pictures in the class folder, expected .png, .jpg or .jpeg files",
                {folder + "/" + name, 0, 0, {}});
  }

  Image load(const std::string& path) const {
    const Image image = decode_image(fs_.read(path), path);
    try {
      return center_crop(resize_ == 0 ? image : resize_short_side(image, resize_), crop_);
    } catch (const Error& error) {
      throw Error(error.code(), error.message(), {path, 0, 0, {}}, "set resize and crop of the data set");
    }
  }

  std::int64_t resize_;
  std::int64_t crop_;
  io::FileSystem& fs_;
  std::vector<std::string> names_;
  std::vector<std::string> paths_;
  std::vector<int> labels_;
};

}  // namespace

std::unique_ptr<Dataset> open_image_folder(const DatasetOptions& options, Split split, io::FileSystem& fs) {
  constexpr std::int64_t kLargest = 8192;
  if (options.resize < 0 || options.resize > kLargest || options.crop <= 0 || options.crop > kLargest ||
      (options.resize != 0 && options.crop > options.resize))
    bad_input("resize " + std::to_string(options.resize) + " and crop " + std::to_string(options.crop) +
              ", expected 1 <= crop <= resize <= 8192, or resize 0 to leave the size");
  const std::string root = data_folder(options);
  if (!is_folder(root)) bad_input("no such folder, expected FOLDER/CLASS/PICTURE.jpg", {root, 0, 0, {}});
  return std::make_unique<ImageFolder>(split_folders(root, split), options, fs);
}

}  // namespace bitline::data
