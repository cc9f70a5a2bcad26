#include "codec/proto_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <vector>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/proto_shape.h"
#include "codec/text_out.h"

namespace leat::codec {
namespace {

using stream::Reason;

constexpr uint32_t kNull = proto_tag(1, ProtoWire::kVarint);
constexpr uint32_t kNumber = proto_tag(2, ProtoWire::kFixed64);
constexpr uint32_t kString = proto_tag(3, ProtoWire::kBytes);
constexpr uint32_t kBool = proto_tag(4, ProtoWire::kVarint);
constexpr uint32_t kStructure = proto_tag(5, ProtoWire::kBytes);
constexpr uint32_t kList = proto_tag(6, ProtoWire::kBytes);
constexpr uint32_t kItems = proto_tag(1, ProtoWire::kBytes);  // of a struct and a list
constexpr uint32_t kKey = proto_tag(1, ProtoWire::kBytes);
constexpr uint32_t kEntryValue = proto_tag(2, ProtoWire::kBytes);

class JsonOf {
 public:
  JsonOf(ProtoInput& in, uint64_t& budget, StringOut& out) : in_(in), budget_(budget), out_(out) {}

  bool write(ProtoJson what, std::string_view bytes, size_t depth) {
    if (depth > limits::kMaxJsonDepth) {
      return in_.refuse(Reason::kTooDeep,
                        fmt::format("JSON inside JSON beyond {}", limits::kMaxJsonDepth));
    }
    const ProtoInput::Place outer = in_.place();
    in_.enter(bytes);
    const bool good = what == ProtoJson::kStruct ? structure(depth)
                      : what == ProtoJson::kList ? list(depth)
                                                 : value(depth);
    if (good) in_.go(outer);
    return good;
  }

 private:
  bool charge(uint64_t bytes) {
    if (bytes > budget_) {
      return in_.refuse(
          Reason::kTooLarge,
          fmt::format("the values of one record fill at most {} bytes", kMaxProtoItemBytes));
    }
    budget_ -= bytes;
    return true;
  }

  /// Parts of one message that comes several times are one behind the other.
  struct Parts {
    std::string_view bytes;
    std::string joined;
    bool any = false;
  };
  bool add(Parts& parts, std::string_view bytes) {
    if (!parts.any) {
      parts.any = true;
      parts.bytes = bytes;
      return true;
    }
    if (!charge(parts.joined.empty() ? parts.bytes.size() + bytes.size() : bytes.size()))
      return false;
    if (parts.joined.empty()) parts.joined = parts.bytes;
    parts.joined += bytes;
    parts.bytes = parts.joined;
    return true;
  }

  bool value(size_t depth) {
    uint32_t tag = 0, found = kNull;
    uint64_t flag = 0;
    double number = 0;
    std::string_view text;
    Parts parts;
    while (in_.left() > 0) {
      if (!in_.read_tag(tag)) return false;
      bool good = true;
      switch (tag) {
        case kNull:
        case kBool:
          good = in_.read_varint(flag, "a number");
          break;
        case kNumber:
          good = in_.read_fixed(number);
          break;
        case kString:
          good = in_.read_bytes(text, "string") && check(text);
          break;
        case kStructure:
        case kList:
          if (found != tag) parts = Parts();
          good = in_.read_bytes(text, "a message") && add(parts, text);
          break;
        default:
          if (!in_.skip(tag)) return false;
          continue;
      }
      if (!good) return false;
      found = tag;
    }
    switch (found) {
      case kNumber:
        return real(number);
      case kString:
        write_json_string(out_, text);
        return true;
      case kBool:
        out_.put(flag != 0 ? "true" : "false");
        return true;
      case kStructure:
      case kList:
        return write(found == kList ? ProtoJson::kList : ProtoJson::kStruct, parts.bytes,
                     depth + 1);
      default:
        out_.put("null");
        return true;
    }
  }

  bool check(std::string_view text) {
    return is_utf8(text) || in_.refuse(Reason::kInvalidUtf8, "a string that is not UTF-8");
  }

  bool real(double number) {
    if (!std::isfinite(number))
      return in_.refuse(Reason::kOutOfRange, fmt::format("JSON has no number {}", number));
    char text[64];
    const char* end = std::to_chars(text, text + sizeof text, number).ptr;
    out_.put({text, static_cast<size_t>(end - text)});
    return true;
  }

  bool list(size_t depth) {
    uint32_t tag = 0;
    std::string_view item;
    uint64_t count = 0;
    out_.put('[');
    while (in_.left() > 0) {
      if (!in_.read_tag(tag)) return false;
      if (tag != kItems) {
        if (!in_.skip(tag)) return false;
        continue;
      }
      if (count > 0) out_.put(',');
      if (!in_.read_bytes(item, "a message") || !write(ProtoJson::kValue, item, depth))
        return in_.at_child(count);
      ++count;
    }
    out_.put(']');
    return true;
  }

  struct Entry {
    std::string_view key;
    std::string_view value;
    bool stale = false;  // the key comes again
  };

  bool entry(std::string_view bytes, Entry& made, std::deque<std::string>& joined) {
    const ProtoInput::Place outer = in_.place();
    in_.enter(bytes);
    uint32_t tag = 0;
    std::string_view part;
    Parts parts;
    while (in_.left() > 0) {
      if (!in_.read_tag(tag)) return false;
      if (tag == kKey) {
        if (!in_.read_bytes(made.key, "a key") || !check(made.key)) return false;
      } else if (tag == kEntryValue) {
        if (!in_.read_bytes(part, "a message") || !add(parts, part)) return false;
      } else if (!in_.skip(tag)) {
        return false;
      }
    }
    made.value = parts.joined.empty() ? parts.bytes : joined.emplace_back(std::move(parts.joined));
    in_.go(outer);
    return true;
  }

  bool structure(size_t depth) {
    std::vector<Entry> entries;
    std::deque<std::string> joined;
    uint32_t tag = 0;
    std::string_view bytes;
    while (in_.left() > 0) {
      if (!in_.read_tag(tag)) return false;
      if (tag != kItems) {
        if (!in_.skip(tag)) return false;
        continue;
      }
      if (!charge(sizeof(Entry)) || !in_.read_bytes(bytes, "a message") ||
          !entry(bytes, entries.emplace_back(), joined))
        return false;
    }
    drop_stale(entries);
    out_.put('{');
    bool first = true;
    for (const Entry& one : entries) {
      if (one.stale) continue;
      if (!first) out_.put(',');
      first = false;
      write_json_string(out_, one.key);
      out_.put(':');
      if (!write(ProtoJson::kValue, one.value, depth)) return in_.at_child(one.key);
    }
    out_.put('}');
    return true;
  }

  static void drop_stale(std::vector<Entry>& entries) {
    if (entries.size() < 2) return;
    std::vector<Entry*> sorted;
    for (Entry& one : entries) sorted.push_back(&one);
    std::ranges::stable_sort(sorted, {}, [](const Entry* one) { return one->key; });
    for (size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i - 1]->key == sorted[i]->key) sorted[i - 1]->stale = true;
    }
  }

  ProtoInput& in_;
  uint64_t& budget_;
  StringOut& out_;
};

/// Writes messages from tokens whose grammar has been checked.
class BytesOf {
 public:
  BytesOf(const JsonIndex& index, ProtoBytes& out, std::string& message)
      : index_(index), out_(out), message_(message) {}

  /// What is in a Value, Struct or ListValue; the token behind it, or 0.
  uint32_t value(uint32_t token) {
    switch (index_.kind(token)) {
      case '{':
        return nested(kStructure, token);
      case '[':
        return nested(kList, token);
      case '"':
        out_.put_varint(kString);
        return text(token);
      case 't':
      case 'f':
        out_.put_varint(kBool);
        out_.put_varint(index_.kind(token) == 't' ? 1 : 0);
        return token + 1;
      case 'n':
        out_.put_varint(kNull);
        out_.put_varint(0);
        return token + 1;
      default:
        return number(token);
    }
  }
  uint32_t structure(uint32_t token) {
    ++token;
    while (index_.kind(token) != '}') {
      out_.put_varint(kItems);
      const size_t entry = out_.open();
      out_.put_varint(kKey);
      token = text(token);
      out_.put_varint(kEntryValue);
      const size_t inner = out_.open();
      token = value(token + 1);  // behind the colon
      if (token == 0) return 0;
      out_.close(inner);
      out_.close(entry);
      if (index_.kind(token) == ',') ++token;
    }
    return token + 1;
  }
  uint32_t list(uint32_t token) {
    ++token;
    while (index_.kind(token) != ']') {
      out_.put_varint(kItems);
      const size_t inner = out_.open();
      token = value(token);
      if (token == 0) return 0;
      out_.close(inner);
      if (index_.kind(token) == ',') ++token;
    }
    return token + 1;
  }

 private:
  uint32_t nested(uint32_t tag, uint32_t token) {
    out_.put_varint(tag);
    const size_t place = out_.open();
    const uint32_t next = tag == kList ? list(token) : structure(token);
    if (next != 0) out_.close(place);
    return next;
  }
  uint32_t text(uint32_t token) {
    std::string_view raw = index_.scalar(token);
    raw = raw.substr(1, raw.size() - 2);
    if (raw.find('\\') == std::string_view::npos) {
      out_.put_bytes(raw);
      return token + 1;
    }
    unescaped_.resize(raw.size());
    const char* end = unescape(raw, unescaped_.data());
    // check() has seen it: escapes are right.
    const size_t size = end ? static_cast<size_t>(end - unescaped_.data()) : 0;
    out_.put_bytes({unescaped_.data(), size});
    return token + 1;
  }
  uint32_t number(uint32_t token) {
    const std::string_view digits = index_.scalar(token);
    double parsed = 0;
    const auto [at, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
    if (error == std::errc::result_out_of_range)
      parsed = std::strtod(std::string(digits).c_str(), nullptr);
    if (!std::isfinite(parsed)) {
      message_ = fmt::format("{} does not fit a double, which is the number of Protobuf's JSON",
                             shown(digits));
      return 0;
    }
    out_.put_varint(kNumber);
    out_.put_fixed(parsed);
    return token + 1;
  }

  const JsonIndex& index_;
  ProtoBytes& out_;
  std::string& message_;
  std::string unescaped_;
};

}  // namespace

bool append_proto_json(ProtoJson what, std::string_view bytes, ProtoInput& in, uint64_t& budget,
                       std::string& out) {
  StringOut text(out);
  return JsonOf(in, budget, text).write(what, bytes, 1);
}

bool put_proto_json(ProtoJson what, std::string_view text, JsonIndex& index, ProtoBytes& out,
                    std::string& message) {
  if (!index.build(text) || !index.check(true)) {
    message = fmt::format("the text of a JSON value is broken: {}", index.fault_message());
    return false;
  }
  BytesOf bytes(index, out, message);
  const char kind = index.kind(0);
  if (what == ProtoJson::kValue) return bytes.value(0) != 0;
  if (what == ProtoJson::kStruct && kind == '{') return bytes.structure(0) != 0;
  if (what == ProtoJson::kList && kind == '[') return bytes.list(0) != 0;
  message = what == ProtoJson::kStruct
                ? "a JSON object expected, which google.protobuf.Struct is"
                : "a JSON array expected, which google.protobuf.ListValue is";
  return false;
}

}  // namespace leat::codec
