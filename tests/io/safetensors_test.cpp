#include "bitline/io/safetensors.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/error_of.h"
#include "scratch_folder.h"
#include <gtest/gtest.h>

#include "bitline/io/tensor_values.h"

namespace bitline::io {
namespace {

std::vector<std::byte> file_with(const std::string& header, std::size_t data_size) {
  std::vector<std::byte> out(8 + header.size() + data_size);
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::byte>(header.size() >> 8 * i & 0xFFu);
  std::memcpy(out.data() + 8, header.data(), header.size());
  return out;
}

std::string error_of_file(const std::string& header, std::size_t data_size) {
  return error_of([&] { parse_safetensors(file_with(header, data_size), "m"); });
}

template <typename T>
StoredTensor tensor_of(DType dtype, const std::vector<T>& values) {
  StoredTensor t{dtype, {static_cast<std::int64_t>(values.size())}, {}};
  const auto bytes = std::as_bytes(std::span(values));
  t.bytes.assign(bytes.begin(), bytes.end());
  return t;
}

TensorFile sample() {
  TensorFile file;
  file.tensors["w"] = store_floats({2, 3}, std::vector<float>{1, -2, 3.5f, 0, -0.0f, 1e-40f});
  file.tensors["codes"] = store_ints({3}, std::vector<std::int32_t>{-7, 0, 2147483647});
  file.tensors["scalar"] = store_floats({}, std::vector<float>{42});
  file.tensors["empty"] = store_floats({0, 5}, {});
  file.metadata = {{"format", "bitline"}, {"note", "\"quoted\" \xc3\xa9"}};
  return file;
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const ScratchFolder folder;
  const TensorFile file = sample();
  write_safetensors(posix(), folder / "m.safetensors", file);
  const TensorFile back = read_safetensors(posix(), folder / "m.safetensors");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(back.tensors.at(name).dtype, tensor.dtype) << name;
    EXPECT_EQ(back.tensors.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(back.tensors.at(name).bytes, tensor.bytes) << name;
  }
  EXPECT_EQ(as_ints(back.tensors.at("codes"), "codes"), (std::vector<std::int32_t>{-7, 0, 2147483647}));
}

TEST(Safetensors, BytesAreDeterministicAndAligned) {
  const std::vector<std::byte> bytes = encode_safetensors(sample());
  EXPECT_EQ(bytes, encode_safetensors(parse_safetensors(bytes, "m")));
  EXPECT_EQ(std::to_integer<int>(bytes[0]) % 8, 0) << "the length of the header";
}

TEST(Safetensors, ReservedNameAndWrongSizeAreNotWritten) {
  TensorFile file;
  file.tensors["__metadata__"] = store_floats({}, std::vector<float>{1});
  EXPECT_EQ(error_of([&] { encode_safetensors(file); }),
            "a tensor cannot be named '__metadata__': the format reserves it");
  TensorFile wrong;
  wrong.tensors["w"] = StoredTensor{DType::kF32, {3}, std::vector<std::byte>(8)};
  EXPECT_EQ(error_of([&] { encode_safetensors(wrong); }),
            "tensor 'w': dtype and shape need 12 bytes, but it holds 8");
}

struct BadHeader {
  const char* header;
  std::size_t data_size;
  const char* error;
};

class SafetensorsRefuses : public testing::TestWithParam<BadHeader> {};

TEST_P(SafetensorsRefuses, WithTensorAndReason) {
  EXPECT_EQ(error_of_file(GetParam().header, GetParam().data_size), GetParam().error);
}

#define T(name, dtype, shape, offsets) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

INSTANTIATE_TEST_SUITE_P(
    Extents, SafetensorsRefuses,
    testing::Values(
        BadHeader{"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[4,12]") "}", 12,
                  "m: tensor 'b': its bytes overlap those of 'a'"},
        BadHeader{"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[0,8]") "}", 8,
                  "m: tensor 'b': its bytes overlap those of 'a'"},
        BadHeader{"{" T("a", "F32", "[2]", "[4,12]") "}", 12,
                  "m: tensor 'a': a hole of 4 bytes lies before its data"},
        BadHeader{"{" T("a", "F32", "[2]", "[0,8]") "}", 9,
                  "m: 1 bytes after the last tensor belong to none"},
        BadHeader{"{" T("a", "F32", "[2]", "[0,8]") "}", 7,
                  "m: tensor 'a': data_offsets [0, 8] leave the data of 7 bytes (is the file complete?)"},
        BadHeader{"{" T("a", "F32", "[2]", "[8,0]") "}", 8,
                  "m: tensor 'a': data_offsets [8, 0] run backwards"},
        BadHeader{"{" T("a", "F32", "[3]", "[0,8]") "}", 8,
                  "m: tensor 'a': data_offsets [0, 8] hold 8 bytes, but dtype and shape need 12"},
        BadHeader{"{" T("a", "F32", "[4611686018427387904,4]", "[0,0]") "}", 0,
                  "m: tensor 'a': the shape has more elements than can be counted"}));

INSTANTIATE_TEST_SUITE_P(
    Header, SafetensorsRefuses,
    testing::Values(
        BadHeader{"{" T("a", "F23", "[]", "[0,4]") "}", 4,
                  "m: tensor 'a': dtype 'F23' is not known (did you mean 'F32'?)"},
        BadHeader{"{" T("a", "F32", "[-1]", "[0,4]") "}", 4,
                  "m: tensor 'a': shape must hold integers of at least 0, got -1"},
        BadHeader{"{" T("a", "F32", "[1.0]", "[0,4]") "}", 4,
                  "m: tensor 'a': shape must hold integers of at least 0, got 1.0"},
        BadHeader{"{" T("a", "F32", "4", "[0,4]") "}", 4, "m: tensor 'a': shape must be an array"},
        BadHeader{"{" T("a", "F32", "[1]", "[0,4,8]") "}", 4, "m: tensor 'a': data_offsets must be a pair"},
        BadHeader{"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "m: tensor 'a': 'data_offsets' is missing"},
        BadHeader{"{\"a\":7}", 0, "m: tensor 'a': 'dtype' is missing"},
        BadHeader{"{\"a\":{\"dtype\":1}}", 0, "m: tensor 'a': dtype must be a string"},
        BadHeader{"{\"__metadata__\":{\"k\":1}}", 0, "m: __metadata__ entry 'k' must be a string"},
        BadHeader{"{\"__metadata__\":[]}", 0, "m: __metadata__ must be an object of strings"},
        BadHeader{"[]", 0, "m: the header must be a JSON object"},
        BadHeader{"{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8,
                  "m (header):1:55: duplicate key 'a'"}));

#undef T

TEST(Safetensors, HeaderLengthIsCheckedAgainstTheFile) {
  EXPECT_EQ(error_of([] { parse_safetensors(std::vector<std::byte>(7), "m"); }),
            "m: too short for a safetensors file: no header length");
  std::vector<std::byte> huge = file_with("{}", 0);
  huge[7] = std::byte{0xFF};
  EXPECT_NE(error_of([&] { parse_safetensors(huge, "m"); }).find("the header is said to have"),
            std::string::npos);
  std::vector<std::byte> one_more = file_with("{}", 0);
  one_more[0] = std::byte{3};
  EXPECT_EQ(
      error_of([&] { parse_safetensors(one_more, "m"); }),
      "m: the header is said to have 3 bytes, the file has 10 (is this a safetensors file, and complete?)");
}

// Against the definition of binary16, value by value: all 65536.
TEST(TensorValues, HalfFloatsFollowTheirDefinition) {
  for (unsigned bits = 0; bits <= 0xFFFF; ++bits) {
    const float got = float_from_half(static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double fraction = (bits & 1023) / 1024.0;
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    ASSERT_EQ(std::signbit(got), sign < 0) << bits;
    if (exponent == 31 && fraction > 0) {
      ASSERT_TRUE(std::isnan(got)) << bits;
    } else if (exponent == 31) {
      ASSERT_TRUE(std::isinf(got)) << bits;
    } else {
      const double magnitude =
          exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * std::pow(2.0, exponent - 15);
      ASSERT_EQ(static_cast<double>(got), sign * magnitude) << bits;
    }
  }
}

TEST(TensorValues, KnownHalvesAndBfloats) {
  EXPECT_EQ(float_from_half(0x3C00), 1.0f);
  EXPECT_EQ(float_from_half(0x0001), 0x1p-24f);
  EXPECT_EQ(float_from_half(0x03FF), 0x3FFp-24f);
  EXPECT_EQ(float_from_half(0x7BFF), 65504.0f);
  EXPECT_EQ(float_from_bfloat(0x3F80), 1.0f);
  EXPECT_EQ(float_from_bfloat(0xC049), -3.140625f);
  EXPECT_EQ(float_from_bfloat(0x0001), 0x1p-133f);
}

TEST(TensorValues, EveryDTypeReadsAsFloats) {
  EXPECT_EQ(as_floats(tensor_of<std::uint16_t>(DType::kF16, {0xC000, 0x0001}), "t"),
            (std::vector<float>{-2, 0x1p-24f}));
  EXPECT_EQ(as_floats(tensor_of<std::uint16_t>(DType::kBF16, {0x4000}), "t"), (std::vector<float>{2}));
  EXPECT_EQ(as_floats(tensor_of<double>(DType::kF64, {0.1}), "t"), (std::vector<float>{0.1f}));
  EXPECT_EQ(as_floats(tensor_of<std::int8_t>(DType::kI8, {-128, 127}), "t"), (std::vector<float>{-128, 127}));
  EXPECT_EQ(as_floats(tensor_of<std::uint8_t>(DType::kU8, {255}), "t"), (std::vector<float>{255}));
  EXPECT_EQ(as_floats(tensor_of<std::int16_t>(DType::kI16, {-300}), "t"), (std::vector<float>{-300}));
  EXPECT_EQ(as_floats(tensor_of<std::int32_t>(DType::kI32, {70000}), "t"), (std::vector<float>{70000}));
  EXPECT_EQ(as_floats(tensor_of<std::int64_t>(DType::kI64, {1ll << 40}), "t"), (std::vector<float>{0x1p40f}));
  EXPECT_EQ(as_floats(tensor_of<std::uint8_t>(DType::kBool, {0, 1}), "t"), (std::vector<float>{0, 1}));
}

TEST(TensorValues, IntegersAreCheckedNotRounded) {
  EXPECT_EQ(as_ints(tensor_of<std::int8_t>(DType::kI8, {-3}), "t"), (std::vector<std::int32_t>{-3}));
  EXPECT_EQ(as_ints(tensor_of<std::int64_t>(DType::kI64, {-2147483648ll}), "t"),
            (std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::min()}));
  EXPECT_EQ(error_of([] { as_ints(tensor_of<std::int64_t>(DType::kI64, {2147483648ll}), "t"); }),
            "tensor 't': 2147483648 does not fit in 32 bits");
  EXPECT_EQ(error_of([] { as_ints(tensor_of<float>(DType::kF32, {1}), "t"); }),
            "tensor 't': expected integers, got F32");
}

TEST(TensorValues, AShapeThatDoesNotFitTheBytesIsRefused) {
  EXPECT_EQ(error_of([] {
              as_floats(StoredTensor{DType::kF32, {2}, std::vector<std::byte>(4)}, "t");
            }),
            "tensor 't': dtype and shape need 8 bytes, but it holds 4");
  EXPECT_EQ(error_of([] { store_floats({3}, std::vector<float>{1}); }, ErrorCode::kInternal).empty(), false);
}

TEST(Safetensors, ReadsARealModel) {
  const char* data = std::getenv("BITLINE_DATA");
  if (data == nullptr) GTEST_SKIP() << "BITLINE_DATA is not set";
  const std::string path = std::string(data) + "/models/resnet20_akamaster.safetensors";
  if (!posix().exists(path)) GTEST_SKIP() << "no " << path;
  const TensorFile file = read_safetensors(posix(), path);
  EXPECT_EQ(file.metadata.at("shortcut"), "option A");
  EXPECT_EQ(file.tensors.at("conv1.weight").shape, (std::vector<std::int64_t>{16, 3, 3, 3}));
  std::size_t weights = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const std::vector<float> values = as_floats(tensor, name);
    for (const float v : values) ASSERT_TRUE(std::isfinite(v)) << name;
    if (name.find("running_") == std::string::npos) weights += values.size();
  }
  EXPECT_EQ(weights, 269'722u);  // the parameter count of ResNet-20 with option A shortcuts
}

}  // namespace
}  // namespace bitline::io
