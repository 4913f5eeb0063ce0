// The networks of results/networks: small enough, and as accurate as their records say.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/io/atomic_file.h"
#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

constexpr const char* kFolder = BITLINE_SOURCE_DIR "/results/networks";
constexpr std::uintmax_t kLargest = 16'000'000;  // bytes
constexpr double kImages = 500.0;

// Accuracy on all test images by network, of its recipe's last step.
std::map<std::string, double> recorded() {
  std::map<std::string, double> out;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const std::string steps = entry.path().parent_path() / entry.path().stem() / "steps.json";
    const io::Json journal = io::parse_json(io::read_text(io::posix(), steps), steps);
    for (const auto& [name, record] : journal.as_object()) {
      if (name.find("8 bits, accuracy") == std::string::npos) continue;
      out[entry.path()] = record.at("figures").at("accuracy").at("value").as_number();
    }
  }
  return out;
}

TEST(TrainedNetworks, AreAsAccurateAsTheirRecords) {
  const char* data = std::getenv("BITLINE_DATA");
  if (data == nullptr || !std::filesystem::exists(std::string(data) + "/cifar10"))
    GTEST_SKIP() << "no cifar10 in $BITLINE_DATA";
  ASSERT_FALSE(recorded().empty());
  for (const auto& [file, accuracy] : recorded()) {
    EXPECT_LE(std::filesystem::file_size(file), kLargest) << file;
    const result::Record measured =
        json_of({"simulate", "--model", file, "--data", "cifar10", "--images", "500"});
    const double share = accuracy / 100.0, spread = 100.0 * std::sqrt(share * (1.0 - share) / kImages);
    EXPECT_NEAR(number(measured, "accuracy"), accuracy, 3.0 * spread) << file;
  }
}

}  // namespace
}  // namespace bitline::cli
