// The bytes of specs/*.yaml, written into the library by embed_specs.cmake.
#pragma once

#include <span>
#include <string_view>

namespace bitline::hardware {

struct ShippedFile {
  std::string_view name;  // "shafiee-isca-2016.yaml"
  std::string_view text;
};

std::span<const ShippedFile> shipped_files();

}  // namespace bitline::hardware
