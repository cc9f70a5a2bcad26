#include "app/answer.h"

namespace leat::app {
namespace {

/// Walks {"columns": [{"name", "type"}…], "rows": [[cell…]…], "truncated", …}. A cell that is a
/// list or an object is written out again, event by event, as it came.
class Reader final : public nlohmann::json_sax<server::Json> {
 public:
  bool null() override { return scalar({}, "null"); }
  bool boolean(bool value) override {
    if (depth_ == 1 && key_ == "truncated") truncated = value;
    const char* text = value ? "true" : "false";
    return scalar(Cell::literal(text), text);
  }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (depth_ == 1 && key_ == "elapsed_ms") elapsed_ms = value;
    return number(text);
  }
  bool string(string_t& text) override {
    if (depth_ == 3 && part_ == Part::kColumns && key_ == "name") columns.push_back(text);
    return scalar(text, nested_ > 0 ? server::json_text(text) : std::string());
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open('{'); }
  bool end_object() override { return close('}'); }
  bool start_array(std::size_t) override {
    if (depth_ == 1)
      part_ = key_ == "rows" ? Part::kRows : key_ == "columns" ? Part::kColumns : Part::kOther;
    if (part_ == Part::kRows && depth_ == 2) rows.emplace_back();
    return open('[');
  }
  bool end_array() override {
    const bool done = close(']');
    if (depth_ == 1) part_ = Part::kOther;
    return done;
  }
  bool key(string_t& name) override {
    if (nested_ > 0) {
      comma();
      text_ += server::json_text(name) + ":";
      after_key_ = true;
    } else {
      key_ = name;
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
  bool truncated = false;
  double elapsed_ms = 0;

 private:
  enum class Part { kOther, kColumns, kRows };
  // Depths: 1 in the answer, 2 in "rows", 3 in a row, 4 and more in a nested cell.
  bool in_row() const { return part_ == Part::kRows && depth_ >= 3; }

  void comma() {
    if (!after_key_ && !text_.empty() && text_.back() != '{' && text_.back() != '[') text_ += ',';
    after_key_ = false;
  }
  bool number(const std::string& text) { return scalar(Cell::literal(text), text); }
  bool scalar(Cell cell, const std::string& json) {
    if (!in_row()) return true;
    if (nested_ == 0) {
      rows.back().push_back(std::move(cell));
    } else {
      comma();
      text_ += json;
    }
    return true;
  }
  bool open(char bracket) {
    if (in_row()) {
      if (nested_++ == 0) text_.clear();
      comma();
      text_ += bracket;
    }
    ++depth_;
    return true;
  }
  bool close(char bracket) {
    --depth_;
    if (in_row()) {
      text_ += bracket;
      if (--nested_ == 0) rows.back().push_back(Cell::literal(std::exchange(text_, {})));
    }
    return true;
  }

  Part part_ = Part::kOther;
  int depth_ = 0, nested_ = 0;
  std::string key_, text_;
  bool after_key_ = false;
};

}  // namespace

Result<Answer> read_answer(std::string_view json) {
  Reader reader;
  const bool whole = server::Json::sax_parse(json, &reader);
  bool even = whole;
  for (const auto& row : reader.rows) even = even && row.size() == reader.columns.size();
  if (!even) return Error(ErrorCode::kInternal, "the answer to the query is not of its form");
  Answer answer;
  answer.table = Table(std::move(reader.columns));
  for (auto& row : reader.rows) answer.table.add(std::move(row));
  answer.truncated = reader.truncated;
  answer.elapsed_ms = reader.elapsed_ms;
  return answer;
}

}  // namespace leat::app
