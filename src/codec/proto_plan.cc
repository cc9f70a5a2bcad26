#include "codec/proto_plan.h"

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

constexpr uint32_t kSmallNumbers = 256;

/// Bytes of one row of `type` in its columns; for a list and a map without what is in them.
size_t row_bytes(const Type& type) {
  if (type.kind() != Kind::kStruct) return std::max<size_t>(type.value_size(), 1);
  size_t sum = 1;
  for (const types::Field& field : type.fields()) sum += row_bytes(field.type);
  return sum;
}

ProtoRead read_of(ProtoKind kind) {
  switch (kind) {
    case ProtoKind::kBool:
      return ProtoRead::kBool;
    case ProtoKind::kInt32:
    case ProtoKind::kUint32:
      return ProtoRead::kVarint32;
    case ProtoKind::kInt64:
    case ProtoKind::kUint64:
      return ProtoRead::kVarint64;
    case ProtoKind::kSint32:
      return ProtoRead::kZigzag32;
    case ProtoKind::kSint64:
      return ProtoRead::kZigzag64;
    case ProtoKind::kFixed32:
    case ProtoKind::kSfixed32:
    case ProtoKind::kFloat:
      return ProtoRead::kFixed32;
    case ProtoKind::kFixed64:
    case ProtoKind::kSfixed64:
    case ProtoKind::kDouble:
      return ProtoRead::kFixed64;
    case ProtoKind::kEnum:
      return ProtoRead::kEnum;
    case ProtoKind::kString:
      return ProtoRead::kText;
    default:
      return ProtoRead::kBytes;
  }
}

ProtoRead read_of(ProtoKnown known) {
  switch (known) {
    case ProtoKnown::kNone:
      return ProtoRead::kMessage;
    case ProtoKnown::kTimestamp:
      return ProtoRead::kTimestamp;
    case ProtoKnown::kDuration:
      return ProtoRead::kDuration;
    case ProtoKnown::kWrapper:
      return ProtoRead::kWrapper;
    case ProtoKnown::kStruct:
      return ProtoRead::kJsonStruct;
    case ProtoKnown::kValue:
      return ProtoRead::kJsonValue;
    case ProtoKnown::kListValue:
      return ProtoRead::kJsonList;
    case ProtoKnown::kDate:
      return ProtoRead::kDate;
    case ProtoKnown::kTimeOfDay:
      return ProtoRead::kTimeOfDay;
    default:
      return ProtoRead::kDecimal;
  }
}

ProtoWire wire_of(ProtoRead op) {
  switch (op) {
    case ProtoRead::kFixed32:
      return ProtoWire::kFixed32;
    case ProtoRead::kFixed64:
      return ProtoWire::kFixed64;
    case ProtoRead::kBool:
    case ProtoRead::kVarint32:
    case ProtoRead::kVarint64:
    case ProtoRead::kZigzag32:
    case ProtoRead::kZigzag64:
    case ProtoRead::kEnum:
      return ProtoWire::kVarint;
    default:
      return ProtoWire::kBytes;
  }
}

class ProtoPlanner {
 public:
  Result<ProtoPlan> run(const ProtoMessage& message, const types::Schema& columns) {
    auto made = plan(message, columns.fields);
    if (!made) return std::move(made).error().at(path_.empty() ? "/" : path_);
    return made;
  }

 private:
  static Error wrong_column(const Type& column, const ProtoField& field) {
    return refused(fmt::format("a column {} cannot hold {}", column.to_sql(), proto_called(field)));
  }

  Result<ProtoPlan> plan(const ProtoMessage& message, const std::vector<types::Field>& columns) {
    if (depth_ >= kMaxProtoDepth)
      return Error(ErrorCode::kLimit, fmt::format("types more than {} deep", kMaxProtoDepth));
    ++depth_;
    ProtoPlan made;
    for (size_t i = 0; i < columns.size(); ++i) {
      const ProtoField* field = message.find(columns[i].name);
      if (!field || field->kind == ProtoKind::kGroup) {
        return refused(
            fmt::format("{} has no field '{}'", shown(message.name), shown(columns[i].name)));
      }
      const size_t size = path_.size();
      path_ += "/" + std::string(shown(field->name));
      ASSIGN(ProtoReadField part, one(*field, columns[i].type));
      path_.resize(size);
      part.column = static_cast<int>(i);
      part.absent =
          field->required || (columns[i].required && field->presence && !field->has_default)
              ? ProtoAbsent::kRefuse
          : field->presence && !field->has_default ? ProtoAbsent::kNull
                                                   : ProtoAbsent::kDefault;
      part.oneof = field->oneof;
      made.fields.push_back(std::move(part));
    }
    add_oneofs(message, made);
    finish(made);
    --depth_;
    return made;
  }

  /// Adds the members without a column of oneofs that have one with a column.
  static void add_oneofs(const ProtoMessage& message, ProtoPlan& made) {
    std::vector<int> oneofs;
    for (const ProtoReadField& field : made.fields) {
      if (field.oneof >= 0) oneofs.push_back(field.oneof);
    }
    for (const ProtoField& field : message.fields) {
      const bool known = std::ranges::any_of(
          made.fields, [&](const ProtoReadField& one) { return one.number == field.number; });
      if (known || std::ranges::find(oneofs, field.oneof) == oneofs.end()) continue;
      ProtoReadField& added = made.fields.emplace_back();
      added.name = field.name;
      added.number = field.number;
      added.oneof = field.oneof;
      added.tag = proto_tag(field.number,
                            field.kind == ProtoKind::kGroup ? ProtoWire::kGroup : wire(field));
      added.closed = field.closed;
      added.enumeration = field.enumeration;
    }
  }
  static ProtoWire wire(const ProtoField& field) {
    return field.kind == ProtoKind::kMessage ? ProtoWire::kBytes : wire_of(read_of(field.kind));
  }

  /// Orders the fields and gives out slots.
  static void finish(ProtoPlan& made) {
    std::ranges::sort(made.fields, {}, &ProtoReadField::number);
    std::vector<int> oneofs;
    for (const ProtoReadField& field : made.fields) {
      if (field.oneof >= 0 && std::ranges::find(oneofs, field.oneof) == oneofs.end())
        oneofs.push_back(field.oneof);
    }
    made.slots = oneofs.size();
    for (size_t i = 0; i < made.fields.size(); ++i) {
      ProtoReadField& field = made.fields[i];
      if (field.oneof >= 0)
        field.oneof = static_cast<int>(std::ranges::find(oneofs, field.oneof) - oneofs.begin());
      if (field.repeated || is_message(field.op)) field.slot = static_cast<int>(made.slots++);
      if (field.number >= kSmallNumbers) continue;
      made.places.resize(std::max<size_t>(made.places.size(), field.number + 1), -1);
      made.places[field.number] = static_cast<int32_t>(i);
    }
  }

  /// The plan of a field, whatever its presence.
  Result<ProtoReadField> one(const ProtoField& field, const Type& column) {
    if (field.map) return map(field, column);
    if (!field.repeated) return value(field, column);
    if (column.kind() != Kind::kList) return wrong_column(column, field);
    ASSIGN(ProtoReadField made, value(field, column.element()));
    made.repeated = true;
    made.item_bytes = row_bytes(column.element());
    if (wire_of(made.op) != ProtoWire::kBytes)
      made.packed = proto_tag(field.number, ProtoWire::kBytes);
    return made;
  }

  Result<ProtoReadField> map(const ProtoField& field, const Type& column) {
    if (column.kind() != Kind::kMap) return wrong_column(column, field);
    ProtoReadField made;
    made.name = field.name;
    made.number = field.number;
    made.tag = proto_tag(field.number, ProtoWire::kBytes);
    made.op = ProtoRead::kMessage;
    made.repeated = made.map = true;
    made.item_bytes = row_bytes(column.fields()[0].type) + row_bytes(column.fields()[1].type);
    ASSIGN(ProtoPlan entry, plan(*field.message, column.fields()));
    // Key and value are always there: left out, they are their defaults.
    for (ProtoReadField& part : entry.fields) part.absent = ProtoAbsent::kDefault;
    made.inner = std::make_unique<ProtoPlan>(std::move(entry));
    return made;
  }

  /// The plan of one value.
  Result<ProtoReadField> value(const ProtoField& field, const Type& column) {
    ProtoReadField made;
    made.name = field.name;
    made.number = field.number;
    made.closed = field.closed;
    made.default_bits = field.default_bits;
    made.default_text = field.default_text;
    made.enumeration = field.enumeration;
    made.type = column;
    if (field.kind == ProtoKind::kMessage) {
      TRY(message(field, column, made));
    } else {
      made.op = read_of(field.kind);
      if (column != proto_scalar_type(field)) return wrong_column(column, field);
    }
    made.tag = proto_tag(field.number, wire_of(made.op));
    return made;
  }

  Result<void> message(const ProtoField& field, const Type& column, ProtoReadField& made) {
    const ProtoMessage& inner = *field.message;
    made.op = proto_read(inner, column);
    switch (made.op) {
      case ProtoRead::kMessage: {
        if (column.kind() != Kind::kStruct) return wrong_column(column, field);
        ASSIGN(ProtoPlan part, plan(inner, column.fields()));
        made.inner = std::make_unique<ProtoPlan>(std::move(part));
        return {};
      }
      case ProtoRead::kEmpty: {
        made.inner = std::make_unique<ProtoPlan>();
        break;
      }
      case ProtoRead::kWrapper: {
        if (column != proto_scalar_type(inner.fields[0])) return wrong_column(column, field);
        ASSIGN(ProtoPlan part, plan(inner, {{inner.fields[0].name, column}}));
        made.inner = std::make_unique<ProtoPlan>(std::move(part));
        return {};
      }
      case ProtoRead::kDecimal:
        if (column.kind() != Kind::kDecimal) return wrong_column(column, field);
        return {};
      default:
        break;
    }
    if (column.kind() != proto_known_column(made.op)) return wrong_column(column, field);
    return {};
  }

  std::string path_;
  size_t depth_ = 0;
};

}  // namespace

Kind proto_known_column(ProtoRead op) {
  switch (op) {
    case ProtoRead::kEmpty:
      return Kind::kBoolean;
    case ProtoRead::kTimestamp:
      return Kind::kTimestampTz;
    case ProtoRead::kDuration:
      return Kind::kInterval;
    case ProtoRead::kDate:
      return Kind::kDate;
    case ProtoRead::kTimeOfDay:
      return Kind::kTime;
    default:
      return Kind::kJson;
  }
}

ProtoRead proto_read(const ProtoMessage& message, const Type& column) {
  if (column.kind() == Kind::kStruct) return ProtoRead::kMessage;
  return message.has_columns() ? read_of(message.known) : ProtoRead::kEmpty;
}

const ProtoReadField* ProtoPlan::find(uint32_t number) const {
  if (number < places.size()) {
    const int32_t place = places[number];
    return place < 0 ? nullptr : &fields[static_cast<size_t>(place)];
  }
  if (number < kSmallNumbers) return nullptr;
  const auto found = std::ranges::lower_bound(fields, number, {}, &ProtoReadField::number);
  return found == fields.end() || found->number != number ? nullptr : &*found;
}

Result<ProtoPlan> make_proto_plan(const ProtoMessage& message, const types::Schema& columns) {
  return ProtoPlanner().run(message, columns);
}

}  // namespace leat::codec
