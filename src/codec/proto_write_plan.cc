#include "codec/proto_write_plan.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/proto_input.h"
#include "codec/proto_mapping.h"
#include "codec/refused.h"

namespace leat::codec {
namespace {

using types::Kind;
using types::Type;

class WritePlanner {
 public:
  Result<ProtoWritePlan> run(const ProtoMessage& root, const types::Schema& columns) {
    ProtoWritePlan made;
    auto planned = message(root, columns.fields, made);
    if (!planned) return std::move(planned).error().at(path_.empty() ? "/" : path_);
    return made;
  }

 private:
  static Error mismatch(const Type& column, const ProtoField& field) {
    return incompatible(
        fmt::format("a column {} does not go into {}: cast it in the SQL, or change "
                    "the schema",
                    column.to_sql(), proto_called(field)));
  }

  Result<void> message(const ProtoMessage& message, const std::vector<types::Field>& columns,
                       ProtoWritePlan& made) {
    if (depth_ >= kMaxProtoDepth)
      return Error(ErrorCode::kLimit, fmt::format("types more than {} deep", kMaxProtoDepth));
    ++depth_;
    for (const types::Field& column : columns) {
      const ProtoField* field = message.find(column.name);
      if (field && field->kind != ProtoKind::kGroup) continue;
      return incompatible(fmt::format(
          "{} has no field for the column '{}': leave it out of the SQL, or add it to the "
          "schema",
          shown(message.name), shown(column.name)));
    }
    std::vector<int> oneofs;
    for (const ProtoField& field : message.fields) {
      const auto column = std::ranges::find(columns, field.name, &types::Field::name);
      if (column == columns.end()) {
        if (!field.required) continue;
        return incompatible(
            fmt::format("no column for the field '{}' of {}, which is required: "
                        "select it",
                        shown(field.name), shown(message.name)));
      }
      ASSIGN(ProtoWritePlan part, at(field, column->type));
      part.column = static_cast<int>(column - columns.begin());
      add_member(field, made, oneofs);
      made.parts.push_back(std::move(part));
    }
    --depth_;
    return {};
  }

  static void add_member(const ProtoField& field, ProtoWritePlan& made, std::vector<int>& oneofs) {
    if (field.oneof < 0) return;
    const auto known = std::ranges::find(oneofs, field.oneof);
    const auto place = static_cast<size_t>(known - oneofs.begin());
    if (known == oneofs.end()) {
      oneofs.push_back(field.oneof);
      made.oneofs.emplace_back();
    }
    made.oneofs[place].push_back(made.parts.size());
  }

  Result<ProtoWritePlan> at(const ProtoField& field, const Type& column) {
    const size_t size = path_.size();
    path_ += "/" + std::string(shown(field.name));
    ASSIGN(ProtoWritePlan made, plan(field, column));
    path_.resize(size);
    return made;
  }

  Result<ProtoWritePlan> plan(const ProtoField& field, const Type& column) {
    ProtoWritePlan made;
    made.name = field.name;
    made.kind = field.kind;
    made.called = proto_called(field);
    made.presence = field.presence && !field.required;
    made.always = field.presence;
    made.repeated = field.repeated;
    made.map = field.map;
    made.packed = field.packed;
    made.closed = field.closed;
    made.enumeration = field.enumeration;
    if (column.kind() == Kind::kSqlNull && made.presence) {
      made.nothing = true;
      return made;
    }
    if (field.map) {
      if (column.kind() != Kind::kMap) return mismatch(column, field);
      for (size_t i = 0; i < 2; ++i) {
        ASSIGN(ProtoWritePlan part, at(field.message->fields[i], column.fields()[i].type));
        part.always = true;
        made.parts.push_back(std::move(part));
      }
      made.tag = proto_tag(field.number, ProtoWire::kBytes);
      return made;
    }
    if (field.repeated && column.kind() != Kind::kList) return mismatch(column, field);
    TRY(value(field, field.repeated ? column.element() : column, made));
    made.tag = proto_tag(field.number, made.packed ? ProtoWire::kBytes : wire(made));
    return made;
  }

  static ProtoWire wire(const ProtoWritePlan& made) {
    switch (made.kind) {
      case ProtoKind::kFixed32:
      case ProtoKind::kSfixed32:
      case ProtoKind::kFloat:
        return ProtoWire::kFixed32;
      case ProtoKind::kFixed64:
      case ProtoKind::kSfixed64:
      case ProtoKind::kDouble:
        return ProtoWire::kFixed64;
      case ProtoKind::kString:
      case ProtoKind::kBytes:
      case ProtoKind::kMessage:
        return ProtoWire::kBytes;
      default:
        return ProtoWire::kVarint;
    }
  }

  Result<void> value(const ProtoField& field, const Type& column, ProtoWritePlan& made) {
    if (field.kind == ProtoKind::kMessage) return message_value(field, column, made);
    if (!takes(field.kind, column)) return mismatch(column, field);
    return {};
  }

  static bool takes(ProtoKind kind, const Type& column) {
    switch (kind) {
      case ProtoKind::kBool:
        return column.kind() == Kind::kBoolean;
      case ProtoKind::kFloat:
        return column.kind() == Kind::kFloat;
      case ProtoKind::kDouble:
        return column.kind() == Kind::kFloat || column.kind() == Kind::kDouble;
      case ProtoKind::kString:
        return column.is_string() || column.kind() == Kind::kUuid;
      case ProtoKind::kBytes:
        return column.kind() == Kind::kBlob;
      case ProtoKind::kEnum:
        return column.kind() == Kind::kVarchar;
      default:
        return types::is_integer(column.kind());
    }
  }

  Result<void> message_value(const ProtoField& field, const Type& column, ProtoWritePlan& made) {
    const ProtoMessage& inner = *field.message;
    made.op = proto_read(inner, column);
    switch (made.op) {
      case ProtoRead::kMessage:
        if (column.kind() != Kind::kStruct) return mismatch(column, field);
        return message(inner, column.fields(), made);
      case ProtoRead::kWrapper: {
        if (!takes(inner.fields[0].kind, column)) return mismatch(column, field);
        ASSIGN(ProtoWritePlan part, at(inner.fields[0], column));
        made.parts.push_back(std::move(part));
        return {};
      }
      case ProtoRead::kDecimal: {
        ASSIGN(made.type, proto_decimal_type(field));
        if (column.kind() != Kind::kDecimal && !types::is_integer(column.kind()))
          return mismatch(column, field);
        return {};
      }
      case ProtoRead::kJsonStruct:
      case ProtoRead::kJsonValue:
      case ProtoRead::kJsonList:
        if (!column.is_string()) return mismatch(column, field);
        return {};
      default:
        if (column.kind() != proto_known_column(made.op)) return mismatch(column, field);
        return {};
    }
  }

  std::string path_;
  size_t depth_ = 0;
};

}  // namespace

Result<ProtoWritePlan> make_proto_write_plan(const ProtoMessage& message,
                                             const types::Schema& columns) {
  return WritePlanner().run(message, columns);
}

}  // namespace leat::codec
