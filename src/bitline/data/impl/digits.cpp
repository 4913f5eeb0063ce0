// The UCI handwritten digits (Alpaydin and Kaynak, 1998), embedded in the library: 1,797 images of 8 x 8
// pixels with values 0..16. Every fifth image is a test image.
#include <charconv>
#include <string_view>

#include <zlib.h>

#include "bitline/data/impl/digits_bytes.h"
#include "bitline/data/impl/kinds.h"

namespace bitline::data {

namespace {

constexpr std::int64_t kSide = 8;
constexpr std::size_t kPixels = 64;
constexpr float kBrightest = 16.0f;
constexpr std::size_t kImages = 1797;
constexpr std::size_t kTestEvery = 5;
constexpr std::size_t kTextLimit = std::size_t{1} << 20;

std::string inflate_text() {
  std::string text(kTextLimit, '\0');
  z_stream stream{};
  BITLINE_CHECK(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);  // 16: expects a gzip header
  const auto packed = digits_bytes();
  stream.next_in = const_cast<unsigned char*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<unsigned char*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int status = inflate(&stream, Z_FINISH);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  BITLINE_CHECK(status == Z_STREAM_END);
  return text;
}

class Digits : public Dataset {
 public:
  explicit Digits(Split split) {
    for (int digit = 0; digit <= 9; ++digit) names_.push_back(std::to_string(digit));
    const std::string text = inflate_text();
    std::size_t row = 0;
    for (std::size_t at = 0; at < text.size(); ++row) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const bool test = row % kTestEvery == kTestEvery - 1;
      if (test == (split == Split::kTest)) add_row(std::string_view(text).substr(at, end - at));
      at = end + 1;
    }
    BITLINE_CHECK(row == kImages);
  }

  std::string name() const override { return "digits"; }
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  ImageShape shape() const override { return {1, kSide, kSide}; }
  const std::vector<std::string>& class_names() const override { return names_; }

  int label(std::int64_t index) const override {
    check_index(*this, index);
    return labels_[static_cast<std::size_t>(index)];
  }

  void read(std::int64_t index, std::span<float> pixels) const override {
    check_read(*this, index, pixels);
    const std::size_t first = static_cast<std::size_t>(index) * kPixels;
    for (std::size_t i = 0; i < kPixels; ++i) pixels[i] = static_cast<float>(values_[first + i]) / kBrightest;
  }

 private:
  void add_row(std::string_view row) {
    const char* at = row.data();
    const char* const end = at + row.size();
    for (std::size_t i = 0; i <= kPixels; ++i) {
      int value = -1;
      const auto [next, status] = std::from_chars(at, end, value);
      BITLINE_CHECK(status == std::errc() && value >= 0 && value <= (i < kPixels ? 16 : 9));
      if (i < kPixels) values_.push_back(static_cast<std::uint8_t>(value));
      if (i == kPixels) labels_.push_back(value);
      at = next == end ? end : next + 1;
    }
  }

  std::vector<std::string> names_;
  std::vector<std::uint8_t> values_;
  std::vector<int> labels_;
};

}  // namespace

std::unique_ptr<Dataset> open_digits(const DatasetOptions&, Split split, io::FileSystem&) {
  return std::make_unique<Digits>(split);
}

}  // namespace bitline::data
