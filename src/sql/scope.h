// The names a step can read: columns of input and of joined tables, with their types and with what
// has failed in them before; and what is known without binding: the type of a simple expression,
// and whether an expression can fail on some record.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/ast.h"
#include "types/type.h"

namespace leat::sql {

/// What can be read of a record besides its columns. Never part of a `*`.
enum class Meta : uint8_t { kPartition, kOffset, kTimestamp, kKey };
struct MetaColumn {
  Meta meta;
  std::string_view name, sql_type;
};
inline constexpr std::array<MetaColumn, 4> kMetaColumns = {
    {{Meta::kPartition, "_partition", "INTEGER"},
     {Meta::kOffset, "_offset", "BIGINT"},
     {Meta::kTimestamp, "_timestamp", "TIMESTAMP WITH TIME ZONE"},
     {Meta::kKey, "_key", "VARCHAR"}}};
std::optional<Meta> parse_meta(std::string_view name);
/// Our own columns in the query begin so; a user's may not.
inline constexpr std::string_view kHiddenPrefix = "_leat";

/// A column as a step sees it.
struct Column {
  std::string name;
  types::Type type;
  bool typed = true;   // false: a type leat does not carry (only in lookup tables)
  int bit = -1;        // which failure bit says that its value failed; -1: it never fails
  std::string origin;  // the message of that failure
};

/// A table in FROM; the first is input.
struct Relation {
  std::string alias;
  std::vector<Column> columns;
  std::optional<size_t> find(std::string_view name) const;  // without regard to case
};

/// What a column reference means.
struct Reference {
  size_t relation = 0, column = 0;
  std::vector<std::string> path;  // of struct fields below the column
  std::optional<Meta> meta;       // then neither relation nor column counts
};

class Scope {
 public:
  explicit Scope(std::vector<Relation> relations) : relations_(std::move(relations)) {}
  const std::vector<Relation>& relations() const { return relations_; }
  const Column& column(const Reference& r) const {
    return relations_[r.relation].columns[r.column];
  }

  /// As DuckDB resolves `a.b.c`: a table and its column, else a column and its struct fields.
  std::optional<Reference> resolve(const std::vector<std::string>& names) const;

  /// The type of a reference, constant, cast, comparison or call of a few plain functions; else
  /// nullopt.
  std::optional<types::Type> type_of(const Json& expression) const;

  /// False only when no record can make it fail: references, constants, and a few operators and
  /// functions over known types. An implicit cast may fail, so unknown types count as failing.
  bool can_fail(const Json& expression) const;

 private:
  bool comparable(const Json& left, const Json& right) const;
  bool all_safe(const Json& list) const;
  std::vector<Relation> relations_;
};

std::vector<std::string> names_of(const Json& column_reference);

/// True when two values of these types compare without a cast that may fail.
bool compare_safely(const types::Type& left, const types::Type& right);

}  // namespace leat::sql
