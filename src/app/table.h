// Table: a result as people and programs want it: aligned columns, JSON, or CSV (RFC 4180).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/json.h"

namespace leat::app {

enum class Format : uint8_t { kTable, kJson, kCsv };

/// One value. `kLiteral` is JSON that stands for itself: a number, true, an object; never parsed,
/// so exact.
struct Cell {
  enum class Kind : uint8_t { kNull, kText, kLiteral } kind = Kind::kNull;
  std::string text;

  Cell() = default;
  Cell(std::string value)
      : kind(Kind::kText), text(std::move(value)) {}          // NOLINT: implicit on purpose
  Cell(std::string_view value) : Cell(std::string(value)) {}  // NOLINT
  Cell(const char* value) : Cell(std::string(value)) {}       // NOLINT
  Cell(int64_t value) : kind(Kind::kLiteral), text(std::to_string(value)) {}  // NOLINT
  static Cell literal(std::string json);
  /// A value of an API's answer.
  static Cell of(const server::Json& value);
};

class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}
  /// As many cells as columns.
  void add(std::vector<Cell> cells);
  size_t rows() const { return rows_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }

  /// kTable: a header and a line per row, numbers to the right, null as `null_text`; cut to `width`
  /// cells when it is not 0. kJson: an array of objects, one per line. kCsv: header and rows, null
  /// as nothing.
  std::string render(Format format, int width, std::string_view null_text = "-") const;

 private:
  std::string render_table(int width, std::string_view null_text) const;
  std::string render_json() const;
  std::string render_csv() const;

  std::vector<std::string> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace leat::app
