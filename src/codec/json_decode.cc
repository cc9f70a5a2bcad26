#include "codec/json_decode.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/base64.h"
#include "codec/csv.h"
#include "codec/json_index.h"
#include "codec/json_number.h"
#include "codec/json_plan.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Kind;
using types::StringRef;
using types::VectorBuffer;

class JsonDecoder final : public stream::Decoder {
 public:
  JsonDecoder(PlanNode plan, bool root_value, const JsonDecodeOptions& options)
      : plan_(std::move(plan)),
        root_value_(root_value),
        borrow_(options.borrow),
        strict_(options.validate_all.has_value()),
        validator_(options.validator) {}

  void decode(const stream::RecordBatch& batch, types::BatchBuffer& out,
              std::vector<uint32_t>& rows, std::vector<stream::Reject>& rejects) override {
    out_ = &out;
    for (size_t i = 0; i < batch.records.size(); ++i) {
      size_t row = out.rows();
      if (decode_record(batch.records[i].value)) [[likely]] {
        if (out.column_count() == 0) out.set_rows(row + 1);
        rows.push_back(static_cast<uint32_t>(i));
        continue;
      }
      out.truncate(row);
      stream::Reject& reject = rejects.emplace_back();
      reject.record = static_cast<uint32_t>(i);
      reject.reason = reason_;
      reject.message = path_.empty() ? std::move(message_) : path_ + ": " + message_;
    }
  }

 private:
  bool reject(Reason reason, std::string message) {
    reason_ = reason;
    message_ = std::move(message);
    return false;
  }
  /// As reject(), for the functions that return a token.
  uint32_t refuse(Reason reason, std::string message) {
    reject(reason, std::move(message));
    return 0;
  }
  /// The index found that the record is no JSON.
  bool reject_fault() {
    path_.clear();
    if (std::string_view text(index_.text(), index_.size()); text.starts_with(kCsvFault))
      return reject(Reason::kMalformed, std::string(shown(text.substr(kCsvFault.size()))));
    Reason reason = index_.fault() == JsonFault::kInvalidUtf8 ? Reason::kInvalidUtf8
                    : index_.fault() == JsonFault::kTooDeep   ? Reason::kTooDeep
                                                              : Reason::kMalformed;
    return reject(reason, index_.fault_message());
  }

  bool decode_record(const std::optional<std::string_view>& value) {
    path_.clear();
    keys_.clear();
    if (!value) return reject(Reason::kNullValue, "the record has no value");
    if (value->size() > limits::kMaxRecordBytes) {
      return reject(Reason::kTooLarge,
                    fmt::format("{} bytes, more than {}", value->size(), limits::kMaxRecordBytes));
    }
    if (!index_.build(*value)) [[unlikely]]
      return reject_fault();
    if (validator_ && !validated(*value)) [[unlikely]]
      return false;
    if (root_value_ || index_.kind(0) != '{') [[unlikely]]
      return decode_root(*value);
    end_ = value->data() + value->size();
    escape_ = find_escape(value->data());
    VectorBuffer* columns = out_->column_count() > 0 ? &out_->column(0) : nullptr;
    uint32_t end = object(plan_, columns, 0, 0);
    if (end == index_.count()) [[likely]]
      return true;
    if (end != 0) index_.fail(end, "the end");
    if (index_.fault() != JsonFault::kNone) return reject_fault();
    // Refused by the schema. Broken JSON anywhere in the record goes before: look at the rest.
    if (!index_.check(strict_)) return reject_fault();
    return false;
  }

  bool validated(std::string_view value) {
    const auto found = validator_->check(value);
    if (!found) return true;
    if (!index_.check(true)) return reject_fault();
    return reject(reason_of(found->kind), found->to_string());
  }

  /// A root that is no object, or a schema that takes any root.
  bool decode_root(std::string_view value) {
    end_ = value.data() + value.size();
    if (!index_.check(true)) return reject_fault();
    if (!root_value_) {
      return reject(Reason::kNotObject, fmt::format("expected an object, found {}", found(0)));
    }
    constexpr std::string_view kBlank = " \t\r\n";
    value.remove_prefix(value.find_first_not_of(kBlank));
    value.remove_suffix(value.size() - 1 - value.find_last_not_of(kBlank));
    if (out_->column_count() > 0) append_text(out_->column(0), value);
    return true;
  }

  const char* find_escape(const char* from) const {
    const void* at = std::memchr(from, '\\', static_cast<size_t>(end_ - from));
    return at ? static_cast<const char*>(at) : end_;
  }
  /// True when a backslash lies in `text`. Calls come in the order of the record's bytes, but for a step back
  /// within one token.
  bool has_escape(std::string_view text) {
    if (escape_ >= text.data() + text.size()) [[likely]]
      return false;
    if (escape_ < text.data()) escape_ = find_escape(text.data());
    return escape_ < text.data() + text.size();
  }

  std::string_view found(uint32_t token) const {
    switch (index_.kind(token)) {
      case '"':
        return "a string";
      case '{':
        return "an object";
      case '[':
        return "an array";
      case 't':
      case 'f':
        return "a boolean";
      case 'n':
        return "null";
      default:
        return "a number";
    }
  }
  uint32_t wrong_type(uint32_t token, std::string_view expected) {
    // `truu` is no boolean but broken JSON.
    char kind = index_.kind(token);
    if (kind != '{' && kind != '[' && !index_.check_scalar(token)) return 0;
    bool number = kind == '-' || (kind >= '0' && kind <= '9');
    return refuse(Reason::kWrongType,
                  number ? fmt::format("expected {}, found the number {}", expected,
                                       shown(index_.scalar(token)))
                         : fmt::format("expected {}, found {}", expected, found(token)));
  }

  VectorBuffer& column_of(PlanNode& node, VectorBuffer* columns) {
    if (node.column >= 0) [[likely]]
      return columns[node.column];
    node.scratch->reset();
    return *node.scratch;
  }

  // ---- containers

  /// Decodes the object at `token` into `columns`, one row each. The token behind it, or 0.
  uint32_t object(PlanNode& node, VectorBuffer* columns, uint32_t token, unsigned depth) {
    if (depth >= limits::kMaxJsonDepth) return index_.fail_deep(token);
    uint64_t one_word = 0;
    uint64_t* seen = &one_word;
    if (!node.seen.empty()) {
      seen = node.seen.data();
      std::ranges::fill(node.seen, 0);
    }
    size_t read = 0;
    PlanNode* const children = node.children.data();
    uint32_t i = token + 1;
    if (index_.kind(i) == '}') {
      ++i;
    } else {
      for (size_t position = 0;; ++position) {
        if (index_.kind(i) != '"') [[unlikely]]
          return index_.fail(i, "a key in quotes");
        const char* key = index_.start(i) + 1;
        int field = node.guess.guess(position, key, static_cast<size_t>(end_ - key));
        if (field == KeyGuess::kUnknown) [[unlikely]] {
          field = look_up(node, position, i);
          if (field == KeyGuess::kUnknown) return 0;
        }
        if (index_.kind(i + 1) != ':') [[unlikely]]
          return index_.fail(i + 1, "':'");
        i += 2;
        if (field == KeyGuess::kSkip) {
          i = index_.skip(i, depth + 1, strict_);
          if (i == 0) [[unlikely]]
            return 0;
        } else {
          auto bit = static_cast<size_t>(field);
          PlanNode& child = children[bit];
          if (seen[bit >> 6] >> (bit & 63) & 1) [[unlikely]] {
            refuse(Reason::kDuplicateKey, "the key comes twice");
            return at_child(child.name);
          }
          seen[bit >> 6] |= uint64_t{1} << (bit & 63);
          ++read;
          i = value(child, column_of(child, columns), i, depth + 1);
          if (i == 0) [[unlikely]]
            return at_child(child.name);
        }
        char next = index_.kind(i++);
        if (next == ',') continue;
        if (next == '}') break;
        return index_.fail(i - 1, "',' or '}'");
      }
    }
    if (read < node.children.size() && !absent(node, columns, seen)) return 0;
    return i;
  }

  /// NULL for the fields of an object that were not there.
  bool absent(PlanNode& node, VectorBuffer* columns, const uint64_t* seen) {
    for (size_t bit = 0; bit < node.children.size(); ++bit) {
      if (seen[bit >> 6] >> (bit & 63) & 1) continue;
      PlanNode& child = node.children[bit];
      if (child.required) {
        reject(Reason::kMissingField, "required, but absent");
        at_child(child.name);
        return false;
      }
      column_of(child, columns).append_null();
    }
    return true;
  }

  /// Finds the field of the key at token `i` by name, and remembers it; kUnknown: the key is broken.
  int look_up(PlanNode& node, size_t position, uint32_t i) {
    std::string_view raw = index_.scalar(i);
    if (raw.size() < 2 || raw.back() != '"') {
      index_.fail(i, "a key in quotes");
      return KeyGuess::kUnknown;
    }
    raw = raw.substr(1, raw.size() - 2);
    if (raw.find('\\') != std::string_view::npos) {
      key_.resize(raw.size());
      char* end = unescape(raw, key_.data());
      if (!end) {
        // Checked only where it could matter: an unknown key's spelling is that of a skipped field.
        if (!strict_) return KeyGuess::kSkip;
        index_.fail(i, "a key with legal escapes");
        return KeyGuess::kUnknown;
      }
      return node.find({key_.data(), static_cast<size_t>(end - key_.data())});
    }
    int field = node.find(raw);
    node.guess.learn(position, raw, field);
    return field;
  }

  uint32_t array(PlanNode& node, VectorBuffer& column, uint32_t token, unsigned depth) {
    if (depth >= limits::kMaxJsonDepth) return index_.fail_deep(token);
    VectorBuffer& element = column.child(0);
    size_t start = element.size();
    uint32_t i = token + 1;
    if (index_.kind(i) == ']') {
      column.append_list(start);
      return i + 1;
    }
    for (size_t element_index = 0;; ++element_index) {
      i = value(node.children[0], element, i, depth + 1);
      if (i == 0) [[unlikely]]
        return at_child(std::to_string(element_index));
      char next = index_.kind(i++);
      if (next == ',') continue;
      if (next == ']') break;
      return index_.fail(i - 1, "',' or ']'");
    }
    column.append_list(start);
    return i;
  }

  uint32_t map(PlanNode& node, VectorBuffer& column, uint32_t token, unsigned depth) {
    if (depth >= limits::kMaxJsonDepth) return index_.fail_deep(token);
    VectorBuffer& entries = column.child(0);
    size_t start = entries.size(), first_key = keys_.size();
    uint32_t i = token + 1;
    if (index_.kind(i) == '}') {
      column.append_list(start);
      return i + 1;
    }
    while (true) {
      if (index_.kind(i) != '"') return index_.fail(i, "a key in quotes");
      std::string_view key;
      if (!string(i, key)) return 0;
      if (!scalar_text(node.children[0], entries.child(0), key)) return at_child(key);
      keys_.push_back(key);
      if (index_.kind(i + 1) != ':') return index_.fail(i + 1, "':'");
      i = value(node.children[1], entries.child(1), i + 2, depth + 1);
      if (i == 0) return at_child(key);
      entries.append_struct();
      char next = index_.kind(i++);
      if (next == ',') continue;
      if (next == '}') break;
      return index_.fail(i - 1, "',' or '}'");
    }
    auto first = keys_.begin() + static_cast<std::ptrdiff_t>(first_key);
    std::sort(first, keys_.end());
    auto twice = std::adjacent_find(first, keys_.end());
    if (twice != keys_.end()) {
      refuse(Reason::kDuplicateKey, "the key comes twice");
      return at_child(*twice);
    }
    keys_.resize(first_key);
    column.append_list(start);
    return i;
  }

  /// Puts `name` in front of the path of a refused value; 0.
  uint32_t at_child(std::string_view name) {
    path_.insert(0, "/" + std::string(shown(name)));
    return 0;
  }

  // ---- values

  /// Decodes the value at `token` as one row of `column`. The token behind it, or 0.
  uint32_t value(PlanNode& node, VectorBuffer& column, uint32_t token, unsigned depth) {
    char c = index_.kind(token);
    if (c == 'n') {
      if (index_.scalar(token) != "null") return index_.fail(token, "null");
      if (node.required) return refuse(Reason::kMissingField, "required, but null");
      column.append_null();
      return token + 1;
    }
    switch (node.kind) {
      case Kind::kVarchar:
        if (c == '"') [[likely]] {
          if (node.type.scalars() != 0 && !(node.type.scalars() & types::kScalarString)) break;
          std::string_view text;
          if (!string(token, text)) return 0;
          append_string(column, text);
          return token + 1;
        }
        return raw_scalar(node, column, token);
      case Kind::kStruct: {
        if (c != '{') break;
        VectorBuffer* fields = column.child_count() > 0 ? &column.child(0) : nullptr;
        uint32_t end = object(node, fields, token, depth);
        if (end != 0) column.append_struct();
        return end;
      }
      case Kind::kList:
        if (c != '[') break;
        return array(node, column, token, depth);
      case Kind::kMap:
        if (c != '{') break;
        return map(node, column, token, depth);
      case Kind::kJson: {
        uint32_t end = index_.skip(token, depth, true);
        if (end != 0) append_text(column, index_.value(token, end));
        return end;
      }
      case Kind::kBoolean: {
        if (c != 't' && c != 'f') break;
        if (!index_.check_scalar(token)) return 0;
        column.append(static_cast<uint8_t>(c == 't'));
        return token + 1;
      }
      case Kind::kBlob:
      case Kind::kUuid:
      case Kind::kDate:
      case Kind::kTime:
      case Kind::kTimestamp:
      case Kind::kTimestampTz:
      case Kind::kInterval: {
        if (c != '"') break;
        std::string_view text;
        if (!string(token, text) || !scalar_text(node, column, text)) return 0;
        return token + 1;
      }
      case Kind::kSqlNull:
        break;
      default:
        if (c != '-' && !(c >= '0' && c <= '9')) break;
        return number(node, column, token, index_.scalar(token)) ? token + 1 : 0;
    }
    return wrong_type(token, expected(node.kind));
  }

  static std::string_view expected(Kind kind) {
    switch (kind) {
      case Kind::kVarchar:
        return "a string";
      case Kind::kStruct:
      case Kind::kMap:
        return "an object";
      case Kind::kList:
        return "an array";
      case Kind::kBoolean:
        return "a boolean";
      case Kind::kBlob:
        return "a string of base64";
      case Kind::kUuid:
        return "a string that is a UUID";
      case Kind::kDate:
        return "a string that is a date (2009-09-15)";
      case Kind::kTime:
        return "a string that is a time (16:35:18.363)";
      case Kind::kTimestamp:
        return "a string that is a time without zone (2009-09-15T16:35:18.363)";
      case Kind::kTimestampTz:
        return "a string that is a time with zone (2009-09-15T16:35:18.363Z)";
      case Kind::kInterval:
        return "a string that is a duration (P1DT2H)";
      case Kind::kSqlNull:
        return "null";
      case Kind::kFloat:
      case Kind::kDouble:
      case Kind::kDecimal:
        return "a number";
      default:
        return "an integer";
    }
  }

  /// The decoded text of the string at `token`, in the record or the arena; false: broken.
  [[gnu::always_inline]] bool string(uint32_t token, std::string_view& text) {
    std::string_view raw = index_.scalar(token);
    if (raw.size() < 2 || raw.back() != '"') [[unlikely]] {
      index_.fail(token, "a string and then ',' or a bracket");
      return false;
    }
    text = raw.substr(1, raw.size() - 2);
    decoded_ = false;
    if (!has_escape(text)) [[likely]]
      return true;
    char* into = out_->arena().allocate(text.size());
    char* end = unescape(text, into);
    if (!end) {
      index_.fail(token, "a string with legal escapes");
      return false;
    }
    auto length = static_cast<size_t>(end - into);
    out_->arena().give_back(text.size() - length);
    text = {into, length};
    decoded_ = true;
    return true;
  }

  /// Appends what string() gave.
  [[gnu::always_inline]] void append_string(VectorBuffer& column, std::string_view text) {
    if (decoded_)
      column.append(StringRef(text));
    else
      append_text(column, text);
  }
  /// Appends bytes of the record.
  [[gnu::always_inline]] void append_text(VectorBuffer& column, std::string_view text) {
    if (static_cast<size_t>(end_ - text.data()) < kReadable || text.size() > kReadable)
        [[unlikely]] {
      column.append(StringRef(
          text.size() > StringRef::kInline && !borrow_ ? out_->arena().copy(text) : text));
      return;
    }
    const char* stored = text.data();
    if (!borrow_) {
      // Copied always, kept when it is not inline: cheaper than a branch on a length that nobody can predict.
      char* into = out_->arena().allocate(kReadable);
      std::memcpy(into, text.data(), kReadable);
      out_->arena().give_back(kReadable - (text.size() > StringRef::kInline ? text.size() : 0));
      stored = into;
    }
    column.append(StringRef::of_readable(text, stored));
  }

  /// A scalar that is no string, for a VARCHAR that takes raw text.
  uint32_t raw_scalar(PlanNode& node, VectorBuffer& column, uint32_t token) {
    uint8_t scalars = node.type.scalars();
    char c = index_.kind(token);
    if (c == '{' || c == '[') return wrong_type(token, scalars ? "a scalar" : "a string");
    if (!index_.check_scalar(token)) return 0;
    std::string_view text = index_.scalar(token);
    uint8_t needed;
    if (c == 't' || c == 'f')
      needed = types::kScalarBoolean;
    else if (number_shape(text) == NumberShape::kReal)
      needed = types::kScalarNumber;
    else
      needed = types::kScalarInteger | types::kScalarNumber;
    if (!(scalars & needed))
      return wrong_type(token, scalars ? "one of the schema's scalars" : "a string");
    append_text(column, text);
    return token + 1;
  }

  bool number(PlanNode& node, VectorBuffer& column, uint32_t token, std::string_view text) {
    switch (append_number(node.type, text, column)) {
      case NumberFit::kFits:
        return true;
      case NumberFit::kOutOfRange:
        return reject(Reason::kOutOfRange,
                      fmt::format("{} does not fit {}", shown(text), node.type.to_sql()));
      case NumberFit::kNotInteger:
        return wrong_type(token, "an integer") != 0;
      case NumberFit::kNoNumber:
        break;
    }
    index_.fail(token, "a number");
    return false;
  }

  /// Appends the value that a string's or a map key's text stands for.
  bool scalar_text(PlanNode& node, VectorBuffer& column, std::string_view text) {
    auto append = [&](const auto& parsed) {
      if (parsed) column.append(*parsed);
      return parsed.has_value() ||
             reject(Reason::kWrongType,
                    fmt::format("expected {}, found \"{}\"", expected(node.kind), shown(text)));
    };
    switch (node.kind) {
      case Kind::kVarchar:
        append_string(column, text);
        return true;
      case Kind::kUuid:
        return append(types::parse_uuid(text));
      case Kind::kDate:
        return append(types::parse_date(text));
      case Kind::kTime:
        return append(types::parse_time(text));
      case Kind::kTimestamp:
        return append(types::parse_timestamp(text));
      case Kind::kTimestampTz:
        return append(types::parse_timestamp_tz(text));
      case Kind::kInterval:
        return append(types::parse_interval(text));
      case Kind::kBlob: {
        size_t most = text.size() / 4 * 3;
        char* into = out_->arena().allocate(most);
        char* end = read_base64(text, into);
        if (!end) return append(std::optional<StringRef>());
        out_->arena().give_back(most - static_cast<size_t>(end - into));
        return append(std::optional(StringRef({into, static_cast<size_t>(end - into)})));
      }
      case Kind::kBoolean:
        return append(text == "true"    ? std::optional<uint8_t>(1)
                      : text == "false" ? std::optional<uint8_t>(0)
                                        : std::nullopt);
      default: {
        // A number as a map's key.
        bool real =
            node.kind == Kind::kFloat || node.kind == Kind::kDouble || node.kind == Kind::kDecimal;
        NumberShape shape = number_shape(text);
        if (shape == NumberShape::kInteger || (real && shape == NumberShape::kReal))
          return number(node, column, 0, text);
        return append(std::optional<uint8_t>());
      }
    }
  }

  static constexpr size_t kReadable = 64;

  PlanNode plan_;
  const bool root_value_, borrow_, strict_;
  const std::shared_ptr<JsonValidator> validator_;
  JsonIndex index_;
  types::BatchBuffer* out_ = nullptr;
  const char* end_ = nullptr;           // of the record
  const char* escape_ = nullptr;        // the next backslash, or end_
  bool decoded_ = false;                // string() gave bytes of the arena
  std::string key_;                     // scratch
  std::vector<std::string_view> keys_;  // of the maps being decoded
  Reason reason_ = Reason::kMalformed;
  std::string message_, path_;
};

}  // namespace

Result<std::unique_ptr<stream::Decoder>> make_json_decoder(const types::Schema& schema,
                                                           JsonDecodeOptions options) {
  bool root_value = schema.root_value || (options.validate_all && options.validate_all->root_value);
  // No column at all: the SQL reads none, and a record only counts.
  bool one = schema.fields.size() == 1 && schema.fields[0].type.kind() == Kind::kJson;
  if (root_value && !one && !schema.fields.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "a schema whose root is no object has one column, `value` of type JSON");
  }
  ASSIGN(PlanNode plan, make_plan(schema, options.validate_all ? &*options.validate_all : nullptr));
  return std::unique_ptr<stream::Decoder>(
      std::make_unique<JsonDecoder>(std::move(plan), root_value, options));
}

}  // namespace leat::codec
