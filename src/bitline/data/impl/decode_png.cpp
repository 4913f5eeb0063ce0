#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

#include "bitline/data/impl/decoders.h"

namespace bitline::data {

namespace {

// Deflate packs at most 1032 bytes into one, and a byte may hold eight pixels.
constexpr std::uint64_t kPixelsPerByte = 1032 * 8;

// libpng reports an error by a long jump, so nothing with a destructor lives in the functions it may leave.
struct Reader {
  std::span<const std::byte> bytes;
  std::size_t position = 0;
  std::array<char, 128> message{};
  png_structp png = nullptr;
  png_infop info = nullptr;

  explicit Reader(std::span<const std::byte> source) : bytes(source) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto& reader = *static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader.message.data(), reader.message.size(), "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader.bytes.size() - reader.position) png_error(png, "the file ends too early");
  std::memcpy(out, reader.bytes.data() + reader.position, count);
  reader.position += count;
}

bool start(Reader& reader) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png == nullptr) return false;
  reader.info = png_create_info_struct(reader.png);
  return reader.info != nullptr;
}

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_read_fn(reader.png, &reader, on_read);
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_pixels(Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

[[noreturn]] void damaged(const Reader& reader, const std::string& path) {
  bad_input("damaged PNG: " + std::string(reader.message.data()), {path, 0, 0, {}});
}

}  // namespace

Image decode_png(std::span<const std::byte> bytes, const std::string& path) {
  Reader reader(bytes);
  BITLINE_CHECK(start(reader));
  if (!read_header(reader)) damaged(reader, path);
  Image image =
      blank_image(png_get_image_width(reader.png, reader.info), png_get_image_height(reader.png, reader.info),
                  bytes.size(), kPixelsPerByte, path);
  const auto row_size = static_cast<std::size_t>(image.width) * 3;
  BITLINE_CHECK(png_get_rowbytes(reader.png, reader.info) == row_size);
  std::vector<png_bytep> rows;
  for (std::int64_t y = 0; y < image.height; ++y)
    rows.push_back(image.rgb.data() + static_cast<std::size_t>(y) * row_size);
  if (!read_pixels(reader, rows.data())) damaged(reader, path);
  return image;
}

}  // namespace bitline::data
