#include "codec/avro_default_bytes.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/limits.h"
#include "base/strings.h"
#include "codec/avro_bytes.h"

namespace leat::codec {
namespace {

namespace avro = schema::avro;
using schema::Json;

template <typename Integer>
bool write_integer(const Json& value, std::string& out) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() > uint64_t{std::numeric_limits<Integer>::max()})
    return false;
  const auto number = value.get<int64_t>();
  if (number < std::numeric_limits<Integer>::min()) return false;
  append_avro_long(number, out);
  return true;
}

template <typename Real>
bool write_real(const Json& value, std::string& out) {
  if (!value.is_number()) return false;
  const auto number = value.get<Real>();
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
  return true;
}

bool write_text(const Json& value, std::string& out) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  append_avro_long(static_cast<int64_t>(text.size()), out);
  out += text;
  return true;
}

/// Bytes are text whose code points, up to U+00FF, are one byte each.
bool write_bytes(const avro::Node& type, const Json& value, std::string& out) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
      continue;
    }
    if (lead > 0xC3 || i + 1 == text.size()) return false;
    bytes += static_cast<char>((lead & 0x03) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3F));
  }
  if (type.kind == avro::Kind::kFixed) {
    if (static_cast<int64_t>(bytes.size()) != type.size) return false;
  } else {
    append_avro_long(static_cast<int64_t>(bytes.size()), out);
  }
  out += bytes;
  return true;
}

bool write_symbol(const avro::Node& type, const Json& value, std::string& out) {
  if (!value.is_string()) return false;
  const auto found = std::ranges::find(type.symbols, value.get_ref<const std::string&>());
  if (found == type.symbols.end()) return false;
  append_avro_long(found - type.symbols.begin(), out);
  return true;
}

/// Writes one default. Records may hold records with defaults: a short text may stand for endless bytes.
class DefaultWriter {
 public:
  Result<std::string> run(const avro::Field& field) && {
    if (write(*field.type, *field.default_value)) return std::move(out_);
    CHECK(exhausted_, "the default of '{}', which the parser took, is no value of its type",
          field.name);
    return Error(
        ErrorCode::kLimit,
        fmt::format("the default of '{}' is too large: more than {} values or {} bytes, or "
                    "more than {} deep",
                    shown(field.name), limits::kSchemaPairs, limits::kSchemaTotalBytes,
                    limits::kSchemaDepth));
  }

 private:
  /// False when `type` does not take `value`; `out_` then has a part of it.
  bool write(const avro::Node& type, const Json& value) {
    if (exhausted_ || ++steps_ > limits::kSchemaPairs || out_.size() > limits::kSchemaTotalBytes ||
        depth_ > limits::kSchemaDepth) {
      exhausted_ = true;
      return false;
    }
    ++depth_;
    const bool taken = write_value(type, value);
    --depth_;
    return taken;
  }

  bool write_value(const avro::Node& type, const Json& value) {
    switch (type.kind) {
      case avro::Kind::kNull:
        return value.is_null();
      case avro::Kind::kBoolean:
        if (!value.is_boolean()) return false;
        out_ += value.get<bool>() ? '\1' : '\0';
        return true;
      case avro::Kind::kInt:
        return write_integer<int32_t>(value, out_);
      case avro::Kind::kLong:
        return write_integer<int64_t>(value, out_);
      case avro::Kind::kFloat:
        return write_real<float>(value, out_);
      case avro::Kind::kDouble:
        return write_real<double>(value, out_);
      case avro::Kind::kString:
        return write_text(value, out_);
      case avro::Kind::kBytes:
      case avro::Kind::kFixed:
        return write_bytes(type, value, out_);
      case avro::Kind::kEnum:
        return write_symbol(type, value, out_);
      case avro::Kind::kArray:
      case avro::Kind::kMap:
        return write_items(type, value);
      case avro::Kind::kRecord:
        return write_record(type, value);
      case avro::Kind::kUnion:
        return write_union(type, value);
    }
    return false;
  }

  bool write_items(const avro::Node& type, const Json& value) {
    const bool map = type.kind == avro::Kind::kMap;
    if (map ? !value.is_object() : !value.is_array()) return false;
    if (!value.empty()) append_avro_long(static_cast<int64_t>(value.size()), out_);
    for (auto item = value.begin(); item != value.end(); ++item) {
      if (map) {
        append_avro_long(static_cast<int64_t>(item.key().size()), out_);
        out_ += item.key();
      }
      if (!write(*type.inner[0], *item)) return false;
    }
    append_avro_long(0, out_);
    return true;
  }

  bool write_record(const avro::Node& type, const Json& value) {
    if (!value.is_object()) return false;
    for (const avro::Field& field : type.fields) {
      const auto given = value.find(field.name);
      if (given == value.end() && !field.default_value) return false;
      if (!write(*field.type, given == value.end() ? *field.default_value : *given)) return false;
    }
    return true;
  }

  bool write_union(const avro::Node& type, const Json& value) {
    const size_t before = out_.size();
    for (size_t i = 0; i < type.inner.size(); ++i) {
      append_avro_long(static_cast<int64_t>(i), out_);
      if (write(*type.inner[i], value)) return true;
      out_.resize(before);
    }
    return false;
  }

  std::string out_;
  size_t steps_ = 0, depth_ = 0;
  bool exhausted_ = false;
};

}  // namespace

Result<std::string> avro_default_bytes(const avro::Field& field) {
  return DefaultWriter().run(field);
}

}  // namespace leat::codec
