#include "codec/avro_mapping.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/refused.h"

namespace leat::codec {
namespace {

namespace avro = schema::avro;
using avro::Logical;
using avro::Node;
using types::Type;

Type time_type(Logical logical) {
  switch (logical) {
    case Logical::kDate:
      return types::Kind::kDate;
    case Logical::kTimeMillis:
    case Logical::kTimeMicros:
      return types::Kind::kTime;
    case Logical::kTimestampMillis:
    case Logical::kTimestampMicros:
    case Logical::kTimestampNanos:
      return types::Kind::kTimestampTz;
    case Logical::kLocalTimestampMillis:
    case Logical::kLocalTimestampMicros:
    case Logical::kLocalTimestampNanos:
      return types::Kind::kTimestamp;
    default:
      return types::Kind::kSqlNull;
  }
}

Result<Type> bytes_type(const Node& node) {
  switch (node.logical) {
    case Logical::kDecimal:
      if (node.precision > 38) {
        return refused(
            fmt::format("a decimal of {} digits: a column holds at most 38", node.precision));
      }
      return Type::decimal(static_cast<uint8_t>(node.precision), static_cast<uint8_t>(node.scale));
    case Logical::kUuid:
      return Type(types::Kind::kUuid);
    case Logical::kDuration:
      return Type(types::Kind::kInterval);
    default:
      return Type(types::Kind::kBlob);
  }
}

/// Builds types from nodes; `path_` is where it is.
class Mapping {
 public:
  Result<types::Schema> run(const Node& root) {
    types::Schema made;
    if (root.kind == avro::Kind::kRecord) open_.push_back(&root);
    auto fields = root.kind == avro::Kind::kRecord ? record_fields(root) : value_field(root);
    if (!fields) return std::move(fields).error().at(path_.empty() ? "/" : path_);
    made.fields = std::move(fields).value();
    return made;
  }

 private:
  Result<std::vector<types::Field>> value_field(const Node& root) {
    std::vector<types::Field> fields(1);
    fields[0].name = "value";
    TRY(fill(fields[0], root));
    return fields;
  }

  /// Type and presence of a field whose type is `node`.
  Result<void> fill(types::Field& field, const Node& node) {
    ASSIGN(field.type, type(node));
    field.required = node.kind == avro::Kind::kUnion ? AvroUnion(node).null_branch < 0
                                                     : node.kind != avro::Kind::kNull;
    return {};
  }

  Result<Type> type(const Node& node) {
    if (++columns_ > limits::kMaxAvroColumns) {
      return Error(ErrorCode::kLimit,
                   fmt::format("more than {} columns, nested ones included: name fewer types again",
                               limits::kMaxAvroColumns));
    }
    const bool is_nested = node.kind == avro::Kind::kArray || node.kind == avro::Kind::kMap ||
                           node.kind == avro::Kind::kRecord || node.kind == avro::Kind::kUnion;
    return is_nested ? nested(node) : avro_scalar_type(node);
  }

  Result<Type> nested(const Node& node) {
    if (node.kind == avro::Kind::kRecord && std::ranges::find(open_, &node) != open_.end()) {
      return refused(fmt::format(
          "{} contains itself: a column has a fixed depth; leave the field out of the reader's "
          "schema",
          avro_called(node)));
    }
    if (open_.size() >= limits::kMaxAvroDepth) {
      return Error(ErrorCode::kLimit,
                   fmt::format("types more than {} deep", limits::kMaxAvroDepth));
    }
    open_.push_back(&node);
    auto made = node.kind == avro::Kind::kArray    ? array(node)
                : node.kind == avro::Kind::kMap    ? map(node)
                : node.kind == avro::Kind::kRecord ? record(node)
                                                   : union_type(node);
    open_.pop_back();
    return made;
  }

  Result<Type> array(const Node& node) {
    ASSIGN(Type element, at("items", *node.inner[0]));
    return Type::list(std::move(element));
  }
  Result<Type> map(const Node& node) {
    ASSIGN(Type value, at("values", *node.inner[0]));
    return Type::map(types::Kind::kVarchar, std::move(value));
  }
  Result<Type> record(const Node& node) {
    ASSIGN(std::vector<types::Field> fields, record_fields(node));
    return Type::structure(std::move(fields));
  }

  /// The type of a part; on failure the path stays.
  Result<Type> at(std::string_view name, const Node& node) {
    const size_t size = path_.size();
    path_ += pointer_token(name);
    ASSIGN(Type made, type(node));
    path_.resize(size);
    return made;
  }

  Result<std::vector<types::Field>> record_fields(const Node& node) {
    if (node.fields.empty()) {
      return refused(
          fmt::format("the record {} has no fields: SQL knows no empty STRUCT", avro_called(node)));
    }
    std::vector<types::Field> fields;
    for (const avro::Field& field : node.fields) {
      const size_t size = path_.size();
      path_ += pointer_token(field.name);
      types::Field& made = fields.emplace_back();
      made.name = field.name;
      made.doc = field.doc.value_or("");
      TRY(fill(made, *field.type));
      path_.resize(size);
    }
    TRY(check_names(fields));
    return fields;
  }

  Result<Type> union_type(const Node& node) {
    const AvroUnion shape(node);
    if (shape.values.empty()) {
      if (shape.null_branch < 0) return refused("a union without branches has no values");
      return Type(types::Kind::kSqlNull);
    }
    if (!shape.several()) return type(*node.inner[shape.values[0]]);
    const std::vector<std::string> names = avro_member_names(node, shape);
    std::vector<types::Field> members;
    for (size_t i = 0; i < names.size(); ++i) {
      types::Field& made = members.emplace_back();
      made.name = names[i];
      ASSIGN(made.type, at(names[i], *node.inner[shape.values[i]]));
    }
    TRY(check_names(members));
    return Type::structure(std::move(members));
  }

  static Result<void> check_names(const std::vector<types::Field>& fields) {
    std::vector<std::string> names;
    for (const types::Field& field : fields) names.push_back(lower(field.name));
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice == names.end()) return {};
    return refused(
        fmt::format("two fields are '{}' to SQL, which does not tell case apart: give "
                    "one of them another name, and the old one as an alias",
                    shown(*twice)));
  }

  std::vector<const Node*> open_;
  std::string path_;
  size_t columns_ = 0;
};

/// Writes a schema for columns.
class Writer {
 public:
  Result<schema::Json> record(const std::vector<types::Field>& fields, std::string name) {
    name = unused(std::move(name));
    schema::Json made = {{"type", "record"}, {"name", name}, {"fields", schema::Json::array()}};
    for (const types::Field& field : fields) {
      if (!is_name(field.name)) {
        return refused(fmt::format("'{}' is no name in Avro: letters, digits and _, no digit first",
                                   shown(field.name)))
            .with_hint("give it another one in the SQL: SELECT ... AS name");
      }
      auto inner = type(field.type, name + "_" + field.name);
      if (!inner) return std::move(inner).error().at(field.name);
      schema::Json one = {{"name", field.name}};
      if (!field.doc.empty()) one["doc"] = field.doc;
      if (field.required || *inner == "null") {
        one["type"] = std::move(*inner);
      } else {
        one["type"] = schema::Json::array({"null", std::move(*inner)});
        one["default"] = nullptr;
      }
      made["fields"].push_back(std::move(one));
    }
    return made;
  }

 private:
  static bool is_name(std::string_view text) {
    return !text.empty() && !(text[0] >= '0' && text[0] <= '9') &&
           std::ranges::all_of(text, [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_';
           });
  }
  /// `name`, or with as many _ behind it as make it new.
  std::string unused(std::string name) {
    while (!names_.insert(name).second) name += '_';
    return name;
  }
  static schema::Json logical(const char* type, const char* name) {
    return {{"type", type}, {"logicalType", name}};
  }
  static schema::Json decimal(int precision, int scale) {
    schema::Json made = logical("bytes", "decimal");
    made["precision"] = precision;
    made["scale"] = scale;
    return made;
  }
  /// Items and values may be NULL, whatever the column says.
  Result<schema::Json> nullable(const Type& inner, const std::string& name) {
    ASSIGN(schema::Json made, type(inner, name));
    if (made == "null") return made;
    return schema::Json::array({"null", std::move(made)});
  }

  Result<schema::Json> type(const Type& column, const std::string& name) {
    switch (column.kind()) {
      case types::Kind::kSqlNull:
        return schema::Json("null");
      case types::Kind::kBoolean:
        return schema::Json("boolean");
      case types::Kind::kInt8:
      case types::Kind::kInt16:
      case types::Kind::kInt32:
      case types::Kind::kUint8:
      case types::Kind::kUint16:
        return schema::Json("int");
      case types::Kind::kUint32:
      case types::Kind::kInt64:
        return schema::Json("long");
      case types::Kind::kUint64:
        return decimal(20, 0);
      case types::Kind::kInt128:
        return decimal(38, 0);
      case types::Kind::kDecimal:
        return decimal(column.width(), column.scale());
      case types::Kind::kFloat:
        return schema::Json("float");
      case types::Kind::kDouble:
        return schema::Json("double");
      case types::Kind::kVarchar:
      case types::Kind::kJson:
        return schema::Json("string");
      case types::Kind::kBlob:
        return schema::Json("bytes");
      case types::Kind::kUuid:
        return logical("string", "uuid");
      case types::Kind::kDate:
        return logical("int", "date");
      case types::Kind::kTime:
        return logical("long", "time-micros");
      case types::Kind::kTimestamp:
        return logical("long", "local-timestamp-micros");
      case types::Kind::kTimestampTz:
        return logical("long", "timestamp-micros");
      default:
        return nested(column, name);
    }
  }

  Result<schema::Json> nested(const Type& column, const std::string& name) {
    switch (column.kind()) {
      case types::Kind::kInterval:
        return schema::Json{
            {"type", "fixed"}, {"name", unused(name)}, {"size", 12}, {"logicalType", "duration"}};
      case types::Kind::kList: {
        ASSIGN(schema::Json items, nullable(column.element(), name));
        return schema::Json{{"type", "array"}, {"items", std::move(items)}};
      }
      case types::Kind::kMap: {
        if (!column.fields()[0].type.is_string()) {
          return refused(fmt::format("Avro cannot hold {}: the keys of its maps are strings",
                                     column.to_sql()))
              .with_hint("select map_entries(...), which is a list of structs");
        }
        ASSIGN(schema::Json values, nullable(column.fields()[1].type, name));
        return schema::Json{{"type", "map"}, {"values", std::move(values)}};
      }
      default:
        return record(column.fields(), name);
    }
  }

  std::unordered_set<std::string> names_;
};

}  // namespace

AvroUnion::AvroUnion(const Node& node) {
  for (size_t i = 0; i < node.inner.size(); ++i) {
    if (node.inner[i]->kind == avro::Kind::kNull)
      null_branch = static_cast<int>(i);
    else
      values.push_back(i);
  }
}

std::vector<std::string> avro_member_names(const Node& node, const AvroUnion& shape) {
  auto simple = [&](size_t branch) {
    const Node& one = *node.inner[branch];
    return one.has_name() ? one.name.simple : std::string(avro::kind_name(one.kind));
  };
  std::vector<std::string> names;
  for (size_t branch : shape.values) {
    const std::string name = simple(branch);
    const bool meets = std::ranges::any_of(shape.values, [&](size_t other) {
      return other != branch && lower(simple(other)) == lower(name);
    });
    const Node& one = *node.inner[branch];
    names.push_back(meets && one.has_name() ? one.name.full() : name);
  }
  return names;
}

std::string avro_called(const Node& node) {
  if (node.has_name()) return std::string(utf8_prefix(node.name.full(), limits::kShownBytes));
  const auto logical = node.attributes.find("logicalType");
  if (node.logical == Logical::kNone || logical == node.attributes.end())
    return std::string(avro::kind_name(node.kind));
  return fmt::format("{} ({})", avro::kind_name(node.kind), logical->get<std::string>());
}

Type avro_plain_type(const Node& node) {
  switch (node.kind) {
    case avro::Kind::kBoolean:
      return types::Kind::kBoolean;
    case avro::Kind::kInt:
      return types::Kind::kInt32;
    case avro::Kind::kLong:
      return types::Kind::kInt64;
    case avro::Kind::kFloat:
      return types::Kind::kFloat;
    case avro::Kind::kDouble:
      return types::Kind::kDouble;
    case avro::Kind::kBytes:
    case avro::Kind::kFixed:
      return types::Kind::kBlob;
    case avro::Kind::kString:
    case avro::Kind::kEnum:
      return types::Kind::kVarchar;
    default:
      return types::Kind::kSqlNull;
  }
}

Result<Type> avro_scalar_type(const Node& node) {
  switch (node.kind) {
    case avro::Kind::kInt:
    case avro::Kind::kLong:
      return node.logical == Logical::kNone ? avro_plain_type(node) : time_type(node.logical);
    case avro::Kind::kBytes:
    case avro::Kind::kFixed:
      return bytes_type(node);
    case avro::Kind::kString:
      return node.logical == Logical::kUuid ? Type(types::Kind::kUuid) : avro_plain_type(node);
    default:
      return avro_plain_type(node);
  }
}

Result<types::Schema> avro_columns(const avro::Schema& schema) {
  return Mapping().run(schema.root());
}

Result<std::string> avro_schema_text(const types::Schema& columns, std::string_view name) {
  ASSIGN(schema::Json made, Writer().record(columns.fields, std::string(name)));
  return made.dump();
}

}  // namespace leat::codec
