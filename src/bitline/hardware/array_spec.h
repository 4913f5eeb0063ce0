// The array a network is quantized for, as a YAML file describes it:
//
//   schema: bitline-array/1
//   name: generic 128x128     # optional; the geometry otherwise
//   array: {rows: 128, columns: 128}
//   cell: {bits: 2, encoding: twos-complement}
//   dac: {bits: 0}            # 0 = all activation bits at once
//   adc: {bits: "4"}          # optional; what a run asks for otherwise
//   variation: lognormal:0.1  # optional; the device spread simulated by default
//
// Every key is checked; an unknown one is an error with its place and the nearest known key.
#pragma once

#include <string>
#include <string_view>

#include "bitline/io/filesystem.h"
#include "bitline/io/yaml.h"

namespace bitline::hardware {

struct ArraySpec {
  std::string name = "generic 128x128";
  int rows = 128;
  int columns = 128;
  int cell_bits = 2;
  std::string encoding = "twos-complement";
  int dac_bits = 0;
  std::string adc_bits;  // empty: not stated
  std::string variation = "none";
};

ArraySpec parse_array_spec(const io::YamlNode& root);
ArraySpec read_array_spec(io::FileSystem& fs, const std::string& path);

// "128x128" or "128x128:2b" or a path to a YAML file.
ArraySpec open_array_spec(io::FileSystem& fs, const std::string& text);

}  // namespace bitline::hardware
