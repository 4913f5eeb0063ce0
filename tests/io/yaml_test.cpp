#include "bitline/io/yaml.h"

#include <limits>

#include "base/error_of.h"
#include "scratch_folder.h"
#include <gtest/gtest.h>

#include "bitline/io/atomic_file.h"

namespace bitline::io {
namespace {

constexpr const char* kChip =
    "# a chip\n"
    "array:\n"
    "  rows: 128\n"
    "  adc: {bits: 5, range: [0.5, -1e-3]}\n"
    "names:\n"
    "  - 'yes'\n"
    "  - plain words\n"
    "nothing:\n"
    "flag: true\n";

TEST(Yaml, ReadsMapsSequencesAndScalarsInFileOrder) {
  const YamlNode root = parse_yaml(kChip, "chip.yaml");
  ASSERT_EQ(root.entries.size(), 4u);
  EXPECT_EQ(root.entries[1].first, "names");
  EXPECT_EQ(root.find("array")->find("rows")->as_int(1, 1024), 128);
  const YamlNode& range = *root.find("array")->find("adc")->find("range");
  EXPECT_EQ(range.items[0].as_real(0, 1), 0.5);
  EXPECT_EQ(range.items[1].as_real(-1, 1), -1e-3);
  EXPECT_EQ(root.find("names")->items[0].as_text(), "yes");
  EXPECT_EQ(root.find("names")->items[1].as_text(), "plain words");
  EXPECT_EQ(root.find("nothing")->kind, YamlNode::Kind::kNull);
  EXPECT_TRUE(root.find("flag")->as_bool());
  EXPECT_EQ(root.find("absent"), nullptr);
}

TEST(Yaml, EveryValueAndKeyKnowsItsPlace) {
  const YamlNode root = parse_yaml(kChip, "chip.yaml");
  EXPECT_EQ(root.find("array")->find("rows")->where.text(), "chip.yaml:3:9");
  EXPECT_EQ(root.find("array")->key_places[1].text(), "chip.yaml:4:3");
  EXPECT_EQ(root.find("names")->items[1].where.text(), "chip.yaml:7:5");
  EXPECT_EQ(root.find("nothing")->where.text(), "chip.yaml:8:1") << "an absent value is where its key is";
}

TEST(Yaml, AnEmptyFileIsNull) {
  EXPECT_EQ(parse_yaml("", "f").kind, YamlNode::Kind::kNull);
  EXPECT_EQ(parse_yaml("# only words\n", "f").kind, YamlNode::Kind::kNull);
  EXPECT_EQ(error_of([] { YamlMapReader(parse_yaml("", "f")); }), "f:1:1: expected a map, got nothing");
}

TEST(Yaml, TabsAreNoIndentation) {
  const std::string error = error_of([] { parse_yaml("a:\n\tb: 1\n", "f"); });
  EXPECT_EQ(error.substr(0, 4), "f:2:") << error;
  EXPECT_NE(error.find("indent with spaces, not with tabs"), std::string::npos) << error;
}

struct Refusal {
  const char* text;
  const char* error;
};

class YamlRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(YamlRefuses, WithPlaceAndReason) {
  const std::string error = error_of([] { parse_yaml(GetParam().text, "f"); });
  EXPECT_EQ(error.substr(0, std::string(GetParam().error).size()), GetParam().error) << error;
}

INSTANTIATE_TEST_SUITE_P(StricterThanYaml, YamlRefuses,
                         testing::Values(Refusal{"a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key 'a'"},
                                         Refusal{"{a: 1, 'a': 2}", "f:1:8: duplicate key 'a'"},
                                         Refusal{"a: &x 1\n", "f:1:4: anchors (&name) are not supported"},
                                         Refusal{"a: &x {b: 1}\n", "f:1:4: anchors"},
                                         Refusal{"a: &x [*x]\n", "f:1:4: anchors"},
                                         Refusal{"a: *x\n", "f:1:4: "},
                                         Refusal{"a: !!int 3\n", "f:1:4: tags"},
                                         Refusal{"a: !mine [1]\n", "f:1:4: tags (!mine) are not supported"},
                                         Refusal{"? [1, 2]\n: x\n", "f:1:3: expected a plain key"},
                                         Refusal{"? {a: 1}\n: x\n", "f:1:3: expected a plain key"},
                                         Refusal{"~: 1\n", "f:1:1: expected a key"},
                                         Refusal{"a: 1\n---\nb: 2\n", "f:2:1: text after"},
                                         Refusal{"a: 1\n...\nb: 2\n", "f:3:1: text after"}));

INSTANTIATE_TEST_SUITE_P(Malformed, YamlRefuses,
                         testing::Values(Refusal{"a: [1, 2\n", "f:2:1: "},
                                         Refusal{"a: 'x\n", "f:1:4: this quoted text has no closing quote"},
                                         Refusal{"a: \"x\\\"\n", "f:1:4: this quoted text"},
                                         Refusal{"a: 'it''s\nb: 2\n", "f:1:4: this quoted text"},
                                         Refusal{"'k\n", "f:1:1: this quoted text"},
                                         Refusal{"a: 1\n  b: 2\n", "f:2:4: "}, Refusal{"\ta: 1\n", "f:"},
                                         Refusal{"a: {b: 1}}\n", "f:1:10: "},
                                         Refusal{"%YAML 9.9.9\n---\n", "f:1:"},
                                         Refusal{"a: \"\\q\"\n", "f:1:"}));

TEST(Yaml, QuotesAndTheUtf8MarkAreUnderstood) {
  const YamlNode root = parse_yaml(
      "\xEF\xBB\xBF"
      "a: 'it''s'\nb: \"q\\\"\\\\\"\nc: ''\n\xC3\xA9: 'x'\n",
      "f");
  EXPECT_EQ(root.find("a")->as_text(), "it's");
  EXPECT_EQ(root.find("b")->as_text(), "q\"\\");
  EXPECT_EQ(root.find("c")->as_text(), "");
  EXPECT_EQ(root.find("\xC3\xA9")->as_text(), "x");
  EXPECT_EQ(root.find("a")->where.text(), "f:1:4");
}

TEST(Yaml, OtherEncodingsAreRefused) {
  const std::string error = "f: expected UTF-8 text, got UTF-16, UTF-32 or a binary file";
  EXPECT_EQ(error_of([] { parse_yaml(std::string_view("a\0:\0 \0001\0", 8), "f"); }), error);
  EXPECT_EQ(error_of([] { parse_yaml("\xFE\xFFxx", "f"); }), error);
}

TEST(Yaml, NestsSixtyFourDeepAndNoDeeper) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_NO_THROW(parse_yaml(nested(64), "f"));
  EXPECT_EQ(error_of([&] { parse_yaml(nested(65), "f"); }), "f:1:65: nested deeper than 64 levels");
}

std::string error_of_value(const std::string& text, const std::function<void(const YamlNode&)>& read) {
  const YamlNode node = parse_yaml(text, "f");
  return error_of([&] { read(node); });
}

TEST(Yaml, ScalarsHaveNoHiddenTypes) {
  const auto as_int = [](const YamlNode& n) { n.as_int(0, 100); };
  const auto as_bool = [](const YamlNode& n) { n.as_bool(); };
  EXPECT_EQ(error_of_value("010", as_int),
            "f:1:1: expected an integer from 0 to 100, got '010' (write the number without leading zeros)");
  for (const char* text :
       {"0x10", "1_0", "1.0", "1e1", "+1", "ten", "[1]", "101", "-1", "99999999999999999999", "~"}) {
    EXPECT_NE(error_of_value(text, as_int).find("expected an integer from 0 to 100"), std::string::npos)
        << text;
  }
  for (const char* text : {"yes", "no", "on", "True", "1", "~", "{a: true}"}) {
    EXPECT_NE(error_of_value(text, as_bool).find("expected true or false"), std::string::npos) << text;
  }
}

TEST(Yaml, RealsAreFiniteAndInRange) {
  const auto as_real = [](const YamlNode& n) { n.as_real(0, std::numeric_limits<double>::max()); };
  EXPECT_EQ(parse_yaml("2.5e-12", "f").as_real(0, 1), 2.5e-12);
  for (const char* text :
       {"inf", ".inf", "nan", ".nan", "1e999", "-0.1", "1.5 V", "0x1p3", "00.5", "1.5.2"}) {
    EXPECT_NE(error_of_value(text, as_real).find("expected a finite number of at least 0"), std::string::npos)
        << text;
  }
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(error_of_value("inf", [&](const YamlNode& n) { n.as_real(-infinity, infinity); }),
            "f:1:1: expected a finite number, got 'inf'");
}

TEST(Yaml, TextIsAScalar) {
  const auto as_text = [](const YamlNode& n) { n.as_text(); };
  EXPECT_EQ(error_of_value("[a]", as_text), "f:1:1: expected text, got a sequence");
  EXPECT_EQ(error_of_value("{a: 1}", as_text), "f:1:1: expected text, got a map");
  EXPECT_EQ(error_of_value("~", as_text), "f:1:1: expected text, got nothing");
}

TEST(YamlMapReader, ReadsTypedValuesAndFallbacks) {
  const YamlNode root = parse_yaml("rows: 64\nname: x\nvdd: 0.9\nsigned: false\n", "f");
  YamlMapReader reader(root);
  EXPECT_EQ(reader.integer("rows", 1, 1, 128), 64);
  EXPECT_EQ(reader.integer("columns", 32, 1, 128), 32);
  EXPECT_EQ(reader.text("name", "y"), "x");
  EXPECT_EQ(reader.text("title", "y"), "y");
  EXPECT_EQ(reader.real("vdd", 1.0, 0, 2), 0.9);
  EXPECT_EQ(reader.real("vss", 0.1, 0, 2), 0.1);
  EXPECT_FALSE(reader.boolean("signed", true));
  EXPECT_TRUE(reader.boolean("dense", true));
  EXPECT_EQ(reader.optional("none"), nullptr);
  EXPECT_NO_THROW(reader.finish());
}

TEST(YamlMapReader, RefusesUnknownKeysWithAHint) {
  const YamlNode root = parse_yaml("array:\n  rows: 64\n  adc_bit: 5\n", "f");
  YamlMapReader reader(*root.find("array"));
  reader.integer("rows", 1, 1, 128);
  reader.integer("adc_bits", 1, 1, 16);
  EXPECT_EQ(error_of([&] { reader.finish(); }), "f:3:3: unknown key 'adc_bit' (did you mean 'adc_bits'?)");
}

TEST(YamlMapReader, RequiredKeysAndRangesAreReported) {
  const YamlNode root = parse_yaml("a:\n  rows: 0\n", "f");
  YamlMapReader reader(*root.find("a"));
  EXPECT_EQ(error_of([&] { reader.required("cols"); }), "f:2:3: required key 'cols' is missing");
  EXPECT_EQ(error_of([&] { reader.integer("rows", 1, 1, 8); }),
            "f:2:9: expected an integer from 1 to 8, got '0'");
  EXPECT_EQ(error_of([&] { YamlMapReader{*root.find("a")->find("rows")}; }),
            "f:2:9: expected a map, got '0'");
}

TEST(Yaml, FilesAreReadWithTheirNameInErrors) {
  const ScratchFolder folder;
  write_atomically(posix(), folder / "x.yaml", "a: 1\na: 2\n");
  EXPECT_EQ(error_of([&] { read_yaml(posix(), folder / "x.yaml"); }),
            folder / "x.yaml:2:1: duplicate key 'a'");
}

}  // namespace
}  // namespace bitline::io
