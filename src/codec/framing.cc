#include "codec/framing.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/limits.h"

namespace leat::codec {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// One reference token of a JSON Pointer with ~1 and ~0 decoded; nullopt: a stray '~'.
std::optional<std::string> decode_token(std::string_view raw) {
  std::string token;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '~') {
      token += raw[i];
    } else {
      if (++i == raw.size() || (raw[i] != '0' && raw[i] != '1')) return std::nullopt;
      token += raw[i] == '0' ? '~' : '/';
    }
  }
  return token;
}

Error too_long() {
  return Error(ErrorCode::kLimit,
               fmt::format("a record is longer than {} bytes", limits::kMaxRecordBytes))
      .with_blame(Blame::kUser)
      .with_hint("check that the file has the declared format");
}

class NdjsonFramer final : public Framer {
 public:
  explicit NdjsonFramer(bool skipping) : skipping_(skipping) {}

  Result<size_t> frame(std::string_view bytes, bool last, size_t most,
                       std::vector<std::string_view>& records) override {
    size_t at = 0;
    while (at < bytes.size() && records.size() < most) {
      const void* newline = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
      size_t end = newline ? static_cast<size_t>(static_cast<const char*>(newline) - bytes.data())
                           : bytes.size();
      if (end - at > limits::kMaxRecordBytes) {
        if (at == 0) return too_long();
        break;
      }
      if (!newline && !last) break;
      std::string_view line = bytes.substr(at, end - at);
      at = newline ? end + 1 : end;
      if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
      while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
      while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
      if (!line.empty()) records.push_back(line);
    }
    return at;
  }

  size_t skip(std::string_view bytes, bool last) override {
    const size_t newline = bytes.find('\n');
    skipping_ = newline == std::string_view::npos && !last;
    return newline == std::string_view::npos ? bytes.size() : newline + 1;
  }
  std::string skipping() const override { return skipping_ ? "line" : ""; }

 private:
  bool skipping_;
};

class JsonArrayFramer final : public Framer {
 public:
  JsonArrayFramer(bool resumed, std::string_view skipping) : begun_(resumed), resumed_(resumed) {
    if (skipping.empty()) return;
    // DEPTH, then s within a string, e behind a backslash of it.
    auto [end, error] = std::from_chars(skipping.data(), skipping.data() + skipping.size(), depth_);
    const std::string_view rest(end, skipping.data() + skipping.size());
    skipping_ = true;
    in_string_ = !rest.empty(), escaped_ = rest == "e";
    begun_ = true, resumed_ = first_ = false;
  }

  Result<size_t> frame(std::string_view bytes, bool last, size_t most,
                       std::vector<std::string_view>& records) override {
    size_t at = 0;
    while (records.size() < most) {
      size_t start = skip_blank(bytes, at);
      if (start == bytes.size()) {
        if (last && !ended_ && !resumed_)
          return corrupt(start, begun_ ? "',' or ']'" : "'['", "the end");
        return start;
      }
      char c = bytes[start];
      if (ended_) return corrupt(start, "the end", {&c, 1});
      if (!begun_) {
        if (bytes.size() - start < kByteOrderMark.size() && c == kByteOrderMark[0] && !last)
          return at;
        if (bytes.substr(start).starts_with(kByteOrderMark)) {
          at = start + kByteOrderMark.size();
          continue;
        }
        if (c != '[') return corrupt(start, "'[' (for one record a line, declare ndjson)", {&c, 1});
        begun_ = true;
        at = start + 1;
        continue;
      }
      if (c == ']' && !behind_comma_) {
        ended_ = true;
        at = start + 1;
        continue;
      }
      if (c == ',' && !behind_comma_ && (!first_ || resumed_))
        start = skip_blank(bytes, start + 1);
      else if (!first_ && !behind_comma_)
        return corrupt(start, "',' or ']'", {&c, 1});
      ASSIGN(size_t end, element_end(bytes, start));
      const size_t size = std::min(end, bytes.size()) - start;
      if (end == kUnfinished && last)
        return corrupt(bytes.size(), "the end of an element", "the end");
      if (size > limits::kMaxRecordBytes && start == 0) return too_long();
      if (size > limits::kMaxRecordBytes || (end == kUnfinished && start - at > kManyBlanks)) {
        behind_comma_ = behind_comma_ || !first_ || bytes[skip_blank(bytes, at)] == ',';
        return start;
      }
      if (end == kUnfinished) return at;  // before the comma: it belongs to the element
      std::string_view element = bytes.substr(start, end - start);
      while (!element.empty() && is_blank(element.back())) element.remove_suffix(1);
      if (element.empty()) return corrupt(start, "an element", bytes.substr(start, 1));
      records.push_back(element);
      first_ = resumed_ = behind_comma_ = false;
      at = end;
    }
    return at;
  }

  /// What ends the element stays, as behind one that was given.
  size_t skip(std::string_view bytes, bool) override {
    if (!skipping_) depth_ = 0, in_string_ = escaped_ = false;
    skipping_ = true;
    first_ = resumed_ = behind_comma_ = false;
    for (size_t at = 0; at < bytes.size(); ++at) {
      const char c = bytes[at];
      if (in_string_) {
        in_string_ = escaped_ || c != '"';
        escaped_ = !escaped_ && c == '\\';
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if (depth_ == 0 && (c == ',' || c == ']' || c == '}')) {
        skipping_ = false;
        return at;
      } else if (c == '}' || c == ']') {
        --depth_;
      }
    }
    return bytes.size();
  }
  std::string skipping() const override {
    if (!skipping_) return {};
    return fmt::format("{}{}", depth_, escaped_ ? "e" : in_string_ ? "s" : "");
  }

 private:
  static constexpr size_t kUnfinished = SIZE_MAX;
  static constexpr size_t kManyBlanks = 64 * limits::kKiB;  // before an element: not kept for it

  static size_t skip_blank(std::string_view bytes, size_t at) {
    while (at < bytes.size() && is_blank(bytes[at])) ++at;
    return at;
  }
  static Error corrupt(size_t at, std::string_view expected, std::string_view found) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("the JSON array is broken at byte {}: expected {}, found {}", at,
                             expected, found));
  }
  /// The ',' or ']' behind the element at `at`.
  static Result<size_t> element_end(std::string_view bytes, size_t at) {
    size_t depth = 0;
    for (; at < bytes.size(); ++at) {
      switch (bytes[at]) {
        case '"':
          for (++at; at < bytes.size() && bytes[at] != '"'; ++at) at += bytes[at] == '\\';
          if (at >= bytes.size()) return kUnfinished;
          break;
        case '{':
        case '[':
          ++depth;
          break;
        case '}':
        case ']':
          if (depth == 0 && bytes[at] == ']') return at;
          if (depth == 0) return corrupt(at, "',' or ']'", "}");
          --depth;
          break;
        case ',':
          if (depth == 0) return at;
          break;
        default:
          break;
      }
    }
    return kUnfinished;
  }

  bool begun_, resumed_;               // resumed_: whether an element went before is not known
  bool first_ = true, ended_ = false;  // first_: no element yet, so none is led by a comma
  bool behind_comma_ = false;          // the next element's comma was taken before it
  size_t depth_ = 0;                   // of skip(), as the next two
  bool skipping_ = false, in_string_ = false, escaped_ = false;
};

}  // namespace

Result<void> JsonPage::load(const std::string& page) {
  std::string_view text = page;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (index_.build(text, /*lenient=*/true) && index_.check(/*strict=*/false)) return {};
  return Error(ErrorCode::kCorrupt, fmt::format("the page of {} bytes is not whole JSON: {}",
                                                page.size(), index_.fault_message()));
}

std::string_view JsonPage::found(uint32_t token) const {
  switch (index_.kind(token)) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    default:
      return index_.scalar(token);
  }
}

uint32_t JsonPage::end_of(uint32_t token) { return index_.skip(token, token == 0 ? 0 : 1, false); }

Result<std::optional<uint32_t>> JsonPage::resolve(std::string_view pointer) {
  if (!pointer.empty() && pointer[0] != '/') {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is no JSON Pointer: expected '/' in front, such as /data/items",
                             pointer));
  }
  uint32_t token = 0;
  unsigned depth = 0;
  while (!pointer.empty()) {
    size_t slash = std::min(pointer.find('/', 1), pointer.size());
    auto name = decode_token(pointer.substr(1, slash - 1));
    if (!name) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("'{}' is no JSON Pointer: '~' must be ~0 or ~1", pointer));
    }
    pointer.remove_prefix(slash);
    char open = index_.kind(token);
    if (open != '{' && open != '[') return std::optional<uint32_t>();
    size_t wanted = 0;
    if (open == '[') {
      auto [end, error] = std::from_chars(name->data(), name->data() + name->size(), wanted);
      bool number = !name->empty() && error == std::errc() && end == name->data() + name->size();
      if (!number) return std::optional<uint32_t>();
    }
    ++depth;
    ++token;
    std::optional<uint32_t> child;
    std::string key;
    for (size_t position = 0; index_.kind(token) != '}' && index_.kind(token) != ']'; ++position) {
      bool hit = position == wanted;
      if (open == '{') {
        std::string_view raw = index_.scalar(token);
        raw = raw.substr(1, raw.size() - 2);
        key.resize(raw.size());
        const char* end = unescape(raw, key.data());
        hit = end && std::string_view(key.data(), static_cast<size_t>(end - key.data())) == *name;
        token += 2;
      }
      if (hit) {
        child = token;
        break;
      }
      token = index_.skip(token, depth, false);
      if (index_.kind(token) == ',') ++token;
    }
    if (!child) return std::optional<uint32_t>();
    token = *child;
  }
  return std::optional(token);
}

Result<std::vector<std::string_view>> JsonPage::records(std::string_view pointer) {
  ASSIGN(std::optional<uint32_t> at, resolve(pointer));
  if (!at) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("the page has nothing at '{}': it begins with {:.80}", pointer,
                             std::string_view(index_.text(), index_.size())))
        .with_hint("set `records:` to the JSON Pointer of the array of records");
  }
  std::vector<std::string_view> records;
  uint32_t token = *at;
  switch (index_.kind(token)) {
    case '{':
      records.push_back(index_.value(token, end_of(token)));
      break;
    case '[':
      for (++token; index_.kind(token) != ']';) {
        uint32_t end = index_.skip(token, 1, false);
        if (records.size() == limits::kMaxPageRecords)
          return Error(ErrorCode::kLimit,
                       fmt::format("the page has more than {} records", limits::kMaxPageRecords));
        records.push_back(index_.value(token, end));
        token = index_.kind(end) == ',' ? end + 1 : end;
      }
      break;
    default:
      if (index_.scalar(token) == "null") break;
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("the page has {} at '{}': expected an array of records",
                               found(token), pointer))
          .with_hint("set `records:` to the JSON Pointer of the array of records");
  }
  return records;
}

Result<std::optional<std::string>> JsonPage::value(std::string_view pointer) {
  ASSIGN(std::optional<uint32_t> at, resolve(pointer));
  if (!at) return std::optional<std::string>();
  std::string_view raw = index_.value(*at, end_of(*at));
  if (raw == "null") return std::optional<std::string>();
  if (raw[0] != '"') return std::optional(std::string(raw));
  if (raw.size() >= 2) {
    std::string text(raw.size(), '\0');
    char* end = unescape(raw.substr(1, raw.size() - 2), text.data());
    if (end) {
      text.resize(static_cast<size_t>(end - text.data()));
      return std::optional(std::move(text));
    }
  }
  return Error(ErrorCode::kCorrupt,
               fmt::format("the string at '{}' has an illegal escape", pointer));
}

Result<std::vector<std::string_view>> find_records(const std::string& page,
                                                   std::string_view pointer) {
  JsonPage parsed;
  TRY(parsed.load(page));
  return parsed.records(pointer);
}

Result<std::optional<std::string>> find_value(const std::string& page, std::string_view pointer) {
  JsonPage parsed;
  TRY(parsed.load(page));
  return parsed.value(pointer);
}

std::unique_ptr<Framer> make_ndjson_framer(std::string_view skipping) {
  return std::make_unique<NdjsonFramer>(!skipping.empty());
}
std::unique_ptr<Framer> make_json_array_framer(bool resumed, std::string_view skipping) {
  return std::make_unique<JsonArrayFramer>(resumed, skipping);
}

}  // namespace leat::codec
