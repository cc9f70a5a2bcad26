// Type, Field, Schema: the logical types that flow through leat, one set for every format and store.
// They are DuckDB's, because a pipeline is compiled to a DuckDB query; types/mapping.h maps them elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::types {

enum class Kind : uint8_t {
  kBoolean,  // 1 byte
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt128,  // HUGEINT: {uint64 lower, int64 upper}
  kFloat,
  kDouble,
  kDecimal,    // int16, int32, int64 or int128 by width (<=4, <=9, <=18, <=38), scaled by 10^scale
  kVarchar,    // StringRef, UTF-8
  kJson,       // StringRef, JSON text (DuckDB's VARCHAR with the alias JSON)
  kBlob,       // StringRef
  kUuid,       // Int128 in DuckDB's order: big-endian value with the top bit flipped
  kDate,       // int32 days since 1970
  kTime,       // int64 microseconds of the day
  kTimestamp,  // int64 microseconds since 1970, no zone
  kTimestampTz,  // int64 microseconds since 1970 UTC
  kInterval,     // {int32 months, int32 days, int64 micros}
  kList,         // ListEntry; one child
  kStruct,       // children = fields
  kMap,          // ListEntry; one child: STRUCT(key, value)
  kSqlNull,      // the type of NULL; int32 storage
};

constexpr bool is_integer(Kind kind) { return kind >= Kind::kInt8 && kind <= Kind::kInt128; }

struct Field;

/// The scalars of a JSON union, as a bit set: `"type": ["integer", "string"]`.
enum Scalar : uint8_t {
  kScalarString = 1,
  kScalarInteger = 2,
  kScalarNumber = 4,
  kScalarBoolean = 8
};

/// A logical type. A small value: copying shares the immutable children.
class Type {
 public:
  Type() : Type(Kind::kSqlNull) {}
  Type(Kind kind) : kind_(kind) {}  // NOLINT: implicit on purpose; not for decimal and nested kinds
  static Type decimal(uint8_t width, uint8_t scale);
  static Type list(Type element);
  static Type structure(std::vector<Field> fields);
  static Type map(Type key, Type value);
  /// VARCHAR that holds the raw text of several JSON scalars (`scalars`: a bit set of Scalar): 1234 and "AB1"
  /// become `1234` and `AB1`. To SQL it is VARCHAR, and equal to it: the set only tells a decoder what to take.
  static Type varchar_of(uint8_t scalars);

  Kind kind() const { return kind_; }
  uint8_t width() const { return width_; }  // decimal: digits in all
  uint8_t scale() const { return scale_; }  // decimal: digits behind the point
  uint8_t scalars() const {
    return kind_ == Kind::kVarchar ? width_ : uint8_t{0};
  }  // 0: strings only
  /// struct: its fields; list: one, "element"; map: two, "key" and "value"; else none.
  const std::vector<Field>& fields() const;
  const Type& element() const;  // list only

  bool is_nested() const {
    return kind_ == Kind::kList || kind_ == Kind::kStruct || kind_ == Kind::kMap;
  }
  bool is_string() const { return kind_ == Kind::kVarchar || kind_ == Kind::kJson; }
  /// Bytes of one value in a vector (0 for a struct).
  size_t value_size() const;
  /// DuckDB's spelling, `STRUCT("first" VARCHAR, "last" VARCHAR)[]`: legal in a CAST and in DDL.
  std::string to_sql() const;
  /// Same type to SQL: scalars() is not compared, names of struct fields are, with case.
  bool operator==(const Type& other) const;

 private:
  Kind kind_;
  uint8_t width_ = 0, scale_ = 0;
  std::shared_ptr<const std::vector<Field>> fields_;
};

struct Field {
  std::string name;
  Type type;
  bool required = false;  // absent or null is a reject
  std::string doc = {};
  bool operator==(const Field& other) const {
    return name == other.name && type == other.type && required == other.required;
  }
};

/// The columns of a batch, in order. Names are unique without regard to case, as in SQL.
struct Schema {
  std::vector<Field> fields;
  /// The one column, `value` of type JSON, is the whole record, whatever its root (else a root must be an object).
  bool root_value = false;
  /// Index of a column by name (case-insensitive), or nullopt.
  std::optional<size_t> find(std::string_view name) const;
  bool operator==(const Schema& other) const = default;
};

/// Parses DuckDB's spelling of a type (what to_sql() writes, and the usual aliases: INT, TEXT, STRING ...).
Result<Type> parse_type(std::string_view text);

}  // namespace leat::types
