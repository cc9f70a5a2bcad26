#include "codec/avro_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

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
using types::Type;

/// The fields of a record. The record must live on.
class FieldsByName {
 public:
  explicit FieldsByName(const Node& record) {
    for (const avro::Field& field : record.fields) fields_.emplace(field.name, &field);
  }
  const avro::Field* find(std::string_view name) const {
    const auto found = fields_.find(name);
    return found == fields_.end() ? nullptr : found->second;
  }
  /// The one that a reader's field takes: of the same name, else of an alias.
  const avro::Field* of(const avro::Field& reader) const {
    const avro::Field* found = find(reader.name);
    for (size_t i = 0; !found && i < reader.aliases.size(); ++i) found = find(reader.aliases[i]);
    return found;
  }

 private:
  std::unordered_map<std::string_view, const avro::Field*> fields_;
};

class Resolver {
 public:
  explicit Resolver(AvroSkips& skips) : skips_(skips) {}

  Result<AvroPlan> run(const Node& writer, const Node& reader, const types::Schema& columns) {
    auto plan = root(writer, reader, columns);
    if (!plan) return std::move(plan).error().at(path_.empty() ? "/" : path_);
    return plan;
  }

 private:
  Result<AvroPlan> root(const Node& writer, const Node& reader, const types::Schema& columns) {
    if (reader.kind == avro::Kind::kRecord) {
      if (writer.kind == avro::Kind::kUnion) return branches(writer, reader, record_type(columns));
      if (writer.kind != avro::Kind::kRecord || !avro::same_name(reader, writer))
        return mismatch(writer, reader);
      return record(writer, reader, columns.fields);
    }
    AvroPlan plan;
    plan.op = AvroRead::kRecord;
    AvroField& value = plan.fields.emplace_back();
    if (columns.fields.empty()) {
      value.plan = skip(writer);
      return plan;
    }
    if (columns.fields.size() != 1 || columns.fields[0].name != "value")
      return refused("a schema whose root is no record has one column, `value`");
    value.column = 0;
    ASSIGN(value.plan, resolve(writer, reader, columns.fields[0].type, columns.fields[0].required));
    return plan;
  }
  static Type record_type(const types::Schema& columns) { return Type::structure(columns.fields); }

  static Error mismatch(const Node& writer, const Node& reader) {
    return incompatible(fmt::format("the reader expects {}, the writer has {}", avro_called(reader),
                                    avro_called(writer)));
  }
  static Error wrong_column(const Type& column, const Node& reader) {
    return refused(fmt::format("a column {} cannot hold {}", column.to_sql(), avro_called(reader)));
  }
  AvroPlan skip(const Node& writer) {
    AvroPlan plan;
    plan.skip = &skips_.of(writer);
    return plan;
  }

  /// The plan of a part named `name`; on failure the path stays.
  Result<AvroPlan> at(std::string_view name, const Node& writer, const Node& reader,
                      const Type& column, bool required) {
    const size_t size = path_.size();
    path_ += pointer_token(name);
    ASSIGN(AvroPlan plan, resolve(writer, reader, column, required));
    path_.resize(size);
    return plan;
  }

  Result<AvroPlan> resolve(const Node& writer, const Node& reader, const Type& column,
                           bool required) {
    if (depth_ >= limits::kMaxAvroDepth) {
      return Error(ErrorCode::kLimit,
                   fmt::format("types more than {} deep", limits::kMaxAvroDepth));
    }
    ++depth_;
    auto plan = writer.kind == avro::Kind::kUnion   ? branches(writer, reader, column, required)
                : reader.kind == avro::Kind::kUnion ? choose(writer, reader, column, required)
                                                    : same(writer, reader, column, required);
    --depth_;
    return plan;
  }

  // ---- unions

  /// Why a branch cannot be read, and where.
  struct Failed {
    Error error;
    std::string path;
  };
  Error fail(Failed failed) {
    path_ = std::move(failed.path);
    return std::move(failed.error);
  }

  /// A union of the writer: each of its branches by itself.
  Result<AvroPlan> branches(const Node& writer, const Node& reader, const Type& column,
                            bool required = false) {
    AvroPlan plan;
    plan.op = AvroRead::kUnion;
    const size_t size = path_.size();
    std::optional<Failed> first;
    bool any = false;
    for (const Node* branch : writer.inner) {
      auto part = reader.kind == avro::Kind::kUnion ? choose(*branch, reader, column, required)
                                                    : same(*branch, reader, column, required);
      if (part) {
        any = true;
        plan.parts.push_back(std::move(part).value());
        continue;
      }
      // Broken columns are no matter of branches.
      if (part.error().code() != ErrorCode::kIncompatible) return part;
      AvroPlan& wrong = plan.parts.emplace_back();
      wrong.op = AvroRead::kMismatch;
      const std::string place = path_.substr(size);
      wrong.mismatches = {place.empty() ? part.error().message()
                                        : place + ": " + part.error().message()};
      if (!first) first = Failed{std::move(part).error(), path_};
      path_.resize(size);
    }
    if (!any && first) return fail(std::move(*first));
    return plan;
  }

  /// The branch of the reader's union that takes what the writer has.
  Result<AvroPlan> choose(const Node& writer, const Node& reader, const Type& column,
                          bool required) {
    const AvroUnion shape(reader);
    std::vector<size_t> order;
    auto add = [&](auto fits) {
      for (size_t i = 0; i < reader.inner.size(); ++i) {
        if (fits(*reader.inner[i]) && std::ranges::find(order, i) == order.end())
          order.push_back(i);
      }
    };
    add([&](const Node& one) {
      return one.kind == writer.kind && (!one.has_name() || one.name == writer.name);
    });
    add([&](const Node& one) {
      return one.kind == writer.kind && (!one.has_name() || avro::same_name(one, writer));
    });
    add([&](const Node& one) { return avro::promotes(one.kind, writer.kind); });
    const size_t size = path_.size();
    std::optional<Failed> first;
    for (size_t branch : order) {
      auto plan = shape.several() && static_cast<int>(branch) != shape.null_branch
                      ? member(writer, reader, shape, branch, column)
                      : same(writer, *reader.inner[branch], column, required);
      if (plan || plan.error().code() != ErrorCode::kIncompatible) return plan;
      if (!first) first = Failed{std::move(plan).error(), path_};
      path_.resize(size);
    }
    if (first) return fail(std::move(*first));
    return incompatible(
        fmt::format("no type of the reader's union takes the writer's {}", avro_called(writer)));
  }

  Result<AvroPlan> member(const Node& writer, const Node& reader, const AvroUnion& shape,
                          size_t branch, const Type& column) {
    if (column.kind() != types::Kind::kStruct) return wrong_column(column, reader);
    const auto values = std::ranges::find(shape.values, branch) - shape.values.begin();
    const std::string name = avro_member_names(reader, shape)[static_cast<size_t>(values)];
    AvroPlan plan;
    plan.op = AvroRead::kMember;
    plan.type = column;
    const auto field = std::ranges::find(column.fields(), name, &types::Field::name);
    if (field == column.fields().end()) {
      plan.parts.push_back(skip(writer));
      return plan;
    }
    plan.member = static_cast<int>(field - column.fields().begin());
    ASSIGN(AvroPlan part, at(name, writer, *reader.inner[branch], field->type, false));
    plan.parts.push_back(std::move(part));
    return plan;
  }

  // ---- neither is a union

  Result<AvroPlan> same(const Node& writer, const Node& reader, const Type& column, bool required) {
    const bool fits = reader.kind == writer.kind
                          ? !reader.has_name() || avro::same_name(reader, writer)
                          : avro::promotes(reader.kind, writer.kind);
    if (!fits) return mismatch(writer, reader);
    switch (reader.kind) {
      case avro::Kind::kNull: {
        AvroPlan plan;
        plan.op = AvroRead::kNull;
        plan.required = required;
        return plan;
      }
      case avro::Kind::kArray:
      case avro::Kind::kMap:
        return items(writer, reader, column);
      case avro::Kind::kRecord:
        if (column.kind() != types::Kind::kStruct) return wrong_column(column, reader);
        return record(writer, reader, column.fields());
      default:
        return scalar(writer, reader, column);
    }
  }

  Result<AvroPlan> items(const Node& writer, const Node& reader, const Type& column) {
    const bool map = reader.kind == avro::Kind::kMap;
    if (column.kind() != (map ? types::Kind::kMap : types::Kind::kList) ||
        (map && column.fields()[0].type != Type(types::Kind::kVarchar)))
      return wrong_column(column, reader);
    AvroPlan plan;
    plan.op = map ? AvroRead::kMap : AvroRead::kArray;
    const Type& inner = column.fields()[map ? 1 : 0].type;
    plan.item_bytes = avro_row_bytes(inner) + (map ? sizeof(types::StringRef) : 0);
    plan.empty_items = !map && skips_.of(*writer.inner[0]).is_empty();
    ASSIGN(AvroPlan part,
           at(map ? "values" : "items", *writer.inner[0], *reader.inner[0], inner, false));
    plan.parts.push_back(std::move(part));
    return plan;
  }

  Result<AvroPlan> scalar(const Node& writer, const Node& reader, const Type& column) {
    ASSIGN(const Type whole, avro_scalar_type(reader));
    AvroPlan plan;
    plan.type = column;
    plan.narrow = writer.kind == avro::Kind::kInt;
    plan.size = writer.kind == avro::Kind::kFixed ? static_cast<size_t>(writer.size) : 0;
    if (reader.kind == avro::Kind::kFixed && reader.size != writer.size) {
      return incompatible(fmt::format("fixed {} has {} bytes for the reader and {} for the writer",
                                      avro_called(reader), reader.size, writer.size));
    }
    if (reader.kind == avro::Kind::kEnum) symbols(writer, reader, plan);
    if (column == avro_plain_type(reader)) {
      plan.op = plain(writer.kind, reader.kind);
      return plan;
    }
    if (column != whole) return wrong_column(column, reader);
    return logical(writer, reader, std::move(plan));
  }

  static AvroRead plain(avro::Kind writer, avro::Kind reader) {
    switch (reader) {
      case avro::Kind::kBoolean:
        return AvroRead::kBoolean;
      case avro::Kind::kInt:
        return AvroRead::kInt;
      case avro::Kind::kLong:
        return AvroRead::kLong;
      case avro::Kind::kFloat:
        return writer == avro::Kind::kFloat ? AvroRead::kFloat : AvroRead::kIntToFloat;
      case avro::Kind::kDouble:
        return writer == avro::Kind::kDouble  ? AvroRead::kDouble
               : writer == avro::Kind::kFloat ? AvroRead::kFloatToDouble
                                              : AvroRead::kIntToDouble;
      case avro::Kind::kString:
        return AvroRead::kText;
      case avro::Kind::kEnum:
        return AvroRead::kEnum;
      default:
        return reader == avro::Kind::kFixed ? AvroRead::kFixed : AvroRead::kBytes;
    }
  }

  static void symbols(const Node& writer, const Node& reader, AvroPlan& plan) {
    for (const std::string& symbol : writer.symbols) {
      const bool known = std::ranges::find(reader.symbols, symbol) != reader.symbols.end();
      plan.symbols.push_back(known ? symbol : reader.symbol_default.value_or(""));
      plan.mismatches.push_back(known || reader.symbol_default
                                    ? ""
                                    : fmt::format("the reader's enum {} lacks '{}' and has no "
                                                  "default",
                                                  avro_called(reader), shown(symbol)));
    }
  }

  static Result<AvroPlan> logical(const Node& writer, const Node& reader, AvroPlan plan) {
    const bool fixed = reader.kind == avro::Kind::kFixed;
    switch (reader.logical) {
      case Logical::kUuid:
        plan.op = fixed ? AvroRead::kUuidFixed : AvroRead::kUuidText;
        return plan;
      case Logical::kDecimal:
        if (writer.logical == Logical::kDecimal && writer.scale != reader.scale) {
          return incompatible(fmt::format(
              "the reader expects a decimal with {} digits behind the point, the writer has {}",
              reader.scale, writer.scale));
        }
        plan.op = fixed ? AvroRead::kDecimalFixed : AvroRead::kDecimalBytes;
        return plan;
      case Logical::kDuration:
        plan.op = AvroRead::kDuration;
        return plan;
      default:
        break;
    }
    const AvroTime expected = avro_time(reader.logical);
    const AvroTime found = writer.logical == Logical::kNone ? expected : avro_time(writer.logical);
    if (found.family != expected.family) return mismatch(writer, reader);
    plan.multiply = found.multiply, plan.divide = found.divide;
    plan.op = expected.family == AvroTime::kDate   ? AvroRead::kDate
              : expected.family == AvroTime::kTime ? AvroRead::kTime
                                                   : AvroRead::kInstant;
    return plan;
  }

  // ---- records

  Result<AvroPlan> record(const Node& writer, const Node& reader,
                          const std::vector<types::Field>& columns) {
    fields_ += writer.fields.size() + reader.fields.size();
    if (fields_ > limits::kSchemaPairs) {
      return Error(
          ErrorCode::kLimit,
          fmt::format("more than {} fields: records are named too often", limits::kSchemaPairs));
    }
    const FieldsByName written(writer), known(reader);
    TRY(check_fields(written, writer, reader));
    AvroPlan plan;
    plan.op = AvroRead::kRecord;
    for (const avro::Field& field : writer.fields) {
      plan.fields.push_back({field.name, -1, skip(*field.type)});
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      const avro::Field* field = known.find(columns[i].name);
      if (!field) {
        return refused(
            fmt::format("{} has no field '{}'", avro_called(reader), shown(columns[i].name)));
      }
      const avro::Field* from = written.of(*field);
      const size_t place = from ? static_cast<size_t>(from - writer.fields.data()) : 0;
      TRY(add_column(from, place, *field, columns[i], static_cast<int>(i), plan));
    }
    return plan;
  }

  /// Plans a column that the writer's field `from`, in its place, or the default fills.
  Result<void> add_column(const avro::Field* from, size_t place, const avro::Field& field,
                          const types::Field& column, int index, AvroPlan& plan) {
    const Node& source = from ? *from->type : *field.type;
    ASSIGN(AvroPlan part, at(field.name, source, *field.type, column.type, column.required));
    if (from) {
      plan.fields[place] = {field.name, index, std::move(part)};
    } else {
      ASSIGN(std::string bytes, avro_default_bytes(field));
      plan.defaults.push_back({field.name, std::move(bytes), index, std::move(part)});
    }
    return {};
  }

  /// What holds of two records whatever columns are read.
  static Result<void> check_fields(const FieldsByName& written, const Node& writer,
                                   const Node& reader) {
    std::unordered_set<const avro::Field*> taken;
    for (const avro::Field& field : reader.fields) {
      const avro::Field* from = written.of(field);
      const auto name = shown(field.name);
      if (!from && !field.default_value) {
        return incompatible(fmt::format(
            "the reader's field '{}' is not in the writer's record {} and has no default: give it "
            "one",
            name, avro_called(writer)));
      }
      if (from && !taken.insert(from).second) {
        return incompatible(fmt::format(
            "the reader's field '{}' and another one both take the writer's '{}': drop the alias",
            name, shown(from->name)));
      }
    }
    return {};
  }

  AvroSkips& skips_;
  std::string path_;
  size_t depth_ = 0, fields_ = 0;
};

}  // namespace

size_t avro_row_bytes(const types::Type& type) {
  if (type.kind() != types::Kind::kStruct) return std::max<size_t>(type.value_size(), 1);
  size_t sum = 1;
  for (const types::Field& field : type.fields()) sum += avro_row_bytes(field.type);
  return sum;
}

Result<AvroPlan> make_avro_plan(const avro::Schema& writer, const avro::Schema& reader,
                                const types::Schema& columns, AvroSkips& skips) {
  return Resolver(skips).run(writer.root(), reader.root(), columns);
}

}  // namespace leat::codec
