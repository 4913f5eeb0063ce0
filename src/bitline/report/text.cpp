#include "bitline/report/text.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "bitline/report/page.h"
#include "bitline/report/table_check.h"

namespace bitline::report {

namespace {

constexpr std::size_t kPageWidth = 100;
constexpr std::size_t kGap = 2;
constexpr std::size_t kWidestText = 40;      // of a cell, before it is broken into lines
constexpr std::size_t kNarrowestValue = 20;  // of a figure's text beside a long key

using Lines = std::vector<std::string>;

bool is_number(const result::Value& value) {
  return !std::holds_alternative<std::string>(value);
}

void append_line(std::string& out, const std::string& line) {
  out += without_trailing_spaces(line) + '\n';
}

void append_title(std::string& out, const std::string& title, char rule) {
  std::size_t width = 0;
  for (const std::string& line : wrapped(title, kPageWidth)) {
    append_line(out, line);
    width = std::max(width, width_of(line));
  }
  append_line(out, std::string(width, rule));
}

struct FigureWidths {
  std::size_t key = 0;
  std::size_t number = 0;  // numbers end at one place, so that their units stand below each other
};

FigureWidths measure(const std::vector<result::Figure>& figures) {
  FigureWidths widths;
  for (const result::Figure& figure : figures) {
    widths.key = std::max(widths.key, width_of(figure.key));
    if (!is_number(figure.value)) continue;
    widths.number = std::max(widths.number, width_of(result::value_text(figure.value, figure.decimals)));
  }
  return widths;
}

void append_figure(std::string& out, const result::Figure& figure, const FigureWidths& widths) {
  const std::size_t indent = widths.key + kGap;
  std::string text = result::value_text(figure.value, figure.decimals);
  if (is_number(figure.value)) text = padded_left(text, widths.number);
  if (!figure.unit.empty()) text += " " + figure.unit;
  // A number keeps its line: broken digits cannot be read.
  const std::size_t room = std::max(kNarrowestValue, kPageWidth - std::min(kPageWidth, indent));
  std::string start = padded_right(figure.key, indent);
  for (const std::string& line : is_number(figure.value) ? Lines{text} : wrapped(text, room)) {
    append_line(out, start + line);
    start.assign(indent, ' ');
  }
}

// A table's cells as lines of text, the header as the first row.
struct Grid {
  std::vector<std::vector<Lines>> rows;
  std::vector<std::size_t> widths;  // of each column
  std::vector<bool> holds_numbers;  // such a column is aligned to the right
};

void add_cell(Grid& grid, std::size_t column, Lines lines) {
  for (const std::string& line : lines) grid.widths[column] = std::max(grid.widths[column], width_of(line));
  grid.rows.back().push_back(std::move(lines));
}

Grid make_grid(const result::Table& table) {
  Grid grid;
  grid.widths.resize(table.columns.size());
  grid.holds_numbers.resize(table.columns.size());
  grid.rows.emplace_back();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    add_cell(grid, i, wrapped(table.columns[i].title, kWidestText));
  }
  for (const auto& row : table.rows) {
    grid.rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string text = result::value_text(row[i], table.columns[i].decimals);
      add_cell(grid, i, is_number(row[i]) ? Lines{text} : wrapped(text, kWidestText));
      if (is_number(row[i])) grid.holds_numbers[i] = true;
    }
  }
  return grid;
}

using Block = std::vector<std::size_t>;  // columns that are printed beside each other

std::vector<Block> make_blocks(const Grid& grid) {
  std::vector<Block> blocks;
  std::size_t used = 0;
  for (std::size_t i = 0; i < grid.widths.size(); ++i) {
    const bool fits = !blocks.empty() && used + kGap + grid.widths[i] <= kPageWidth;
    if (fits || i == 1) {
      blocks.back().push_back(i);
      used += kGap + grid.widths[i];
    } else {
      blocks.push_back(i == 0 ? Block{0} : Block{0, i});
      used = grid.widths[0] + (i == 0 ? 0 : kGap + grid.widths[i]);
    }
  }
  return blocks;
}

void append_row(std::string& out, const Grid& grid, const Block& block, const std::vector<Lines>& cells) {
  std::size_t height = 0;
  for (const std::size_t column : block) height = std::max(height, cells[column].size());
  for (std::size_t k = 0; k < height; ++k) {
    std::string line;
    for (const std::size_t column : block) {
      const std::string text = k < cells[column].size() ? cells[column][k] : std::string();
      const std::size_t width = grid.widths[column];
      if (column != block.front()) line.append(kGap, ' ');
      line += grid.holds_numbers[column] ? padded_left(text, width) : padded_right(text, width);
    }
    append_line(out, line);
  }
}

void append_block(std::string& out, const Grid& grid, const Block& block) {
  append_row(out, grid, block, grid.rows.front());
  std::string rule;
  for (const std::size_t column : block) {
    if (column != block.front()) rule.append(kGap, ' ');
    rule.append(grid.widths[column], '-');
  }
  append_line(out, rule);
  for (std::size_t i = 1; i < grid.rows.size(); ++i) append_row(out, grid, block, grid.rows[i]);
}

void append_table(std::string& out, const result::Table& table) {
  append_title(out, table.title.empty() ? table.key : table.title, '-');
  const Grid grid = make_grid(table);
  bool first = true;
  for (const Block& block : make_blocks(grid)) {
    if (!first) out += '\n';
    first = false;
    append_block(out, grid, block);
  }
  if (table.rows.empty()) append_line(out, "(no rows)");
}

}  // namespace

std::string to_text(const result::Record& record) {
  check_record(record);
  std::string out;
  append_title(out, record.title, '=');
  const FigureWidths widths = measure(record.figures);
  for (const result::Figure& figure : record.figures) append_figure(out, figure, widths);
  for (const result::Table& table : record.tables) {
    out += '\n';
    append_table(out, table);
  }
  return out;
}

}  // namespace bitline::report
