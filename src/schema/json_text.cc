#include "schema/json_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/limits.h"
#include "base/strings.h"

namespace leat::schema {
namespace {

std::string place(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t start = before.rfind('\n');
  const size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1);
  return fmt::format("line {}, column {}", line, std::max<size_t>(column, 1));
}

/// Walks the text without building anything: grammar, depth and size of objects.
class Checker : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(std::string_view text) : text_(text) {}
  Result<void> verdict() && {
    if (error_) return std::move(*error_);
    return {};
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    if (++keys_.back() <= limits::kSchemaKeys) return true;
    error_ = Error(ErrorCode::kLimit,
                   fmt::format("an object of more than {} keys, at most so many are read",
                               limits::kSchemaKeys))
                 .at(fmt::format("before key '{}'", utf8_prefix(key, limits::kShownBytes)));
    return false;
  }
  bool parse_error(size_t offset, const std::string& token,
                   const nlohmann::detail::exception& vendors) override {
    std::string_view why = vendors.what();
    if (size_t at = why.find(" - "); at != why.npos) why.remove_prefix(at + 3);
    if (size_t at = why.find("; last read"); at != why.npos) why = why.substr(0, at);
    if (size_t at = why.find("] "); at != why.npos) why.remove_prefix(at + 2);
    error_ = Error(ErrorCode::kInvalidArgument,
                   fmt::format("no JSON: {} near '{}'", utf8_prefix(why, 256),
                               utf8_prefix(token, limits::kShownBytes)))
                 .at(place(text_, offset));
    return false;
  }

 private:
  bool open() {
    keys_.push_back(0);
    if (keys_.size() <= limits::kSchemaDepth) return true;
    error_ = Error(
        ErrorCode::kLimit,
        fmt::format("JSON more than {} deep, at most so deep is read; give inner types a name "
                    "and refer to them",
                    limits::kSchemaDepth));
    return false;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::string_view text_;
  std::vector<size_t> keys_;  // of each open object
  std::optional<Error> error_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, bool comments) {
  if (text.size() > limits::kSchemaBytes) {
    return Error(ErrorCode::kLimit, fmt::format("a schema of {} bytes, at most {} are taken",
                                                text.size(), limits::kSchemaBytes))
        .with_hint("split it into several schemas that refer to each other");
  }
  Checker checker(text);
  Json::sax_parse(text.begin(), text.end(), &checker, Json::input_format_t::json, true, comments);
  TRY(std::move(checker).verdict());
  return Json::parse(text.begin(), text.end(), nullptr, true, comments);
}

Json sorted_keys(const Json& value) {
  if (value.is_array()) {
    Json array = Json::array();
    for (const Json& one : value) array.push_back(sorted_keys(one));
    return array;
  }
  if (!value.is_object()) return value;
  std::map<std::string_view, const Json*> members;
  for (const auto& [key, member] : value.items()) members.emplace(key, &member);
  Json object = Json::object();
  for (const auto& [key, member] : members) object[std::string(key)] = sorted_keys(*member);
  return object;
}

std::string path_to(const Place& place, std::string_view root) {
  std::vector<std::string_view> steps;
  for (const Place* at = &place; at; at = at->outer) steps.push_back(at->step);
  std::string path(root);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (path.size() + step->size() > limits::kSchemaPathBytes) return path + "/…";
    path += *step;
  }
  return path;
}

std::string shown_json(const Json& value) {
  const std::string text = value.dump();
  if (text.size() <= limits::kShownBytes) return text;
  return std::string(utf8_prefix(text, limits::kShownBytes)) + "…";
}

}  // namespace leat::schema
