// types::Batch and DuckDB's data chunks, both ways: views without copying out of a chunk, memcpy
// into one; and types::Type to DuckDB's logical types and back.
//
// For sql/ and components/sink_duckdb. The layouts are the same by construction (types/batch.h);
// vectors.cc asserts it against duckdb.h, and vectors_test.cc proves it with values of every kind.
#pragma once

#include <duckdb.h>

#include <span>

#include "base/result.h"
#include "sql/duckdb_raii.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::sql {

/// DuckDB's type for one of ours.
LogicalType to_duckdb(const types::Type& type);
/// Ours for one of DuckDB's; kIncompatible, with the cast to write, for a type that leat does not
/// carry (ENUM, UNION, ARRAY, BIT, TIMESTAMP_NS ...).
Result<types::Type> from_duckdb(duckdb_logical_type type);

/// A view of a flat vector's first `rows` rows. Valid as long as the vector; `type` must be the
/// vector's.
types::Vector view_of(duckdb_vector vector, const types::Type& type, size_t rows);
/// A view of the chunk's columns [0, types.size()). Valid as long as the chunk, and as what its
/// long strings point at.
types::Batch view_of(duckdb_data_chunk chunk, std::span<const types::Type> types);

/// Bytes that a vector or a batch takes, about: values, and texts that do not lie in them.
size_t bytes_of(const types::Vector& vector);
size_t bytes_of(const types::Batch& batch);

/// Copies rows [from, from + count) of `source` to rows [at, at + count) of `into`, a flat vector
/// of the same type with room for them (list children are reserved here). Long strings are not
/// copied: their bytes must outlive every use of `into`.
void copy_into(const types::Vector& source, size_t from, size_t count, duckdb_vector into,
               size_t at = 0);
/// The same for every column of `source`, into the first columns of `chunk`; sets the chunk's size
/// to `count`, which is at most duckdb_vector_size().
void copy_into(const types::Batch& source, size_t from, size_t count, duckdb_data_chunk chunk);

}  // namespace leat::sql
