#include "bitline/io/json.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::io {
namespace {

TEST(Json, ReadsEveryKind) {
  const Json json = parse_json(R"({"a": [1, -2.5, "x\u00e9\n", true, null], "b": {}})", "f.json");
  const JsonArray& a = json.at("a").as_array();
  ASSERT_EQ(a.size(), 5u);
  EXPECT_EQ(a[0].as_int(), 1);
  EXPECT_EQ(a[0].as_number(), 1.0);
  EXPECT_EQ(a[1].as_number(), -2.5);
  EXPECT_EQ(a[2].as_text(), "x\xc3\xa9\n");
  EXPECT_TRUE(a[3].as_bool());
  EXPECT_TRUE(a[4].is_null());
  EXPECT_TRUE(json.at("b").as_object().empty());
}

TEST(Json, KeepsTheOrderOfKeys) {
  EXPECT_EQ(parse_json(R"({"z":1,"a":2,"m":3})", "f").dump(-1), R"({"z":1,"a":2,"m":3})");
}

TEST(Json, IntegersAreExactTo64Bits) {
  EXPECT_EQ(parse_json("9223372036854775807", "f").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_json("-9223372036854775808", "f").as_int(), std::numeric_limits<std::int64_t>::min());
}

struct Refusal {
  const char* text;
  const char* error;
};

class JsonRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(JsonRefuses, WithPlaceAndReason) {
  const std::string error = error_of([] { parse_json(GetParam().text, "f.json"); });
  EXPECT_EQ(error.substr(0, std::string(GetParam().error).size()), GetParam().error) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Malformed, JsonRefuses,
    testing::Values(Refusal{"{\"a\": 1,\n  \"a\": 2}", "f.json:2:3: duplicate key 'a'"},
                    Refusal{"{\"a\":{\"b\":1,\"b\":2}}", "f.json:1:13: duplicate key 'b'"},
                    Refusal{"{\"k\\u0061\":1,\"ka\":2}", "f.json:1:14: duplicate key 'ka'"},
                    Refusal{"", "f.json:1:1: syntax error"}, Refusal{"[1,\n2", "f.json:2:2: syntax error"},
                    Refusal{"[1] x", "f.json:1:5: syntax error"},
                    Refusal{"{} {}", "f.json:1:4: syntax error"},
                    Refusal{"{\"a\" 1}", "f.json:1:6: syntax error"},
                    Refusal{"[1,]", "f.json:1:4: syntax error"}, Refusal{"[NaN]", "f.json:1:2: syntax error"},
                    Refusal{"// c\n1", "f.json:1:1: syntax error"}, Refusal{"[1, 1e999]", "f.json:1:"},
                    Refusal{"\"\xff\"", "f.json:1:2: syntax error"},
                    Refusal{"[0, 9223372036854775808]", "f.json:1:5: this integer does not fit in 64 bits"},
                    Refusal{"{\"n\":\n -99999999999999999999}", "f.json:2:2: this integer does not fit"},
                    Refusal{"01", "f.json:1:2: syntax error"}));

TEST(Json, AZeroByteDoesNotEndTheText) {
  EXPECT_EQ(error_of([] { parse_json(std::string_view("[1]\0[2]", 7), "f"); }),
            "f:1:4: a zero byte in JSON text");
}

TEST(Json, NestsSixtyFourDeepAndNoDeeper) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_EQ(parse_json(nested(64), "f").dump(-1), nested(64));
  EXPECT_EQ(error_of([&] { parse_json(nested(65), "f"); }), "f:1:65: nested deeper than 64 levels");
  EXPECT_EQ(error_of([] { parse_json(std::string(1'000'000, '['), "f"); }),
            "f:1:65: nested deeper than 64 levels");
}

TEST(Json, TypedReadsNameWhatWasExpected) {
  const Json json = parse_json(R"({"bits": 2.5})", "f");
  EXPECT_EQ(error_of([&] { json.at("bits").as_int(); }), "expected an integer, got a number");
  EXPECT_EQ(error_of([&] { json.as_text(); }), "expected text, got an object");
  EXPECT_EQ(error_of([&] { json.at("bit"); }), "key 'bit' is missing (did you mean 'bits'?)");
  EXPECT_EQ(json.find("bit"), nullptr);
}

TEST(Json, SetAppendsOrReplaces) {
  Json json;
  json.set("b", 1).set("a", 2).set("b", "new");
  EXPECT_EQ(json.dump(-1), R"({"b":"new","a":2})");
}

TEST(Json, DumpIsIndentedAndEscaped) {
  Json json;
  json.set("list", JsonArray{Json(1), Json(0.5)}).set("empty", JsonArray{});
  json.set("text", std::string("\"\\\n\x01/") + "\xe2\x82\xac");
  EXPECT_EQ(json.dump(2),
            "{\n  \"list\": [\n    1,\n    0.5\n  ],\n  \"empty\": [],\n"
            "  \"text\": \"\\\"\\\\\\n\\u0001/\xe2\x82\xac\"\n}");
}

TEST(Json, DoublesStayDoublesAndAreShortest) {
  EXPECT_EQ(Json(0.1).dump(), "0.1");
  EXPECT_EQ(Json(3.0).dump(), "3.0");
  EXPECT_EQ(Json(-0.0).dump(), "-0.0");
  EXPECT_EQ(Json(1e300).dump(), "1e+300");
}

TEST(Json, NonFiniteNumbersCannotBeWritten) {
  error_of([] { Json(std::nan("")).dump(); });
  error_of([] { Json(std::numeric_limits<double>::infinity()).dump(); });
}

TEST(Json, RandomDoublesComeBackExactly) {
  const Philox random(11, stream_id("json"));
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const PhiloxBlock b = random.block(i);
    const double x = std::bit_cast<double>(std::uint64_t{b[0]} << 32 | b[1]);
    if (!std::isfinite(x)) continue;
    const double y = parse_json(Json(x).dump(), "f").as_number();
    ASSERT_EQ(std::bit_cast<std::uint64_t>(x), std::bit_cast<std::uint64_t>(y)) << Json(x).dump();
  }
}

// Whatever bytes a string holds, what is written can be read again, and good UTF-8 is unchanged.
TEST(Json, RandomBytesInStringsAreWrittenAsValidJson) {
  const Philox random(12, stream_id("json text"));
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    const PhiloxBlock b = random.block(i);
    std::string s;
    for (const std::uint32_t word : b) s += static_cast<char>(word >> 24);
    const std::string once = parse_json(Json(s).dump(), "f").as_text();
    ASSERT_EQ(parse_json(Json(once).dump(), "f").as_text(), once);
  }
  EXPECT_EQ(Json("a\xffz").dump(), "\"a\\ufffdz\"");
  EXPECT_EQ(Json("\xed\xa0\x80").dump(), "\"\\ufffd\\ufffd\\ufffd\"") << "a surrogate";
  EXPECT_EQ(Json("\xf0\x9f\x98\x80").dump(), "\"\xf0\x9f\x98\x80\"");
}

}  // namespace
}  // namespace bitline::io
