// Copies slices of a batch into DuckDB's vectors: one memcpy per column and slice, strings as
// references.
#include "sql/input_function.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "sql/vectors.h"

namespace leat::sql {
namespace {

struct Cursor {
  size_t next = 0;
};

void bind_input(duckdb_bind_info info) {
  const auto* slot = static_cast<const InputSlot*>(duckdb_bind_get_extra_info(info));
  for (const types::Field& field : slot->schema.fields) {
    LogicalType type = to_duckdb(field.type);
    duckdb_bind_add_result_column(info, field.name.c_str(), type.get());
  }
  LogicalType ordinal(duckdb_create_logical_type(DUCKDB_TYPE_UINTEGER));
  duckdb_bind_add_result_column(info, "_leat_ord", ordinal.get());
  for (Meta meta : slot->metas) {
    const MetaColumn& column = kMetaColumns[static_cast<size_t>(meta)];
    const duckdb_type id = meta == Meta::kPartition   ? DUCKDB_TYPE_INTEGER
                           : meta == Meta::kOffset    ? DUCKDB_TYPE_BIGINT
                           : meta == Meta::kTimestamp ? DUCKDB_TYPE_TIMESTAMP_TZ
                                                      : DUCKDB_TYPE_VARCHAR;
    LogicalType type(duckdb_create_logical_type(id));
    duckdb_bind_add_result_column(info, column.name.data(), type.get());
  }
  duckdb_bind_set_cardinality(info, limits::kDefaultBatchRecords, false);
}

void init_input(duckdb_init_info info) {
  const auto* slot = static_cast<const InputSlot*>(duckdb_init_get_extra_info(info));
  duckdb_init_set_init_data(info, new Cursor{slot->from},
                            [](void* p) { delete static_cast<Cursor*>(p); });
  duckdb_init_set_max_threads(info, 1);
}

void fill_meta(const InputSlot& slot, Meta meta, size_t from, size_t count, duckdb_vector into) {
  void* data = duckdb_vector_get_data(into);
  const auto record = [&](size_t i) -> const stream::Record& {
    return slot.records->records[slot.rows[from + i]];
  };
  switch (meta) {
    case Meta::kPartition:
      std::fill_n(static_cast<int32_t*>(data), count, slot.records->origin.partition);
      return;
    case Meta::kOffset:
      for (size_t i = 0; i < count; ++i) static_cast<int64_t*>(data)[i] = record(i).offset;
      return;
    case Meta::kTimestamp:
      for (size_t i = 0; i < count; ++i)
        static_cast<int64_t*>(data)[i] = record(i).timestamp_ms * 1000;
      return;
    case Meta::kKey:
      duckdb_vector_ensure_validity_writable(into);
      for (size_t i = 0; i < count; ++i) {
        const auto& key = record(i).key;
        static_cast<types::StringRef*>(data)[i] =
            types::StringRef(key.value_or(std::string_view()));
        if (!key) duckdb_validity_set_row_invalid(duckdb_vector_get_validity(into), i);
      }
  }
}

void read_input(duckdb_function_info info, duckdb_data_chunk output) {
  const auto& slot = *static_cast<const InputSlot*>(duckdb_function_get_extra_info(info));
  auto* cursor = static_cast<Cursor*>(duckdb_function_get_init_data(info));
  const size_t from = cursor->next;
  const size_t count = std::min<size_t>(slot.to - from, duckdb_vector_size());
  cursor->next += count;
  if (count == 0) return duckdb_data_chunk_set_size(output, 0);
  copy_into(*slot.batch, from, count, output);
  size_t column = slot.schema.fields.size();
  auto* ordinals = static_cast<uint32_t*>(
      duckdb_vector_get_data(duckdb_data_chunk_get_vector(output, column++)));
  for (size_t i = 0; i < count; ++i) ordinals[i] = static_cast<uint32_t>(from + i);
  for (Meta meta : slot.metas)
    fill_meta(slot, meta, from, count, duckdb_data_chunk_get_vector(output, column++));
}

}  // namespace

Result<void> register_input(Connection& connection, const std::string& name, InputSlot* slot) {
  TableFunction function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), name.c_str());
  duckdb_table_function_set_extra_info(function.get(), slot, nullptr);
  duckdb_table_function_set_bind(function.get(), bind_input);
  duckdb_table_function_set_init(function.get(), init_input);
  duckdb_table_function_set_function(function.get(), read_input);
  if (duckdb_register_table_function(connection.get(), function.get()) != DuckDBSuccess)
    return Error(ErrorCode::kInternal, "cannot register the table function " + name);
  return {};
}

}  // namespace leat::sql
