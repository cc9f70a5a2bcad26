#include "codec/proto_mapping.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/proto_shape.h"
#include "codec/refused.h"

namespace leat::codec {
namespace {

using types::Kind;
using types::Type;

constexpr int kDecimalDigits = 38, kDecimalScale = 9;

/// Builds types from messages; `path_` is where it is.
class ProtoMapper {
 public:
  Result<types::Schema> run(const ProtoMessage& root) {
    open_.push_back(&root);
    types::Schema made;
    auto fields = message_fields(root);
    if (!fields) return std::move(fields).error().at(path_.empty() ? "/" : path_);
    if (fields->empty()) {
      return refused(
                 fmt::format("the message {} has no fields, and a table without columns is none",
                             shown(root.name)))
          .at("/");
    }
    made.fields = std::move(fields).value();
    return made;
  }

 private:
  Result<std::vector<types::Field>> message_fields(const ProtoMessage& message) {
    std::vector<types::Field> fields;
    for (const ProtoField& field : message.fields) {
      if (field.kind == ProtoKind::kGroup) continue;
      const size_t size = path_.size();
      path_ += "/" + std::string(shown(field.name));
      types::Field& made = fields.emplace_back();
      made.name = field.name;
      ASSIGN(made.type, type(field));
      made.required = field.repeated || !field.presence || field.required || field.has_default;
      path_.resize(size);
    }
    TRY(check_names(fields));
    return fields;
  }

  /// The type of a field, whatever its presence.
  Result<Type> type(const ProtoField& field) {
    if (field.map) return map(field);
    ASSIGN(Type value, value_type(field));
    return field.repeated ? Type::list(std::move(value)) : value;
  }

  Result<Type> map(const ProtoField& field) {
    ASSIGN(Type value, value_type(field.message->fields[1]));
    return Type::map(proto_scalar_type(field.message->fields[0]), std::move(value));
  }

  /// The type of one value.
  Result<Type> value_type(const ProtoField& field) {
    if (++columns_ > kMaxProtoColumns) {
      return Error(ErrorCode::kLimit,
                   fmt::format("more than {} columns, nested ones included: name fewer types again",
                               kMaxProtoColumns));
    }
    if (field.kind != ProtoKind::kMessage) return proto_scalar_type(field);
    switch (field.message->known) {
      case ProtoKnown::kNone:
        return structure(*field.message);
      case ProtoKnown::kTimestamp:
        return Type(Kind::kTimestampTz);
      case ProtoKnown::kDuration:
        return Type(Kind::kInterval);
      case ProtoKnown::kWrapper:
        return proto_scalar_type(field.message->fields[0]);
      case ProtoKnown::kDate:
        return Type(Kind::kDate);
      case ProtoKnown::kTimeOfDay:
        return Type(Kind::kTime);
      case ProtoKnown::kDecimal:
        return proto_decimal_type(field);
      default:
        return Type(Kind::kJson);
    }
  }

  Result<Type> structure(const ProtoMessage& message) {
    if (!message.has_columns()) return Type(Kind::kBoolean);
    if (std::ranges::find(open_, &message) != open_.end()) {
      return refused(fmt::format(
          "{} contains itself: a column has a fixed depth; leave the field out of the reader's "
          "schema",
          shown(message.name)));
    }
    if (open_.size() >= kMaxProtoDepth)
      return Error(ErrorCode::kLimit, fmt::format("types more than {} deep", kMaxProtoDepth));
    open_.push_back(&message);
    ASSIGN(std::vector<types::Field> fields, message_fields(message));
    open_.pop_back();
    return Type::structure(std::move(fields));
  }

  static Result<void> check_names(const std::vector<types::Field>& fields) {
    std::vector<std::string> names;
    for (const types::Field& field : fields) names.push_back(lower(field.name));
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice == names.end()) return {};
    return refused(
        fmt::format("two fields are '{}' to SQL, which does not tell case apart: give one "
                    "of them another name, which no data holds",
                    shown(*twice)));
  }

  std::vector<const ProtoMessage*> open_;
  std::string path_;
  size_t columns_ = 0;
};

}  // namespace

Type proto_scalar_type(const ProtoField& field) {
  switch (field.kind) {
    case ProtoKind::kBool:
      return Kind::kBoolean;
    case ProtoKind::kInt32:
    case ProtoKind::kSint32:
    case ProtoKind::kSfixed32:
      return Kind::kInt32;
    case ProtoKind::kInt64:
    case ProtoKind::kSint64:
    case ProtoKind::kSfixed64:
      return Kind::kInt64;
    case ProtoKind::kUint32:
    case ProtoKind::kFixed32:
      return Kind::kUint32;
    case ProtoKind::kUint64:
    case ProtoKind::kFixed64:
      return Kind::kUint64;
    case ProtoKind::kFloat:
      return Kind::kFloat;
    case ProtoKind::kDouble:
      return Kind::kDouble;
    case ProtoKind::kBytes:
      return Kind::kBlob;
    default:
      return Kind::kVarchar;
  }
}

Result<Type> proto_decimal_type(const ProtoField& field) {
  const bool told = field.precision >= 0 || field.scale >= 0;
  const int digits = field.precision > 0 ? field.precision : kDecimalDigits;
  const int scale = told ? std::max(field.scale, 0) : kDecimalScale;
  if (digits > kDecimalDigits || scale > digits) {
    return refused(
        fmt::format("a decimal of {} digits, {} of them behind the point: a column holds "
                    "at most {}",
                    digits, scale, kDecimalDigits));
  }
  return Type::decimal(static_cast<uint8_t>(digits), static_cast<uint8_t>(scale));
}

std::string proto_called(const ProtoField& field) {
  if (field.map) return "a map";
  std::string name(field.message       ? shown(field.message->name)
                   : field.enumeration ? shown(field.enumeration->name)
                                       : proto_kind_name(field.kind));
  return field.repeated ? "repeated " + name : name;
}

Result<types::Schema> proto_columns(const schema::protobuf::File& file, std::string_view message) {
  ASSIGN(const ProtoShape shape, ProtoShape::read(file, message));
  return ProtoMapper().run(shape.root());
}

}  // namespace leat::codec
