// MobileNet and ShuffleNet through the commands; top-5 where there are many classes.
#include <cstdlib>
#include <filesystem>
#include <string>

#include "program.h"
#include <gtest/gtest.h>

#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

std::string data_folder(const std::string& name) {
  const char* root = std::getenv("BITLINE_DATA");
  if (root == nullptr) return {};
  const std::string path = std::string(root) + "/" + name;
  return std::filesystem::exists(path) ? path : std::string{};
}

io::Json figures(std::vector<std::string> words) {
  words.insert(words.end(), {"--quiet", "--format", "json"});
  const Outcome o = run_program(words);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return io::parse_json(o.exit_code == 0 ? o.out : R"({"figures": {}})", "stdout").at("figures");
}

TEST(LightNetworks, InfoDescribesThem) {
  const io::Json mobile = figures({"info", "--model", "zoo:mobilenet_v2_cifar"});
  EXPECT_EQ(mobile.at("parameters").at("value").as_int(), 2'236'682);
  EXPECT_EQ(mobile.at("output").at("value").as_text(), "[N, 10]");
  const io::Json shuffle = figures({"info", "--model", "zoo:shufflenet_v2_cifar"});
  EXPECT_EQ(shuffle.at("parameters").at("value").as_int(), 1'263'854);
}

// 13 depthwise layers of 8 to 256 channels, each channel on arrays of its own, and 13 pointwise ones.
TEST(LightNetworks, FillArraysGroupByGroup) {
  const std::string cifar = data_folder("cifar10");
  if (cifar.empty()) GTEST_SKIP() << "no cifar10 in $BITLINE_DATA";
  const io::Json f = figures({"calibrate", "--model", "zoo:mobilenet_v1_x0_25_cifar", "--untrained", "--data",
                              "cifar10", "--calibration-images", "4", "--test-images", "4"});
  EXPECT_EQ(f.at("layers_on_array").at("value").as_int(), 26);
  EXPECT_EQ(f.at("arrays").at("value").as_int(), 2514);
}

TEST(LightNetworks, GiveTheCodesOfTheTrainingGraph) {
  if (data_folder("cifar10").empty()) GTEST_SKIP() << "no cifar10 in $BITLINE_DATA";
  const Scratch scratch;
  for (const char* network : {"mobilenet_v2_x0_25_cifar", "shufflenet_v2_x0_5_cifar"}) {
    const std::string file = scratch.path(std::string(network) + ".safetensors");
    figures({"calibrate", "--model", std::string("zoo:") + network, "--untrained", "--data", "cifar10",
             "--calibration-images", "8", "--test-images", "4", "--out", file});
    const io::Json f =
        figures({"simulate", "--model", file, "--images", "4", "--verify", "--verify-images", "1"});
    EXPECT_EQ(f.at("verification").at("value").as_text(), "equal") << network;
    EXPECT_GT(f.at("verified_codes").at("value").as_int(), 100'000) << network;
    EXPECT_EQ(f.find("accuracy_top5"), nullptr) << "ten classes";
  }
}

TEST(LightNetworks, TopFiveIsToldOfAThousandClasses) {
  const std::string images = data_folder("imagenet1000");
  const std::string model = data_folder("models/mobilenet_v1_0.75_224_imagenet_bn.onnx");
  if (images.empty() || model.empty()) GTEST_SKIP() << "no imagenet1000 and MobileNet in $BITLINE_DATA";
  const io::Json f =
      figures({"simulate", "--model", model, "--data", "image-folder", "--data-dir", images, "--resize", "0",
               "--crop", "224", "--input-scaling", "signed", "--images", "48"});
  EXPECT_GE(f.at("accuracy").at("value").as_number(), 70.0);
  EXPECT_GE(f.at("accuracy_top5").at("value").as_number(), 90.0);
  EXPECT_GT(f.at("accuracy_top5").at("value").as_number(), f.at("accuracy").at("value").as_number());
}

}  // namespace
}  // namespace bitline::cli
