#include "codec/avro_write_plan.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/avro_default_bytes.h"
#include "codec/avro_mapping.h"
#include "codec/avro_time.h"
#include "codec/refused.h"

namespace leat::codec {
namespace {

namespace avro = schema::avro;
using avro::Logical;
using avro::Node;
using types::Kind;
using types::Type;

Error mismatch(const Type& column, const Node& node) {
  return incompatible(
      fmt::format("a column {} does not go into {}: cast it in the SQL, or change "
                  "the schema",
                  column.to_sql(), avro_called(node)));
}

class Planner {
 public:
  Result<AvroWritePlan> run(const Node& root, const types::Schema& columns) {
    auto made = plan_root(root, columns);
    if (!made) return std::move(made).error().at(path_.empty() ? "/" : path_);
    return made;
  }

 private:
  Result<AvroWritePlan> plan_root(const Node& root, const types::Schema& columns) {
    if (root.kind == avro::Kind::kRecord) return record(root, columns.fields);
    if (columns.fields.size() != 1)
      return incompatible("a schema whose root is no record takes one column");
    AvroWritePlan whole;
    whole.op = AvroWrite::kRecord;
    ASSIGN(AvroWritePlan part, plan(root, columns.fields[0].type));
    part.name = columns.fields[0].name;
    whole.parts.push_back(std::move(part));
    return whole;
  }

  Result<AvroWritePlan> at(std::string_view name, const Node& node, const Type& column) {
    const size_t size = path_.size();
    path_ += pointer_token(name);
    ASSIGN(AvroWritePlan made, plan(node, column));
    path_.resize(size);
    made.name = name;
    return made;
  }

  Result<AvroWritePlan> plan(const Node& node, const Type& column) {
    if (depth_ >= limits::kMaxAvroDepth) {
      return Error(ErrorCode::kLimit,
                   fmt::format("types more than {} deep", limits::kMaxAvroDepth));
    }
    ++depth_;
    auto made = node.kind == avro::Kind::kUnion ? union_of(node, column) : single(node, column);
    --depth_;
    return made;
  }

  Result<AvroWritePlan> single(const Node& node, const Type& column) {
    switch (node.kind) {
      case avro::Kind::kArray:
        if (column.kind() != Kind::kList) return mismatch(column, node);
        return items(AvroWrite::kArray, "items", node, column.element());
      case avro::Kind::kMap:
        if (column.kind() != Kind::kMap || !column.fields()[0].type.is_string())
          return mismatch(column, node);
        return items(AvroWrite::kMap, "values", node, column.fields()[1].type);
      case avro::Kind::kRecord:
        if (column.kind() != Kind::kStruct) return mismatch(column, node);
        return record(node, column.fields());
      default:
        return scalar(node, column);
    }
  }

  Result<AvroWritePlan> items(AvroWrite op, std::string_view name, const Node& node,
                              const Type& inner) {
    AvroWritePlan made;
    made.op = op;
    ASSIGN(AvroWritePlan part, at(name, *node.inner[0], inner));
    made.parts.push_back(std::move(part));
    return made;
  }

  // ---- records

  Result<AvroWritePlan> record(const Node& node, const std::vector<types::Field>& columns) {
    for (const types::Field& column : columns) {
      if (std::ranges::find(node.fields, column.name, &avro::Field::name) != node.fields.end())
        continue;
      return incompatible(
          fmt::format("{} has no field for the column '{}': leave it out of the "
                      "SQL, or add it to the schema",
                      avro_called(node), shown(column.name)));
    }
    AvroWritePlan made;
    made.op = AvroWrite::kRecord;
    for (const avro::Field& field : node.fields) {
      const auto column = std::ranges::find(columns, field.name, &types::Field::name);
      if (column != columns.end()) {
        ASSIGN(AvroWritePlan part, at(field.name, *field.type, column->type));
        part.column = static_cast<int>(column - columns.begin());
        made.parts.push_back(std::move(part));
        continue;
      }
      if (!field.default_value) {
        return incompatible(
            fmt::format("no column for the field '{}' of {}, which has no default: "
                        "select it",
                        shown(field.name), avro_called(node)));
      }
      AvroWritePlan& constant = made.parts.emplace_back();
      constant.op = AvroWrite::kConstant;
      ASSIGN(constant.bytes, avro_default_bytes(field));
    }
    return made;
  }

  // ---- unions

  Result<AvroWritePlan> union_of(const Node& node, const Type& column) {
    const AvroUnion shape(node);
    if (shape.several() && column.kind() == Kind::kStruct) {
      const std::vector<std::string> names = avro_member_names(node, shape);
      const bool members = std::ranges::all_of(column.fields(), [&](const types::Field& one) {
        return std::ranges::find(names, one.name) != names.end();
      });
      if (members) return member(node, shape, names, column);
    }
    AvroWritePlan made;
    made.op = AvroWrite::kBranch;
    made.null_branch = shape.null_branch;
    if (column.kind() == Kind::kSqlNull && shape.null_branch >= 0) {
      made.branches.push_back(shape.null_branch);
      made.parts.emplace_back();
      return made;
    }
    TRY(add_branch(node, shape, column, made));
    return made;
  }

  /// Adds the first branch whose values are just the column's, else the first that takes them.
  Result<void> add_branch(const Node& node, const AvroUnion& shape, const Type& column,
                          AvroWritePlan& made) {
    std::vector<size_t> order;
    for (size_t branch : shape.values) {
      auto type = avro_scalar_type(*node.inner[branch]);
      const bool just = type && type->kind() != Kind::kSqlNull && *type == column;
      if (just && order.empty()) order.push_back(branch);
    }
    for (size_t branch : shape.values) order.push_back(branch);
    const size_t size = path_.size(), depth = depth_;
    for (size_t branch : order) {
      auto part = plan(*node.inner[branch], column);
      if (part) {
        made.branches.push_back(static_cast<int64_t>(branch));
        made.parts.push_back(std::move(part).value());
        return {};
      }
      if (!shape.several()) return std::move(part).error();
      path_.resize(size), depth_ = depth;
    }
    return incompatible(fmt::format("no type of the union takes a column {}", column.to_sql()));
  }

  Result<AvroWritePlan> member(const Node& node, const AvroUnion& shape,
                               const std::vector<std::string>& names, const Type& column) {
    AvroWritePlan made;
    made.op = AvroWrite::kMember;
    made.null_branch = shape.null_branch;
    for (size_t i = 0; i < column.fields().size(); ++i) {
      const types::Field& field = column.fields()[i];
      const auto index = std::ranges::find(names, field.name) - names.begin();
      const size_t branch = shape.values[static_cast<size_t>(index)];
      ASSIGN(AvroWritePlan part, at(field.name, *node.inner[branch], field.type));
      part.column = static_cast<int>(i);
      made.branches.push_back(static_cast<int64_t>(branch));
      made.parts.push_back(std::move(part));
    }
    return made;
  }

  // ---- scalars

  static Result<AvroWritePlan> scalar(const Node& node, const Type& column) {
    AvroWritePlan made;
    made.called = avro_called(node);
    made.size = static_cast<size_t>(node.size);
    const bool raw = column == avro_plain_type(node) && node.logical != Logical::kUuid;
    const bool good = raw                                 ? plain(node, made)
                      : node.logical == Logical::kNone    ? widened(node, column, made)
                      : node.logical == Logical::kUuid    ? uuid(node, column, made)
                      : node.logical == Logical::kDecimal ? decimal(node, column, made)
                                                          : time(node, column, made);
    if (!good) return mismatch(column, node);
    return made;
  }

  /// A column of just the type.
  static bool plain(const Node& node, AvroWritePlan& made) {
    switch (node.kind) {
      case avro::Kind::kNull:
        made.op = AvroWrite::kNull;
        return true;
      case avro::Kind::kBoolean:
        made.op = AvroWrite::kBoolean;
        return true;
      case avro::Kind::kInt:
      case avro::Kind::kLong:
        made.op = AvroWrite::kInteger;
        made.narrow = node.kind == avro::Kind::kInt;
        return true;
      case avro::Kind::kFloat:
        made.op = AvroWrite::kFloat;
        return true;
      case avro::Kind::kDouble:
        made.op = AvroWrite::kDouble;
        return true;
      case avro::Kind::kEnum:
        made.op = AvroWrite::kEnum;
        for (size_t i = 0; i < node.symbols.size(); ++i)
          made.symbols.emplace_back(node.symbols[i], static_cast<int64_t>(i));
        std::ranges::sort(made.symbols);
        return true;
      default:
        made.op = node.kind == avro::Kind::kFixed ? AvroWrite::kFixed : AvroWrite::kText;
        return true;
    }
  }

  /// A column of another type that a plain one holds.
  static bool widened(const Node& node, const Type& column, AvroWritePlan& made) {
    switch (node.kind) {
      case avro::Kind::kInt:
      case avro::Kind::kLong:
        return types::is_integer(column.kind()) && plain(node, made);
      case avro::Kind::kDouble:
        made.op = AvroWrite::kFloatToDouble;
        return column.kind() == Kind::kFloat;
      case avro::Kind::kString:
        made.op = column.kind() == Kind::kUuid ? AvroWrite::kUuidText : AvroWrite::kText;
        return column.kind() == Kind::kUuid || column.is_string();
      default:
        return false;
    }
  }

  static bool uuid(const Node& node, const Type& column, AvroWritePlan& made) {
    const bool text = node.kind == avro::Kind::kString;
    if (column.kind() == Kind::kUuid) {
      made.op = text ? AvroWrite::kUuidText : AvroWrite::kUuidFixed;
      return true;
    }
    made.op = text ? AvroWrite::kTextUuid : AvroWrite::kFixed;
    return column.kind() == (text ? Kind::kVarchar : Kind::kBlob);
  }

  static bool decimal(const Node& node, const Type& column, AvroWritePlan& made) {
    made.op = node.kind == avro::Kind::kFixed ? AvroWrite::kDecimalFixed : AvroWrite::kDecimalBytes;
    made.precision = std::min(node.precision, 38);
    if (node.scale > made.precision) return false;
    made.shift = node.scale - (column.kind() == Kind::kDecimal ? column.scale() : 0);
    return column.kind() == Kind::kDecimal || types::is_integer(column.kind());
  }

  static bool time(const Node& node, const Type& column, AvroWritePlan& made) {
    const auto whole = avro_scalar_type(node);
    if (!whole || column != *whole) return false;
    const AvroTime unit = avro_time(node.logical);
    made.multiply = unit.divide, made.divide = unit.multiply;
    made.op = node.logical == Logical::kDuration ? AvroWrite::kDuration
              : unit.family == AvroTime::kDate   ? AvroWrite::kDate
              : unit.family == AvroTime::kTime   ? AvroWrite::kTime
                                                 : AvroWrite::kInstant;
    return true;
  }

  std::string path_;
  size_t depth_ = 0;
};

}  // namespace

Result<AvroWritePlan> make_avro_write_plan(const avro::Schema& schema,
                                           const types::Schema& columns) {
  return Planner().run(schema.root(), columns);
}

}  // namespace leat::codec
