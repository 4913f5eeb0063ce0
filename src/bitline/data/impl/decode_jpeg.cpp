#include <memory>
#include <type_traits>

#include <turbojpeg.h>

#include "bitline/data/impl/decoders.h"

namespace bitline::data {

namespace {

// A block of 8 x 8 pixels takes at least one bit.
constexpr std::uint64_t kPixelsPerByte = 64 * 8;
constexpr int kFlags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;

struct Close {
  void operator()(tjhandle handle) const { tjDestroy(handle); }
};
using Decoder = std::unique_ptr<std::remove_pointer_t<tjhandle>, Close>;

[[noreturn]] void damaged(const std::string& reason, const std::string& path) {
  bad_input("damaged JPEG: " + reason, {path, 0, 0, {}});
}

// Some cameras leave a few bytes between two segments; every pixel is there all the same.
bool harmless(tjhandle decoder, const std::string& reason) {
  return tjGetErrorCode(decoder) == TJERR_WARNING && reason.find("extraneous bytes") != std::string::npos;
}

void decompress(tjhandle decoder, std::span<const std::byte> bytes, const Image& size, TJPF format,
                std::vector<std::uint8_t>& out, const std::string& path) {
  const int status =
      tjDecompress2(decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data(),
                    static_cast<int>(size.width), 0, static_cast<int>(size.height), format, kFlags);
  if (status == 0) return;
  const std::string reason = tjGetErrorStr2(decoder);
  if (!harmless(decoder, reason)) damaged(reason, path);
}

std::uint8_t scale_byte(std::uint8_t a, std::uint8_t b) {
  return static_cast<std::uint8_t>((int{a} * int{b} + 127) / 255);
}

// CMYK pictures are stored inverted (Adobe's habit): each value is the light that is left.
void cmyk_to_rgb(const std::vector<std::uint8_t>& cmyk, std::vector<std::uint8_t>& rgb) {
  for (std::size_t i = 0; i < rgb.size(); ++i)
    rgb[i] = scale_byte(cmyk[i / 3 * 4 + i % 3], cmyk[i / 3 * 4 + 3]);
}

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& path) {
  const Decoder decoder(tjInitDecompress());
  BITLINE_CHECK(decoder != nullptr);
  int width = 0, height = 0, subsampling = 0, colors = 0;
  if (tjDecompressHeader3(decoder.get(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                          &width, &height, &subsampling, &colors) != 0) {
    const std::string reason = tjGetErrorStr2(decoder.get());
    if (!harmless(decoder.get(), reason)) damaged(reason, path);
  }
  Image image = blank_image(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height),
                            bytes.size(), kPixelsPerByte, path);
  if (colors != TJCS_CMYK && colors != TJCS_YCCK) {
    decompress(decoder.get(), bytes, image, TJPF_RGB, image.rgb, path);
    return image;
  }
  std::vector<std::uint8_t> cmyk(image.rgb.size() / 3 * 4);
  decompress(decoder.get(), bytes, image, TJPF_CMYK, cmyk, path);
  cmyk_to_rgb(cmyk, image.rgb);
  return image;
}

}  // namespace bitline::data
