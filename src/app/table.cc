#include "app/table.h"

#include <algorithm>
#include <numeric>

#include "app/console.h"
#include "base/check.h"

namespace leat::app {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kLeastWidth = 6;  // of a column that is cut

bool is_number(const Cell& cell) {
  return cell.kind == Cell::Kind::kLiteral && !cell.text.empty() &&
         (cell.text[0] == '-' || (cell.text[0] >= '0' && cell.text[0] <= '9'));
}

/// Takes from the widest column, cell by cell, until all fit.
void shrink(std::vector<size_t>& widths, size_t total) {
  const size_t gaps = widths.empty() ? 0 : kGap * (widths.size() - 1);
  size_t used = std::accumulate(widths.begin(), widths.end(), gaps);
  while (used > total) {
    auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kLeastWidth) return;
    --*widest, --used;
  }
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

Cell Cell::literal(std::string json) {
  Cell cell;
  cell.kind = Kind::kLiteral;
  cell.text = std::move(json);
  return cell;
}

Cell Cell::of(const server::Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  return literal(server::dump(value));
}

void Table::add(std::vector<Cell> cells) {
  CHECK(cells.size() == columns_.size(), "{} cells for {} columns", cells.size(), columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::render(Format format, int width, std::string_view null_text) const {
  switch (format) {
    case Format::kJson:
      return render_json();
    case Format::kCsv:
      return render_csv();
    case Format::kTable:
      break;
  }
  return render_table(width, null_text);
}

std::string Table::render_table(int width, std::string_view null_text) const {
  const size_t count = columns_.size();
  std::vector<std::vector<std::string>> texts(rows_.size());
  std::vector<std::string> headers;
  std::vector<size_t> widths;
  std::vector<bool> right(count, !rows_.empty());
  for (const std::string& name : columns_) {
    headers.push_back(printable(name, false));
    widths.push_back(display_width(headers.back()));
  }
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < count; ++c) {
      const Cell& cell = rows_[r][c];
      if (cell.kind != Cell::Kind::kNull && !is_number(cell)) right[c] = false;
      texts[r].push_back(cell.kind == Cell::Kind::kNull ? std::string(null_text)
                                                        : printable(cell.text, false));
      widths[c] = std::max(widths[c], display_width(texts[r].back()));
    }
  }
  if (width > 0) shrink(widths, static_cast<size_t>(width));
  std::string out;
  auto line = [&](const std::vector<std::string>& cells) {
    for (size_t c = 0; c < count; ++c) {
      const std::string text = width > 0 ? cut_to_width(cells[c], widths[c]) : cells[c];
      const size_t used = display_width(text);
      const std::string pad(widths[c] > used ? widths[c] - used : 0, ' ');
      if (right[c])
        out += pad + text;
      else
        out += c + 1 < count ? text + pad : text;  // no blanks at the end of a line
      if (c + 1 < count) out += std::string(kGap, ' ');
    }
    out += '\n';
  };
  line(headers);
  for (const auto& cells : texts) line(cells);
  return out;
}

std::string Table::render_json() const {
  std::string out = "[";
  for (size_t r = 0; r < rows_.size(); ++r) {
    out += r > 0 ? ",\n{" : "\n{";
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) out += ',';
      out += server::json_text(columns_[c]) + ":";
      const Cell& cell = rows_[r][c];
      switch (cell.kind) {
        case Cell::Kind::kNull:
          out += "null";
          break;
        case Cell::Kind::kText:
          out += server::json_text(cell.text);
          break;
        case Cell::Kind::kLiteral:
          out += cell.text;
          break;
      }
    }
    out += '}';
  }
  return out + (rows_.empty() ? "]\n" : "\n]\n");
}

std::string Table::render_csv() const {
  std::string out;
  for (size_t c = 0; c < columns_.size(); ++c) out += (c > 0 ? "," : "") + csv_field(columns_[c]);
  out += '\n';
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) out += ',';
      // "" is a text without characters, nothing is null.
      const bool empty_text = row[c].kind == Cell::Kind::kText && row[c].text.empty();
      out += empty_text ? "\"\"" : csv_field(row[c].text);
    }
    out += '\n';
  }
  return out;
}

}  // namespace leat::app
