// The array a network is quantized for, and nothing else of the chip, as a YAML file describes it:
//
//   schema: bitline-array/1
//   name: generic 128x128     # optional; the geometry otherwise
//   array: {rows: 128, columns: 128}
//   cell: {bits: 2, encoding: twos-complement}
//   dac: {bits: 0}            # 0 = all activation bits at once
//   adc: {bits: "4"}          # optional; what a run asks for otherwise
//   variation: lognormal:0.1  # optional; the device spread, shown and not simulated (simulate --variation)
//
// Every key is checked; an unknown one is an error with its place and the nearest known key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bitline/io/filesystem.h"
#include "bitline/io/yaml.h"

namespace bitline::hardware {

inline constexpr const char* kArraySchema = "bitline-array/1";

struct ArraySpec {
  std::string name = "generic 128x128";
  int rows = 128;
  int columns = 128;
  int cell_bits = 2;
  std::string encoding = "twos-complement";
  int dac_bits = 0;
  std::string adc_bits;  // empty: not stated
  std::string variation = "none";
  std::vector<std::string> files;  // that it was read from
};

ArraySpec parse_array_spec(const io::YamlNode& root);
ArraySpec read_array_spec(io::FileSystem& fs, const std::string& path);

// "128x128" or "128x128:2b", a shipped design such as "isaac" (designs.h), or a path to a YAML file: an array
// description, or the description of a whole chip (spec_reader.h), of which the array is taken.
ArraySpec open_array_spec(io::FileSystem& fs, const std::string& text);

}  // namespace bitline::hardware
