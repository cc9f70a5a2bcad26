// Views of and copies into DuckDB's vectors. Nothing here allocates per row.
#include "sql/vectors.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "base/check.h"

namespace leat::sql {
namespace {

using types::Field;
using types::Kind;
using types::Type;

// The promise of types/batch.h, held against DuckDB's header.
static_assert(sizeof(types::StringRef) == sizeof(duckdb_string_t));
static_assert(types::StringRef::kInline == sizeof(duckdb_string_t::value.inlined.inlined));
static_assert(offsetof(duckdb_string_t, value.pointer.ptr) == 8);
static_assert(offsetof(duckdb_string_t, value.pointer.prefix) == 4);
static_assert(offsetof(duckdb_string_t, value.inlined.inlined) == 4);
static_assert(sizeof(types::ListEntry) == sizeof(duckdb_list_entry));
static_assert(offsetof(types::ListEntry, offset) == offsetof(duckdb_list_entry, offset));
static_assert(offsetof(types::ListEntry, length) == offsetof(duckdb_list_entry, length));
static_assert(sizeof(types::Int128) == sizeof(duckdb_hugeint));
static_assert(offsetof(types::Int128, lower) == offsetof(duckdb_hugeint, lower));
static_assert(offsetof(types::Int128, upper) == offsetof(duckdb_hugeint, upper));
static_assert(sizeof(types::Interval) == sizeof(duckdb_interval));
static_assert(offsetof(types::Interval, months) == offsetof(duckdb_interval, months));
static_assert(offsetof(types::Interval, days) == offsetof(duckdb_interval, days));
static_assert(offsetof(types::Interval, micros) == offsetof(duckdb_interval, micros));
static_assert(sizeof(duckdb_date) == 4 && sizeof(duckdb_time) == 8 &&
              sizeof(duckdb_timestamp) == 8);

duckdb_type simple_type(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return DUCKDB_TYPE_BOOLEAN;
    case Kind::kInt8:
      return DUCKDB_TYPE_TINYINT;
    case Kind::kInt16:
      return DUCKDB_TYPE_SMALLINT;
    case Kind::kInt32:
      return DUCKDB_TYPE_INTEGER;
    case Kind::kInt64:
      return DUCKDB_TYPE_BIGINT;
    case Kind::kUint8:
      return DUCKDB_TYPE_UTINYINT;
    case Kind::kUint16:
      return DUCKDB_TYPE_USMALLINT;
    case Kind::kUint32:
      return DUCKDB_TYPE_UINTEGER;
    case Kind::kUint64:
      return DUCKDB_TYPE_UBIGINT;
    case Kind::kInt128:
      return DUCKDB_TYPE_HUGEINT;
    case Kind::kFloat:
      return DUCKDB_TYPE_FLOAT;
    case Kind::kDouble:
      return DUCKDB_TYPE_DOUBLE;
    case Kind::kVarchar:
    case Kind::kJson:
      return DUCKDB_TYPE_VARCHAR;
    case Kind::kBlob:
      return DUCKDB_TYPE_BLOB;
    case Kind::kUuid:
      return DUCKDB_TYPE_UUID;
    case Kind::kDate:
      return DUCKDB_TYPE_DATE;
    case Kind::kTime:
      return DUCKDB_TYPE_TIME;
    case Kind::kTimestamp:
      return DUCKDB_TYPE_TIMESTAMP;
    case Kind::kTimestampTz:
      return DUCKDB_TYPE_TIMESTAMP_TZ;
    case Kind::kInterval:
      return DUCKDB_TYPE_INTERVAL;
    case Kind::kSqlNull:
      return DUCKDB_TYPE_SQLNULL;
    case Kind::kDecimal:
    case Kind::kList:
    case Kind::kStruct:
    case Kind::kMap:
      break;
  }
  CHECK(false, "kind {} has parts", static_cast<int>(kind));
}

Error unsupported(std::string_view name, std::string_view cast) {
  return Error(ErrorCode::kIncompatible,
               "the type " + std::string(name) + " is not carried by leat")
      .with_blame(Blame::kUser)
      .with_hint("cast it, for example to " + std::string(cast));
}

Result<Type> struct_from(duckdb_logical_type type) {
  std::vector<Field> fields;
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    DuckString name(duckdb_struct_type_child_name(type, i));
    LogicalType child(duckdb_struct_type_child_type(type, i));
    ASSIGN(Type field, from_duckdb(child.get()));
    Field made;
    made.name = name.get();
    made.type = std::move(field);
    fields.push_back(std::move(made));
  }
  return Type::structure(std::move(fields));
}

/// Copies `count` validity bits from bit `from` of `source` to bit `at` of `into`.
void copy_validity(const uint64_t* source, size_t from, uint64_t* into, size_t at, size_t count) {
  if (from % 64 == 0 && at % 64 == 0) {
    const size_t words = count / 64;
    std::memcpy(into + at / 64, source + from / 64, words * sizeof(uint64_t));
    from += words * 64, at += words * 64, count -= words * 64;
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t s = from + i, t = at + i;
    const uint64_t bit = source[s >> 6] >> (s & 63) & 1;
    into[t >> 6] = (into[t >> 6] & ~(uint64_t{1} << (t & 63))) | bit << (t & 63);
  }
}

void copy_list(const types::Vector& source, size_t from, size_t count, duckdb_vector into,
               size_t at) {
  // The child rows these lists use: a contiguous span in leat's own buffers, at worst a superset
  // elsewhere.
  uint64_t low = UINT64_MAX, high = 0;
  for (size_t i = from; i < from + count; ++i) {
    if (!source.valid(i)) continue;
    const auto& entry = source.at<types::ListEntry>(i);
    if (entry.length == 0) continue;
    low = std::min(low, entry.offset);
    high = std::max(high, entry.offset + entry.length);
  }
  const uint64_t used = high > 0 ? high - low : 0;
  const uint64_t base = duckdb_list_vector_get_size(into);
  if (used > 0) {
    CHECK(duckdb_list_vector_reserve(into, base + used) == DuckDBSuccess);
    CHECK(duckdb_list_vector_set_size(into, base + used) == DuckDBSuccess);
    copy_into(source.children[0], low, used, duckdb_list_vector_get_child(into), base);
  }
  auto* entries = static_cast<types::ListEntry*>(duckdb_vector_get_data(into));
  for (size_t i = 0; i < count; ++i) {
    types::ListEntry entry = {base, 0};
    if (source.valid(from + i)) {
      const auto& original = source.at<types::ListEntry>(from + i);
      if (original.length > 0) entry = {original.offset - low + base, original.length};
    }
    entries[at + i] = entry;
  }
}

}  // namespace

LogicalType to_duckdb(const Type& type) {
  switch (type.kind()) {
    case Kind::kDecimal:
      return LogicalType(duckdb_create_decimal_type(type.width(), type.scale()));
    case Kind::kJson: {
      LogicalType json(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
      duckdb_logical_type_set_alias(json.get(), "JSON");
      return json;
    }
    case Kind::kList: {
      LogicalType element = to_duckdb(type.element());
      return LogicalType(duckdb_create_list_type(element.get()));
    }
    case Kind::kMap: {
      LogicalType key = to_duckdb(type.fields()[0].type), value = to_duckdb(type.fields()[1].type);
      return LogicalType(duckdb_create_map_type(key.get(), value.get()));
    }
    case Kind::kStruct: {
      std::vector<LogicalType> owned;
      std::vector<duckdb_logical_type> members;
      std::vector<const char*> names;
      for (const Field& field : type.fields()) {
        owned.push_back(to_duckdb(field.type));
        members.push_back(owned.back().get());
        names.push_back(field.name.c_str());
      }
      return LogicalType(duckdb_create_struct_type(members.data(), names.data(), members.size()));
    }
    default:
      return LogicalType(duckdb_create_logical_type(simple_type(type.kind())));
  }
}

Result<Type> from_duckdb(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return Type(Kind::kBoolean);
    case DUCKDB_TYPE_TINYINT:
      return Type(Kind::kInt8);
    case DUCKDB_TYPE_SMALLINT:
      return Type(Kind::kInt16);
    case DUCKDB_TYPE_INTEGER:
      return Type(Kind::kInt32);
    case DUCKDB_TYPE_BIGINT:
      return Type(Kind::kInt64);
    case DUCKDB_TYPE_UTINYINT:
      return Type(Kind::kUint8);
    case DUCKDB_TYPE_USMALLINT:
      return Type(Kind::kUint16);
    case DUCKDB_TYPE_UINTEGER:
      return Type(Kind::kUint32);
    case DUCKDB_TYPE_UBIGINT:
      return Type(Kind::kUint64);
    case DUCKDB_TYPE_HUGEINT:
      return Type(Kind::kInt128);
    case DUCKDB_TYPE_FLOAT:
      return Type(Kind::kFloat);
    case DUCKDB_TYPE_DOUBLE:
      return Type(Kind::kDouble);
    case DUCKDB_TYPE_DECIMAL:
      return Type::decimal(duckdb_decimal_width(type), duckdb_decimal_scale(type));
    case DUCKDB_TYPE_VARCHAR: {
      DuckString alias(duckdb_logical_type_get_alias(type));
      return Type(alias && std::string_view(alias.get()) == "JSON" ? Kind::kJson : Kind::kVarchar);
    }
    case DUCKDB_TYPE_BLOB:
      return Type(Kind::kBlob);
    case DUCKDB_TYPE_UUID:
      return Type(Kind::kUuid);
    case DUCKDB_TYPE_DATE:
      return Type(Kind::kDate);
    case DUCKDB_TYPE_TIME:
      return Type(Kind::kTime);
    case DUCKDB_TYPE_TIMESTAMP:
      return Type(Kind::kTimestamp);
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Type(Kind::kTimestampTz);
    case DUCKDB_TYPE_INTERVAL:
      return Type(Kind::kInterval);
    case DUCKDB_TYPE_SQLNULL:
      return Type(Kind::kSqlNull);
    case DUCKDB_TYPE_STRUCT:
      return struct_from(type);
    case DUCKDB_TYPE_LIST: {
      LogicalType child(duckdb_list_type_child_type(type));
      ASSIGN(Type element, from_duckdb(child.get()));
      return Type::list(std::move(element));
    }
    case DUCKDB_TYPE_MAP: {
      LogicalType key(duckdb_map_type_key_type(type)), value(duckdb_map_type_value_type(type));
      ASSIGN(Type key_type, from_duckdb(key.get()));
      ASSIGN(Type value_type, from_duckdb(value.get()));
      return Type::map(std::move(key_type), std::move(value_type));
    }
    case DUCKDB_TYPE_TIMESTAMP_S:
      return unsupported("TIMESTAMP_S", "TIMESTAMP");
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return unsupported("TIMESTAMP_MS", "TIMESTAMP");
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return unsupported("TIMESTAMP_NS", "TIMESTAMP");
    case DUCKDB_TYPE_TIME_TZ:
      return unsupported("TIME WITH TIME ZONE", "TIME");
    case DUCKDB_TYPE_TIME_NS:
      return unsupported("TIME_NS", "TIME");
    case DUCKDB_TYPE_UHUGEINT:
      return unsupported("UHUGEINT", "HUGEINT");
    case DUCKDB_TYPE_BIGNUM:
      return unsupported("BIGNUM", "HUGEINT");
    case DUCKDB_TYPE_ARRAY:
      return unsupported("ARRAY", "a list, DOUBLE[]");
    case DUCKDB_TYPE_ENUM:
      return unsupported("ENUM", "VARCHAR");
    case DUCKDB_TYPE_UNION:
      return unsupported("UNION", "VARCHAR");
    case DUCKDB_TYPE_BIT:
      return unsupported("BIT", "VARCHAR");
    case DUCKDB_TYPE_GEOMETRY:
      return unsupported("GEOMETRY", "VARCHAR");
    case DUCKDB_TYPE_VARIANT:
      return unsupported("VARIANT", "JSON");
    default:
      return unsupported("of this column", "VARCHAR");
  }
}

types::Vector view_of(duckdb_vector vector, const Type& type, size_t rows) {
  types::Vector view;
  view.type = type;
  view.size = rows;
  view.validity = duckdb_vector_get_validity(vector);
  if (type.kind() == Kind::kStruct) {
    view.children.reserve(type.fields().size());
    for (size_t i = 0; i < type.fields().size(); ++i)
      view.children.push_back(
          view_of(duckdb_struct_vector_get_child(vector, i), type.fields()[i].type, rows));
    return view;
  }
  view.data = duckdb_vector_get_data(vector);
  if (type.kind() == Kind::kList) {
    view.children.push_back(view_of(duckdb_list_vector_get_child(vector), type.element(),
                                    duckdb_list_vector_get_size(vector)));
  } else if (type.kind() == Kind::kMap) {
    view.children.push_back(view_of(duckdb_list_vector_get_child(vector),
                                    Type::structure(type.fields()),
                                    duckdb_list_vector_get_size(vector)));
  }
  return view;
}

types::Batch view_of(duckdb_data_chunk chunk, std::span<const Type> types) {
  types::Batch batch;
  batch.rows = duckdb_data_chunk_get_size(chunk);
  batch.columns.reserve(types.size());
  for (size_t i = 0; i < types.size(); ++i)
    batch.columns.push_back(view_of(duckdb_data_chunk_get_vector(chunk, i), types[i], batch.rows));
  return batch;
}

size_t bytes_of(const types::Vector& vector) {
  size_t bytes = vector.size * vector.type.value_size();
  if (vector.type.is_string() || vector.type.kind() == Kind::kBlob) {
    // Its first word begins with the length; a NULL row may hold anything.
    const auto* words = static_cast<const uint32_t*>(vector.data);
    for (size_t r = 0; r < vector.size; ++r) {
      const uint32_t length = words[r * (sizeof(types::StringRef) / sizeof(uint32_t))];
      if (length > types::StringRef::kInline && vector.valid(r)) bytes += length;
    }
  }
  for (const types::Vector& child : vector.children) bytes += bytes_of(child);
  return bytes;
}

size_t bytes_of(const types::Batch& batch) {
  size_t bytes = 0;
  for (const types::Vector& column : batch.columns) bytes += bytes_of(column);
  return bytes;
}

void copy_into(const types::Vector& source, size_t from, size_t count, duckdb_vector into,
               size_t at) {
  CHECK(from + count <= source.size, "rows {}+{} of {}", from, count, source.size);
  if (source.validity && count > 0) {
    duckdb_vector_ensure_validity_writable(into);
    copy_validity(source.validity, from, duckdb_vector_get_validity(into), at, count);
  }
  switch (source.type.kind()) {
    case Kind::kStruct:
      for (size_t i = 0; i < source.children.size(); ++i)
        copy_into(source.children[i], from, count, duckdb_struct_vector_get_child(into, i), at);
      return;
    case Kind::kList:
    case Kind::kMap:
      copy_list(source, from, count, into, at);
      return;
    default: {
      const size_t width = source.type.value_size();
      if (count > 0) {
        std::memcpy(static_cast<char*>(duckdb_vector_get_data(into)) + at * width,
                    static_cast<const char*>(source.data) + from * width, count * width);
      }
    }
  }
}

void copy_into(const types::Batch& source, size_t from, size_t count, duckdb_data_chunk chunk) {
  CHECK(count <= duckdb_vector_size(), "{} rows into one chunk", count);
  for (size_t i = 0; i < source.columns.size(); ++i)
    copy_into(source.columns[i], from, count, duckdb_data_chunk_get_vector(chunk, i));
  duckdb_data_chunk_set_size(chunk, count);
}

}  // namespace leat::sql
