// CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009) in the
// binary layout: records of one label byte (CIFAR-100: coarse, then fine) and 3 x 32 x 32 bytes.
#include <algorithm>
#include <string_view>
#include <utility>

#include "bitline/data/impl/cifar_classes.h"
#include "bitline/data/impl/kinds.h"
#include "bitline/io/atomic_file.h"

namespace bitline::data {

namespace {

constexpr std::int64_t kSide = 32;
constexpr std::size_t kPixels = 3 * 32 * 32;

struct Layout {
  const char* name;
  const char* archive_folder;  // what the published archive unpacks to
  std::vector<std::string> train_files, test_files;
  const char* names_file;
  std::span<const char* const> known_names;
  std::size_t label_bytes;

  std::size_t record_bytes() const { return label_bytes + kPixels; }
};

const Layout& cifar10() {
  static const Layout layout = {
      "cifar10",
      "cifar-10-batches-bin",
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      {"test_batch.bin"},
      "batches.meta.txt",
      kCifar10Classes,
      1};
  return layout;
}

const Layout& cifar100() {
  static const Layout layout = {
      "cifar100", "cifar-100-binary", {"train.bin"}, {"test.bin"}, "fine_label_names.txt", kCifar100Classes,
      2};
  return layout;
}

std::string find_folder(const Layout& layout, const std::string& root, const std::string& file,
                        io::FileSystem& fs) {
  const std::vector<std::string> places = {root + "/" + layout.name, root,
                                           root + "/" + layout.archive_folder};
  for (const std::string& place : places)
    if (fs.exists(place + "/" + file)) return place;
  bad_input("no " + file + " of " + layout.name + " (binary version), looked in " + places[0] + ", " +
                places[1] + " and " + places[2],
            {root, 0, 0, {}}, "set data_dir or BITLINE_DATA to the folder that holds it");
}

std::vector<std::string> read_names(const Layout& layout, const std::string& folder, io::FileSystem& fs) {
  const std::string path = folder + "/" + layout.names_file;
  if (!fs.exists(path)) return {layout.known_names.begin(), layout.known_names.end()};
  std::vector<std::string> names;
  const std::string text = io::read_text(fs, path);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) names.push_back(std::move(line));
    at = end + 1;
  }
  if (names.size() != layout.known_names.size())
    bad_input(
        std::to_string(names.size()) + " class names, expected " + std::to_string(layout.known_names.size()),
        {path, 0, 0, {}});
  return names;
}

void check_records(const Layout& layout, std::span<const std::byte> bytes, const std::string& path) {
  const std::size_t size = layout.record_bytes();
  if (bytes.empty() || bytes.size() % size != 0)
    bad_input(std::to_string(bytes.size()) + " bytes, expected a multiple of " + std::to_string(size) +
                  " (one record of " + layout.name + ")",
              {path, 0, 0, {}}, "the file may be truncated");
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    const auto label = std::to_integer<std::size_t>(bytes[at + layout.label_bytes - 1]);
    if (label < layout.known_names.size()) continue;
    bad_input("record " + std::to_string(at / size) + " (byte " + std::to_string(at) + ") has label " +
                  std::to_string(label) + ", expected below " + std::to_string(layout.known_names.size()),
              {path, 0, 0, {}});
  }
}

class Cifar : public Dataset {
 public:
  Cifar(const Layout& layout, const std::string& root, Split split, io::FileSystem& fs) : layout_(layout) {
    const auto& files = split == Split::kTrain ? layout.train_files : layout.test_files;
    const std::string folder = find_folder(layout, root, files[0], fs);
    names_ = read_names(layout, folder, fs);
    for (const std::string& file : files) {
      const std::string path = folder + "/" + file;
      if (!fs.exists(path))
        bad_input("no such file, expected the " + std::to_string(files.size()) + " files " + files.front() +
                      " to " + files.back(),
                  {path, 0, 0, {}});
      const std::vector<std::byte> bytes = fs.read(path);
      check_records(layout, bytes, path);
      records_.reserve(bytes.size() * files.size());
      records_.insert(records_.end(), bytes.begin(), bytes.end());
    }
  }

  std::string name() const override { return layout_.name; }
  std::int64_t size() const override {
    return static_cast<std::int64_t>(records_.size() / layout_.record_bytes());
  }
  ImageShape shape() const override { return {3, kSide, kSide}; }
  const std::vector<std::string>& class_names() const override { return names_; }

  int label(std::int64_t index) const override {
    check_index(*this, index);
    return std::to_integer<int>(record(index)[layout_.label_bytes - 1]);
  }

  void read(std::int64_t index, std::span<float> pixels) const override {
    check_read(*this, index, pixels);
    const auto bytes = record(index).subspan(layout_.label_bytes);
    for (std::size_t i = 0; i < kPixels; ++i) pixels[i] = std::to_integer<std::uint8_t>(bytes[i]) / 255.0f;
  }

 private:
  std::span<const std::byte> record(std::int64_t index) const {
    const std::size_t size = layout_.record_bytes();
    return std::span(records_).subspan(static_cast<std::size_t>(index) * size, size);
  }

  const Layout& layout_;
  std::vector<std::string> names_;
  std::vector<std::byte> records_;
};

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const DatasetOptions& options, Split split, io::FileSystem& fs) {
  return std::make_unique<Cifar>(cifar10(), data_folder(options), split, fs);
}

std::unique_ptr<Dataset> open_cifar100(const DatasetOptions& options, Split split, io::FileSystem& fs) {
  return std::make_unique<Cifar>(cifar100(), data_folder(options), split, fs);
}

}  // namespace bitline::data
