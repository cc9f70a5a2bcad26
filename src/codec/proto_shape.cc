#include "codec/proto_shape.h"

#include <fmt/core.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <span>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/protobuf_file.h"

namespace leat::codec {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

ProtoKind kind_of(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      return ProtoKind::kBool;
    case FieldDescriptor::TYPE_INT32:
      return ProtoKind::kInt32;
    case FieldDescriptor::TYPE_INT64:
      return ProtoKind::kInt64;
    case FieldDescriptor::TYPE_UINT32:
      return ProtoKind::kUint32;
    case FieldDescriptor::TYPE_UINT64:
      return ProtoKind::kUint64;
    case FieldDescriptor::TYPE_SINT32:
      return ProtoKind::kSint32;
    case FieldDescriptor::TYPE_SINT64:
      return ProtoKind::kSint64;
    case FieldDescriptor::TYPE_FIXED32:
      return ProtoKind::kFixed32;
    case FieldDescriptor::TYPE_FIXED64:
      return ProtoKind::kFixed64;
    case FieldDescriptor::TYPE_SFIXED32:
      return ProtoKind::kSfixed32;
    case FieldDescriptor::TYPE_SFIXED64:
      return ProtoKind::kSfixed64;
    case FieldDescriptor::TYPE_FLOAT:
      return ProtoKind::kFloat;
    case FieldDescriptor::TYPE_DOUBLE:
      return ProtoKind::kDouble;
    case FieldDescriptor::TYPE_STRING:
      return ProtoKind::kString;
    case FieldDescriptor::TYPE_BYTES:
      return ProtoKind::kBytes;
    case FieldDescriptor::TYPE_ENUM:
      return ProtoKind::kEnum;
    case FieldDescriptor::TYPE_GROUP:
      return ProtoKind::kGroup;
    default:
      return ProtoKind::kMessage;
  }
}

void read_default(const FieldDescriptor& field, ProtoField& made) {
  if (field.is_repeated()) return;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      made.default_bits = field.default_value_bool() ? 1 : 0;
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      made.default_bits = static_cast<uint64_t>(int64_t{field.default_value_int32()});
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      made.default_bits = static_cast<uint64_t>(field.default_value_int64());
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      made.default_bits = field.default_value_uint32();
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      made.default_bits = field.default_value_uint64();
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      made.default_bits = std::bit_cast<uint32_t>(field.default_value_float());
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      made.default_bits = std::bit_cast<uint64_t>(field.default_value_double());
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      made.default_bits = static_cast<uint64_t>(int64_t{field.default_value_enum()->number()});
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      made.default_text = field.default_value_string();
      break;
    default:
      break;
  }
}

// ---- confluent.field_meta, an option of fields: Meta { map<string, string> params = 2; }

constexpr int kFieldMeta = 1088, kMetaParams = 2;

std::string_view bytes_of(const pb::UnknownFieldSet& set, int number) {
  std::string_view found;
  for (int i = 0; i < set.field_count(); ++i) {
    const pb::UnknownField& one = set.field(i);
    if (one.number() == number && one.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED)
      found = one.length_delimited();
  }
  return found;
}

void read_param(const std::string& bytes, ProtoField& made) {
  pb::UnknownFieldSet entry;
  if (!entry.ParseFromString(bytes)) return;
  const std::string_view key = bytes_of(entry, 1), value = bytes_of(entry, 2);
  int number = -1;
  std::from_chars(value.data(), value.data() + value.size(), number);
  if (key == "precision") made.precision = number;
  if (key == "scale") made.scale = number;
}

void read_params(const FieldDescriptor& field, ProtoField& made) {
  const std::string_view bytes = bytes_of(field.options().unknown_fields(), kFieldMeta);
  pb::UnknownFieldSet meta;
  if (bytes.empty() || !meta.ParseFromString(std::string(bytes))) return;
  for (int i = 0; i < meta.field_count(); ++i) {
    const pb::UnknownField& one = meta.field(i);
    if (one.number() == kMetaParams && one.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED)
      read_param(one.length_delimited(), made);
  }
}

// ---- messages of the library

struct KnownMessage {
  std::string_view name;
  ProtoKnown known;
  std::array<ProtoKind, 4> kinds;
  size_t fields;
};
constexpr ProtoKind kEnd = ProtoKind::kGroup;
constexpr std::array kKnown = {
    KnownMessage{"google.protobuf.Timestamp",
                 ProtoKnown::kTimestamp,
                 {ProtoKind::kInt64, ProtoKind::kInt32, kEnd, kEnd},
                 2},
    KnownMessage{"google.protobuf.Duration",
                 ProtoKnown::kDuration,
                 {ProtoKind::kInt64, ProtoKind::kInt32, kEnd, kEnd},
                 2},
    KnownMessage{"google.type.Date",
                 ProtoKnown::kDate,
                 {ProtoKind::kInt32, ProtoKind::kInt32, ProtoKind::kInt32, kEnd},
                 3},
    KnownMessage{"google.type.TimeOfDay",
                 ProtoKnown::kTimeOfDay,
                 {ProtoKind::kInt32, ProtoKind::kInt32, ProtoKind::kInt32, ProtoKind::kInt32},
                 4},
    KnownMessage{"confluent.type.Decimal",
                 ProtoKnown::kDecimal,
                 {ProtoKind::kBytes, ProtoKind::kUint32, ProtoKind::kInt32, kEnd},
                 3},
};
constexpr std::string_view kWrappers[] = {"Double", "Float", "Int64",  "UInt64", "Int32",
                                          "UInt32", "Bool",  "String", "Bytes"};

/// A message of a known name that has other fields is one of the user's.
ProtoKnown known_of(const ProtoMessage& message) {
  const std::string_view name = message.name;
  for (const KnownMessage& one : kKnown) {
    if (one.name != name) continue;
    bool same = message.fields.size() == one.fields;
    for (size_t i = 0; same && i < one.fields; ++i) {
      const ProtoField& field = message.fields[i];
      same = field.number == i + 1 && field.kind == one.kinds[i] && !field.repeated;
    }
    return same ? one.known : ProtoKnown::kNone;
  }
  constexpr std::string_view kPackage = "google.protobuf.";
  if (!name.starts_with(kPackage)) return ProtoKnown::kNone;
  const std::string_view local = name.substr(kPackage.size());
  if (local == "Struct") return ProtoKnown::kStruct;
  if (local == "Value") return ProtoKnown::kValue;
  if (local == "ListValue") return ProtoKnown::kListValue;
  const bool wraps = std::ranges::any_of(kWrappers, [&](std::string_view one) {
    return local.starts_with(one) && local.substr(one.size()) == "Value";
  });
  return wraps && message.fields.size() == 1 && message.fields[0].number == 1 ? ProtoKnown::kWrapper
                                                                              : ProtoKnown::kNone;
}

void add_names(const pb::Descriptor& message, std::vector<ProtoNames>& into) {
  ProtoNames& made = into.emplace_back();
  made.name = message.full_name();
  for (int i = 0; i < message.nested_type_count(); ++i)
    add_names(*message.nested_type(i), made.inner);
}

}  // namespace

/// Reads descriptors one after another, so that types inside types cost no stack.
class ProtoShapeReader {
 public:
  Result<ProtoShape> run(const pb::FileDescriptor& file, std::string_view name) {
    const pb::Descriptor* root = find(file, name);
    if (!root) return missing(file, name);
    for (const pb::Descriptor* one = root; one; one = one->containing_type())
      shape_.indexes_.insert(shape_.indexes_.begin(), one->index());
    shape_.root_ = message(*root);
    while (!waiting_.empty()) {
      const pb::Descriptor* next = waiting_.back();
      waiting_.pop_back();
      fill(*next, *shape_.messages_.at(next));
    }
    return std::move(shape_);
  }

 private:
  static const pb::Descriptor* find(const pb::FileDescriptor& file, std::string_view name) {
    if (name.empty()) return file.message_type_count() > 0 ? file.message_type(0) : nullptr;
    const pb::Descriptor* found = file.pool()->FindMessageTypeByName(std::string(name));
    return found && found->file() == &file && !found->options().map_entry() ? found : nullptr;
  }
  static Error missing(const pb::FileDescriptor& file, std::string_view name) {
    constexpr int kShown = 10;
    std::vector<std::string> names;
    for (int i = 0; i < std::min(file.message_type_count(), kShown); ++i)
      names.emplace_back(utf8_prefix(file.message_type(i)->full_name(), limits::kShownBytes));
    if (names.empty()) return {ErrorCode::kNotFound, "the schema has no message"};
    return {ErrorCode::kNotFound,
            fmt::format("the schema has no message {}: it has {}{}", shown(name), join(names, ", "),
                        file.message_type_count() > kShown ? " and others" : "")};
  }

  const ProtoMessage* message(const pb::Descriptor& descriptor) {
    auto& made = shape_.messages_[&descriptor];
    if (!made) {
      made = std::make_unique<ProtoMessage>();
      waiting_.push_back(&descriptor);
    }
    return made.get();
  }

  const ProtoEnum* enumeration(const pb::EnumDescriptor& descriptor) {
    auto& made = shape_.enums_[&descriptor];
    if (made) return made.get();
    made = std::make_unique<ProtoEnum>();
    made->name = descriptor.full_name();
    for (int i = 0; i < descriptor.value_count(); ++i) {
      const pb::EnumValueDescriptor& value = *descriptor.value(i);
      made->by_number.emplace_back(value.number(), value.name());
      made->by_name.emplace_back(value.name(), value.number());
    }
    auto& numbers = made->by_number;
    const auto number = [](const auto& one) { return one.first; };
    std::ranges::stable_sort(numbers, {}, number);
    // Not std::ranges::unique: clang 14 cannot use what it returns.
    const auto same = [](const auto& left, const auto& right) { return left.first == right.first; };
    numbers.erase(std::unique(numbers.begin(), numbers.end(), same), numbers.end());
    std::ranges::sort(made->by_name);
    return made.get();
  }

  void fill(const pb::Descriptor& descriptor, ProtoMessage& made) {
    made.name = descriptor.full_name();
    for (int i = 0; i < descriptor.field_count(); ++i)
      made.fields.push_back(field(*descriptor.field(i)));
    std::ranges::sort(made.fields, {}, &ProtoField::number);
    made.known = known_of(made);
  }

  ProtoField field(const FieldDescriptor& field) {
    ProtoField made;
    made.name = field.name();
    made.number = static_cast<uint32_t>(field.number());
    made.kind = kind_of(field);
    made.repeated = field.is_repeated();
    made.map = field.is_map();
    made.packed = field.is_packed();
    made.required = field.is_required();
    made.presence = field.has_presence();
    made.has_default = field.has_default_value();
    made.closed = made.kind == ProtoKind::kEnum &&
                  field.file()->syntax() != pb::FileDescriptor::SYNTAX_PROTO3;
    if (const auto* oneof = field.real_containing_oneof()) made.oneof = oneof->index();
    read_default(field, made);
    read_params(field, made);
    if (made.kind == ProtoKind::kMessage) made.message = message(*field.message_type());
    if (made.kind == ProtoKind::kEnum) made.enumeration = enumeration(*field.enum_type());
    return made;
  }

  ProtoShape shape_;
  std::vector<const pb::Descriptor*> waiting_;
};

std::string_view proto_kind_name(ProtoKind kind) {
  constexpr std::string_view kNames[] = {
      "bool",     "int32",    "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
      "sfixed32", "sfixed64", "float", "double", "string", "bytes",  "enum",   "message", "group"};
  return kNames[static_cast<size_t>(kind)];
}

const std::string* ProtoEnum::name_of(int32_t number) const {
  const auto found =
      std::ranges::lower_bound(by_number, number, {}, [](const auto& one) { return one.first; });
  return found == by_number.end() || found->first != number ? nullptr : &found->second;
}

const int32_t* ProtoEnum::number_of(std::string_view text) const {
  const auto found = std::ranges::lower_bound(
      by_name, text, {}, [](const auto& one) { return std::string_view(one.first); });
  return found == by_name.end() || found->first != text ? nullptr : &found->second;
}

const ProtoField* ProtoMessage::find(std::string_view field) const {
  const auto found = std::ranges::find(fields, field, &ProtoField::name);
  return found == fields.end() ? nullptr : &*found;
}

bool ProtoMessage::has_columns() const {
  return std::ranges::any_of(fields,
                             [](const ProtoField& one) { return one.kind != ProtoKind::kGroup; });
}

Result<ProtoShape> ProtoShape::read(const schema::protobuf::File& file, std::string_view message) {
  return ProtoShapeReader().run(file.descriptor(), message);
}

ProtoNames proto_names(const schema::protobuf::File& file) {
  ProtoNames made;
  const pb::FileDescriptor& descriptor = file.descriptor();
  for (int i = 0; i < descriptor.message_type_count(); ++i)
    add_names(*descriptor.message_type(i), made.inner);
  return made;
}

}  // namespace leat::codec
