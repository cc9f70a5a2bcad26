#include "codec/text_out.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>

#include "codec/base64.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using types::Int128;
using types::Kind;
using types::Vector;

constexpr uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;

/// True when one of 8 bytes is below 0x20, a quote or a backslash.
bool needs_escape(uint64_t word) {
  uint64_t quote = word ^ (kOnes * '"'), slash = word ^ (kOnes * '\\');
  return (((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
          ((slash - kOnes) & ~slash)) &
         kHighs;
}

char* escape(char c, char* into) {
  auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && c != '"' && c != '\\') {
    *into++ = c;
    return into;
  }
  *into++ = '\\';
  switch (c) {
    case '"':
    case '\\':
      *into++ = c;
      return into;
    case '\n':
      *into++ = 'n';
      return into;
    case '\t':
      *into++ = 't';
      return into;
    case '\r':
      *into++ = 'r';
      return into;
    case '\b':
      *into++ = 'b';
      return into;
    case '\f':
      *into++ = 'f';
      return into;
    default:
      break;
  }
  std::memcpy(into, "u00", 3);
  into[3] = "0123456789abcdef"[byte >> 4];
  into[4] = "0123456789abcdef"[byte & 15];
  return into + 5;
}

template <typename T>
void write_number(TextOut& out, T value) {
  char* at = out.room(types::kMaxText);
  out.advance(std::to_chars(at, at + types::kMaxText, value).ptr);
}

Int128 decimal_of(const Vector& vector, size_t row) {
  int64_t narrow;
  switch (vector.type.value_size()) {
    case 2:
      narrow = vector.at<int16_t>(row);
      break;
    case 4:
      narrow = vector.at<int32_t>(row);
      break;
    case 8:
      narrow = vector.at<int64_t>(row);
      break;
    default:
      return vector.at<Int128>(row);
  }
  return {static_cast<uint64_t>(narrow), narrow < 0 ? -1 : 0};
}

/// The text of a scalar that needs no escaping in JSON. False: it is of another kind. `quoted`: JSON wants quotes.
bool write_plain(TextOut& out, const Vector& vector, size_t row, bool quotes) {
  char* at = out.room(types::kMaxText + 2);
  auto quoted = [&](auto write, const auto& value) {
    if (quotes) *at++ = '"';
    at = write(at, value);
    if (quotes) *at++ = '"';
    out.advance(at);
    return true;
  };
  auto number = [&](auto value) {
    out.advance(std::to_chars(at, at + types::kMaxText, value).ptr);
    return true;
  };
  switch (vector.type.kind()) {
    case Kind::kBoolean:
      out.put(vector.at<uint8_t>(row) ? "true" : "false");
      return true;
    case Kind::kInt8:
      return number(int{vector.at<int8_t>(row)});
    case Kind::kInt16:
      return number(vector.at<int16_t>(row));
    case Kind::kInt32:
      return number(vector.at<int32_t>(row));
    case Kind::kInt64:
      return number(vector.at<int64_t>(row));
    case Kind::kUint8:
      return number(unsigned{vector.at<uint8_t>(row)});
    case Kind::kUint16:
      return number(vector.at<uint16_t>(row));
    case Kind::kUint32:
      return number(vector.at<uint32_t>(row));
    case Kind::kUint64:
      return number(vector.at<uint64_t>(row));
    case Kind::kInt128:
      out.advance(types::write_int128(at, vector.at<Int128>(row)));
      return true;
    case Kind::kDecimal:
      out.advance(types::write_decimal(at, decimal_of(vector, row), vector.type.scale()));
      return true;
    case Kind::kUuid:
      return quoted(types::write_uuid, vector.at<Int128>(row));
    case Kind::kDate:
      return quoted(types::write_date, vector.at<int32_t>(row));
    case Kind::kTime:
      return quoted(types::write_time, vector.at<int64_t>(row));
    case Kind::kTimestamp:
      return quoted(types::write_timestamp, vector.at<int64_t>(row));
    case Kind::kTimestampTz:
      return quoted(types::write_timestamp_tz, vector.at<int64_t>(row));
    case Kind::kInterval:
      return quoted(types::write_interval, vector.at<types::Interval>(row));
    case Kind::kBlob: {
      std::string_view bytes = vector.text(row);
      at = out.room(base64_size(bytes.size()) + 2);
      return quoted(write_base64, bytes);
    }
    default:
      return false;
  }
}

}  // namespace

void write_json_string(TextOut& out, std::string_view text) {
  constexpr size_t kPiece = 4096;  // a byte may become six: room is asked for in pieces
  out.put('"');
  while (!text.empty()) {
    std::string_view piece = text.substr(0, kPiece);
    text.remove_prefix(piece.size());
    char* into = out.room(piece.size() * 6);
    const char *at = piece.data(), *end = at + piece.size();
    while (end - at >= 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      if (!needs_escape(word)) [[likely]] {
        std::memcpy(into, &word, 8);
        at += 8;
        into += 8;
        continue;
      }
      for (int i = 0; i < 8; ++i) into = escape(*at++, into);
    }
    while (at < end) into = escape(*at++, into);
    out.advance(into);
  }
  out.put('"');
}

void write_text(TextOut& out, const Vector& vector, size_t row) {
  switch (vector.type.kind()) {
    case Kind::kVarchar:
    case Kind::kJson:
      out.put(vector.text(row));
      return;
    case Kind::kFloat:
      write_number(out, vector.at<float>(row));
      return;
    case Kind::kDouble:
      write_number(out, vector.at<double>(row));
      return;
    default:
      break;
  }
  if (!write_plain(out, vector, row, false)) JsonWriter(out, false).write(vector, row);
}

template <typename T>
bool JsonWriter::write_real(T value) {
  if (!std::isfinite(value)) {
    char text[types::kMaxText];
    std::string_view name(
        text, static_cast<size_t>(std::to_chars(text, text + sizeof text, value).ptr - text));
    if (strict_) return refuse(fmt::format("JSON has no number {}", name));
    write_json_string(out_, name);
    return true;
  }
  write_number(out_, value);
  return true;
}

bool JsonWriter::write(const Vector& vector, size_t row) {
  if (!vector.valid(row)) {
    out_.put("null");
    return true;
  }
  switch (vector.type.kind()) {
    case Kind::kVarchar:
      write_json_string(out_, vector.text(row));
      return true;
    case Kind::kFloat:
      return write_real(vector.at<float>(row));
    case Kind::kDouble:
      return write_real(vector.at<double>(row));
    case Kind::kSqlNull:
      out_.put("null");
      return true;
    case Kind::kJson: {
      std::string_view text = vector.text(row);
      if (index_ && !(index_->build(text) && index_->check(true))) {
        return refuse(
            fmt::format("the text of a JSON value is broken: {}", index_->fault_message()));
      }
      out_.put(text);
      return true;
    }
    case Kind::kList:
    case Kind::kStruct:
    case Kind::kMap:
      return write_nested(vector, row);
    default:
      return write_plain(out_, vector, row, true);
  }
}

bool JsonWriter::write_nested(const Vector& vector, size_t row) {
  Kind kind = vector.type.kind();
  if (kind == Kind::kStruct) {
    const std::vector<types::Field>& fields = vector.type.fields();
    out_.put('{');
    for (size_t i = 0; i < fields.size(); ++i) {
      if (i > 0) out_.put(',');
      write_json_string(out_, fields[i].name);
      out_.put(':');
      if (!write(vector.children[i], row)) return at_child(fields[i].name);
    }
    out_.put('}');
    return true;
  }
  auto entry = vector.at<types::ListEntry>(row);
  const Vector& child = vector.children[0];
  out_.put(kind == Kind::kList ? '[' : '{');
  for (size_t i = 0; i < entry.length; ++i) {
    if (i > 0) out_.put(',');
    if (kind == Kind::kList) {
      if (!write(child, entry.offset + i)) return at_child(std::to_string(i));
      continue;
    }
    // A key is text of a scalar: written, then quoted.
    std::string key;
    {
      StringOut text(key);
      write_text(text, child.children[0], entry.offset + i);
    }
    write_json_string(out_, key);
    out_.put(':');
    if (!write(child.children[1], entry.offset + i)) return at_child(key);
  }
  out_.put(kind == Kind::kList ? ']' : '}');
  return true;
}

}  // namespace leat::codec
