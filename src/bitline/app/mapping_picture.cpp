#include "bitline/app/mapping_picture.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "bitline/app/svg.h"
#include "bitline/base/units.h"
#include "bitline/mapping/usage.h"

namespace bitline::app {

namespace {

constexpr int kMargin = 16, kLine = 18, kGap = 3, kWidth = 960;
constexpr std::int64_t kColours = 8;  // of svg_colour

std::string number(double value) {
  return fixed_text(value, 2);
}

// Side of an array's square: large when there are few.
int side_of(std::int64_t arrays) {
  if (arrays <= 64) return 72;
  return arrays <= 1024 ? 24 : 9;
}

// The eight colours, then lighter and darker ones of them, ever closer to white and black: no two layers
// share one.
std::string layer_colour(std::int64_t layer) {
  const std::string base = svg_colour(layer);
  const std::int64_t turn = layer / kColours, strength = (turn + 1) / 2;
  std::string out = "#";
  for (std::size_t digit = 1; digit < base.size(); digit += 2) {
    const std::int64_t value = std::stoi(base.substr(digit, 2), nullptr, 16);
    const std::int64_t lighter = value + (255 - value) * 2 * strength / (2 * strength + 3);
    const std::int64_t darker = value * 3 / (2 * strength + 3);
    const std::int64_t shown = turn == 0 ? value : turn % 2 == 1 ? lighter : darker;
    constexpr const char* kHex = "0123456789abcdef";
    out += kHex[shown / 16];
    out += kHex[shown % 16];
  }
  return out;
}

class Picture {
 public:
  explicit Picture(const mapping::Mapping& mapping)
      : mapping_(mapping), usage_(mapping::usage_of(mapping)), side_(side_of(mapping.arrays)) {}

  std::string draw() {
    y_ = kMargin + kLine;
    body_ += svg_text(kMargin, y_ - 5,
                      mapping_.chip.name + ": " + std::to_string(mapping_.arrays) + " arrays, " +
                          number(100.0 * usage_.utilisation()) + " % of their cells used");
    draw_legend();
    std::map<std::int64_t, std::map<std::int64_t, std::vector<const mapping::Block*>>> rounds;
    for (const mapping::Block& block : mapping_.blocks) rounds[block.round][block.array].push_back(&block);
    for (const auto& [round, arrays] : rounds) draw_round(round, arrays);
    return svg_picture(kWidth, y_ + kMargin, body_);
  }

 private:
  void draw_legend() {
    constexpr int kColumns = 3;
    const double cells = static_cast<double>(mapping_.chip.rows * mapping_.chip.columns);
    for (std::size_t l = 0; l < mapping_.layers.size(); ++l) {
      const mapping::LayerUsage& usage = usage_.layers[l];
      const int x = kMargin + static_cast<int>(l % kColumns) * (kWidth - 2 * kMargin) / kColumns;
      const int y = y_ + static_cast<int>(l / kColumns) * kLine;
      const double share = static_cast<double>(usage.cells) / (cells * static_cast<double>(usage.arrays));
      body_ += svg_rectangle(x, y, 12, 12, layer_colour(static_cast<std::int64_t>(l)), "");
      body_ += svg_text(x + 18, y + 11,
                        mapping_.layers[l].node + ": " + std::to_string(usage.arrays) + " arrays, " +
                            number(100.0 * share) + " %");
    }
    y_ += static_cast<int>((mapping_.layers.size() + kColumns - 1) / kColumns) * kLine + kMargin;
  }

  void draw_round(std::int64_t round,
                  const std::map<std::int64_t, std::vector<const mapping::Block*>>& arrays) {
    if (mapping_.rounds > 1) {
      body_ += svg_text(kMargin, y_ + kLine - 5, "round " + std::to_string(round));
      y_ += kLine;
    }
    const int step = side_ + kGap, columns = (kWidth - 2 * kMargin) / step;
    int i = 0;
    for (const auto& [array, blocks] : arrays) {
      draw_array(kMargin + i % columns * step, y_ + i / columns * step, array, blocks);
      ++i;
    }
    y_ += (i + columns - 1) / columns * step + kMargin;
  }

  void draw_array(int x, int y, std::int64_t array, const std::vector<const mapping::Block*>& blocks) {
    const double height = static_cast<double>(side_) / static_cast<double>(mapping_.chip.rows);
    const double width = static_cast<double>(side_) / static_cast<double>(mapping_.chip.columns);
    body_ += svg_rectangle(x, y, side_, side_, "#e4e4e4", "array " + std::to_string(array));
    for (const mapping::Block* b : blocks) {
      const mapping::MappedLayer& layer = mapping_.layers[static_cast<std::size_t>(b->layer)];
      body_ += svg_rectangle(
          x + static_cast<double>(b->column) * width, y + static_cast<double>(b->row) * height,
          static_cast<double>(b->width()) * width, static_cast<double>(b->rows) * height,
          layer_colour(b->layer),
          layer.node + ", replica " + std::to_string(b->replica) + ", array " + std::to_string(array) + ": " +
              std::to_string(b->rows) + " rows, " + std::to_string(b->width()) + " columns");
    }
  }

  const mapping::Mapping& mapping_;
  mapping::Usage usage_;
  int side_;
  int y_ = 0;
  std::string body_;
};

}  // namespace

std::string mapping_picture(const mapping::Mapping& mapping) {
  return Picture(mapping).draw();
}

}  // namespace bitline::app
