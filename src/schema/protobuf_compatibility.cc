// Can a Protobuf schema read what another wrote? Messages are compared by the numbers of their fields.
//
// Sources: https://protobuf.dev/programming-guides/proto3/#updating, and the rules of Confluent's registry,
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/serdes-protobuf.html
#include <fmt/core.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/protobuf_file.h"

namespace leat::schema::protobuf {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using Message = pb::Descriptor;

enum class Kind { kScalar, kMap, kMessage };

Kind kind(const Field& field) {
  if (field.is_map()) return Kind::kMap;
  return field.message_type() ? Kind::kMessage : Kind::kScalar;
}

/// Types of one name are written alike: one may become the other.
std::string_view wire_group(const Field& field) {
  switch (field.type()) {
    case Field::TYPE_INT32:
    case Field::TYPE_INT64:
    case Field::TYPE_UINT32:
    case Field::TYPE_UINT64:
    case Field::TYPE_BOOL:
    case Field::TYPE_ENUM:
      return "varint";
    case Field::TYPE_SINT32:
    case Field::TYPE_SINT64:
      return "zigzag varint";
    case Field::TYPE_STRING:
    case Field::TYPE_BYTES:
      return "string or bytes";
    case Field::TYPE_FIXED32:
    case Field::TYPE_SFIXED32:
      return "fixed32";
    case Field::TYPE_FIXED64:
    case Field::TYPE_SFIXED64:
      return "fixed64";
    case Field::TYPE_FLOAT:
      return "float";
    case Field::TYPE_DOUBLE:
      return "double";
    default:
      return "message";
  }
}

/// Its name without the package: packages of imported files may differ.
std::string local_name(const Message& message) {
  const std::string& package = message.file()->package();
  const std::string& full = message.full_name();
  return package.empty() ? full : full.substr(package.size() + 1);
}

std::string path_of(const Message& message) {
  std::string path = local_name(message);
  std::replace(path.begin(), path.end(), '.', '/');
  return "#/" + path;
}

std::string path_of(const Message& message, const Field& field) {
  const auto* oneof = field.real_containing_oneof();
  const std::string in = oneof ? "/" + oneof->name() : "";
  return fmt::format("{}{}/{}", path_of(message), in, field.number());
}

class Comparison {
 public:
  Comparison(const File& reader, const File& writer) : reader_(reader), writer_(writer) {}

  std::vector<Difference> run() {
    const auto& before = writer_.descriptor();
    const auto& after = reader_.descriptor();
    if (before.package() != after.package()) {
      add("PACKAGE_CHANGED", "#/",
          fmt::format("the package was '{}' and is '{}'", before.package(), after.package()));
    }
    for (int i = 0; i < before.message_type_count(); ++i) {
      const Message& message = *before.message_type(i);
      match(message, after.FindMessageTypeByName(message.name()));
    }
    while (!open_.empty() && told_.size() < limits::kSchemaDifferences) {
      const auto [writer, reader] = open_.back();
      open_.pop_back();
      messages(*writer, *reader);
    }
    return std::move(told_);
  }

 private:
  void add(std::string rule, std::string path, std::string message) {
    told_.push_back({std::move(rule), std::string(utf8_prefix(path, limits::kSchemaPathBytes)),
                     std::move(message)});
  }

  /// A message that is declared inside the same place in both.
  void match(const Message& before, const Message* after) {
    if (before.options().map_entry()) return;
    if (after)
      open(before, *after);
    else
      add("MESSAGE_REMOVED", path_of(before), "the reader has no such message: keep it");
  }

  void open(const Message& before, const Message& after) {
    if (seen_.emplace(&before, &after).second) open_.emplace_back(&before, &after);
  }

  void messages(const Message& before, const Message& after) {
    for (int i = 0; i < after.real_oneof_decl_count(); ++i) moved(before, *after.oneof_decl(i));
    for (int i = 0; i < before.field_count(); ++i) {
      const Field& field = *before.field(i);
      if (const Field* same = after.FindFieldByNumber(field.number()))
        fields(field, *same, path_of(after, *same));
      else
        removed(field, after);
    }
    for (int i = 0; i < after.field_count(); ++i) {
      const Field& field = *after.field(i);
      if (field.is_required() && !before.FindFieldByNumber(field.number())) {
        add("REQUIRED_FIELD_ADDED", path_of(after, field),
            fmt::format("the writer has no field {}, which the reader requires: make it optional",
                        field.number()));
      }
    }
    for (int i = 0; i < before.nested_type_count(); ++i) {
      const Message& nested = *before.nested_type(i);
      match(nested, after.FindNestedTypeByName(nested.name()));
    }
  }

  void removed(const Field& field, const Message& after) {
    const auto* oneof = field.real_containing_oneof();
    if (oneof && lives(*oneof, after)) {
      add("ONEOF_FIELD_REMOVED", path_of(*field.containing_type(), field),
          fmt::format("field {} left oneof '{}': the reader would see none of it set",
                      field.number(), oneof->name()));
    } else if (field.is_required()) {
      add("REQUIRED_FIELD_REMOVED", path_of(*field.containing_type(), field),
          "a required field is gone: readers of old schemas refuse what is written without it");
    }
  }

  static bool lives(const pb::OneofDescriptor& oneof, const Message& after) {
    if (after.FindOneofByName(oneof.name())) return true;
    for (int i = 0; i < oneof.field_count(); ++i) {
      if (after.FindFieldByNumber(oneof.field(i)->number())) return true;
    }
    return false;
  }

  /// Fields that could be set together, and now exclude each other.
  void moved(const Message& before, const pb::OneofDescriptor& oneof) {
    std::set<std::string> origins;
    size_t from_outside = 0;
    for (int i = 0; i < oneof.field_count(); ++i) {
      const Field* old = before.FindFieldByNumber(oneof.field(i)->number());
      if (!old) continue;
      const auto* group = old->real_containing_oneof();
      origins.insert(group ? group->name() : fmt::format("{}", old->number()));
      if (!group) ++from_outside;
    }
    if (origins.size() < 2) return;
    add(from_outside > 1 ? "MULTIPLE_FIELDS_MOVED_TO_ONEOF" : "FIELD_MOVED_TO_EXISTING_ONEOF",
        path_of(*oneof.containing_type()) + "/" + oneof.name(),
        fmt::format("fields that the writer could set together are one oneof '{}' for the reader, "
                    "which keeps "
                    "the last only",
                    oneof.name()));
  }

  void fields(const Field& before, const Field& after, const std::string& path) {
    if (kind(before) != kind(after)) {
      add("FIELD_KIND_CHANGED", path,
          fmt::format("field {} was a {} and is a {}", before.number(), before.type_name(),
                      after.type_name()));
    } else if (kind(before) == Kind::kScalar) {
      scalars(before, after, path);
    } else if (kind(before) == Kind::kMap) {
      fields(*before.message_type()->map_key(), *after.message_type()->map_key(), path);
      fields(*before.message_type()->map_value(), *after.message_type()->map_value(), path);
    } else {
      named(before, after, path);
    }
  }

  void scalars(const Field& before, const Field& after, const std::string& path) {
    const std::string_view group = wire_group(before);
    if (group != wire_group(after)) {
      add("FIELD_SCALAR_KIND_CHANGED", path,
          fmt::format("field {} was {} and is {}, which are written otherwise", before.number(),
                      before.type_name(), after.type_name()));
    } else if (before.label() != after.label() && group != "string or bytes") {
      add("FIELD_NUMERIC_LABEL_CHANGED", path,
          fmt::format(
              "field {} became repeated, required or single, or is no longer: numbers are then "
              "written otherwise",
              before.number()));
    }
  }

  void named(const Field& before, const Field& after, const std::string& path) {
    const Message& from = *before.message_type();
    const Message& to = *after.message_type();
    if (local_name(from) != local_name(to)) {
      add("FIELD_NAMED_TYPE_CHANGED", path,
          fmt::format("the message of field {} was '{}' and is '{}'", before.number(),
                      from.full_name(), to.full_name()));
      return;
    }
    const Reference* origin = writer_.origin(*from.file());
    const Reference* other = reader_.origin(*to.file());
    const bool same_version =
        origin && other && origin->subject == other->subject && origin->version == other->version;
    if (!same_version) open(from, to);
  }

  const File& reader_;
  const File& writer_;
  std::set<std::pair<const Message*, const Message*>> seen_;
  std::vector<std::pair<const Message*, const Message*>> open_;
  std::vector<Difference> told_;
};

}  // namespace

std::vector<Difference> file_differences(const File& reader, const File& writer) {
  return Comparison(reader, writer).run();
}

}  // namespace leat::schema::protobuf
