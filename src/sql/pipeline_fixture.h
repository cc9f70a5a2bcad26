// For tests of this room: a pipeline over rows written as text ("1|x|NULL", DuckDB's spelling of
// values), run in batches of any size, and its result as text.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "sql/engine.h"
#include "sql/input_function.h"
#include "sql/vectors.h"

namespace leat::sql {

/// A database of the test's own, to make and to show values.
class Scratch {
 public:
  Scratch() {
    database_ = *Database::open("", {});
    connection_ = *Connection::open(database_);
    EXPECT_TRUE(connection_.run("SET TimeZone = 'UTC'"));
  }

  struct Rows {
    std::vector<Chunk> chunks;
    std::vector<types::Batch> batches;
  };

  /// The chunks of a query whose columns have `schema`'s types.
  Rows query(const std::string& sql, const types::Schema& schema) {
    Rows rows;
    auto result = connection_.query(sql);
    EXPECT_TRUE(result) << sql << "\n" << (result ? "" : result.error().to_string());
    if (!result) return rows;
    std::vector<types::Type> types;
    for (const auto& field : schema.fields) types.push_back(field.type);
    while (true) {
      auto chunk = result->next();
      EXPECT_TRUE(chunk);
      if (!chunk || !*chunk) return rows;
      rows.batches.push_back(view_of((*chunk)->get(), types));
      rows.chunks.push_back(std::move(**chunk));
    }
  }

  /// One line per row, values as DuckDB writes them, joined by "|".
  std::vector<std::string> show(const types::Batch& batch, const types::Schema& schema) {
    auto slot = std::make_unique<InputSlot>();
    slot->schema = schema;
    slot->batch = &batch;
    slot->to = batch.rows;
    const std::string name = "show_" + std::to_string(slots_.size());
    EXPECT_TRUE(register_input(connection_, name, slot.get()));
    slots_.push_back(std::move(slot));
    std::string columns;
    for (const auto& field : schema.fields)
      columns += (columns.empty() ? "" : " || '|' || ") +
                 ("coalesce(CAST(" + quote_identifier(field.name) + " AS VARCHAR), 'NULL')");
    if (columns.empty()) columns = "''";
    types::Schema text;
    text.fields.emplace_back();
    text.fields[0].type = types::Kind::kVarchar;
    std::vector<std::string> lines;
    Rows rows = query("SELECT " + columns + " FROM " + name + "() ORDER BY _leat_ord", text);
    for (const auto& shown : rows.batches) {
      for (size_t i = 0; i < shown.rows; ++i) lines.emplace_back(shown.columns[0].text(i));
    }
    return lines;
  }

 private:
  Database database_;
  Connection connection_;
  std::vector<std::unique_ptr<InputSlot>> slots_;
};

using Columns = std::vector<std::pair<std::string, std::string>>;

class TestPipeline {
 public:
  explicit TestPipeline(const Columns& columns) {
    for (const auto& [name, type] : columns) {
      types::Field field;
      field.name = name;
      auto parsed = types::parse_type(type);
      EXPECT_TRUE(parsed) << type;
      if (parsed) field.type = *parsed;
      input_.input.fields.push_back(std::move(field));
    }
    auto engine = Engine::open({});
    EXPECT_TRUE(engine) << (engine ? "" : engine.error().to_string());
    if (engine) engine_ = std::move(*engine);
    records_.origin.partition = 3;
  }

  Engine& engine() { return *engine_; }
  Query& query() { return *query_; }
  void step(std::string sql) { input_.steps.push_back({std::move(sql)}); }
  void rule(std::string name, std::string expect) {
    input_.rules.push_back({std::move(name), std::move(expect)});
  }

  /// No steps and rules any more: an engine takes a while to open.
  void reset() { input_.steps.clear(), input_.rules.clear(); }

  /// A lookup table from rows of text.
  std::string table(const std::string& name, const Columns& columns,
                    const std::vector<std::string>& rows) {
    types::Schema schema;
    for (const auto& [column, type] : columns) {
      types::Field field;
      field.name = column;
      field.type = *types::parse_type(type);
      schema.fields.push_back(std::move(field));
    }
    auto made = scratch_.query(select_text(schema, schema, rows), schema);
    auto hash = engine_->load_rows(name, schema, made.batches);
    EXPECT_TRUE(hash) << (hash ? "" : hash.error().to_string());
    input_.tables.push_back(name);
    return hash ? *hash : "";
  }

  /// Empty, or every error on a line.
  std::string compile() {
    auto compiled = engine_->compile(input_);
    if (!compiled) return "ERROR " + compiled.error().to_string();
    std::string text;
    for (const auto& error : compiled->errors) text += error.to_string() + "\n";
    query_ = std::move(compiled->query);
    return text;
  }

  /// Rows as "record: values !rule", then rejects.
  std::string run(const std::vector<std::string>& rows, size_t batch_rows = 1024) {
    std::string good, bad;
    for (size_t from = 0; from < rows.size(); from += batch_rows) {
      const std::vector<std::string> part(
          rows.begin() + static_cast<long>(from),
          rows.begin() + static_cast<long>(std::min(rows.size(), from + batch_rows)));
      run_batch(part, from, good, bad);
    }
    return good + bad;
  }

  stream::RecordBatch& records() { return records_; }

 private:
  static std::string projected(const std::string& value, const types::Type& type) {
    if (type.kind() != types::Kind::kStruct) return value;
    std::string fields;
    for (const auto& field : type.fields())
      fields += (fields.empty() ? "" : ", ") + quote_identifier(field.name) +
                " := " + projected("(" + value + ")." + quote_identifier(field.name), field.type);
    return "CASE WHEN " + value + " IS NULL THEN NULL ELSE struct_pack(" + fields + ") END";
  }

  /// A SELECT of `rows`, cast to `full`, of which the columns and fields of `read` are kept.
  static std::string select_text(const types::Schema& full, const types::Schema& read,
                                 const std::vector<std::string>& rows) {
    std::string values, names;
    for (const auto& row : rows) {
      values += values.empty() ? "(" : ", (";
      size_t start = 0;
      for (size_t i = 0; i < full.fields.size(); ++i) {
        const size_t end = std::min(row.find('|', start), row.size());
        const std::string cell = row.substr(start, end - start);
        values += (i ? ", " : "") + (cell == "NULL" ? "NULL" : quote_literal(cell)) + "::VARCHAR";
        start = end + 1;
      }
      values += ")";
    }
    std::string casts;
    for (size_t i = 0; i < full.fields.size(); ++i) {
      names += (i ? ", c" : "c") + std::to_string(i);
      casts +=
          (i ? ", " : "") + ("CAST(c" + std::to_string(i) + " AS " + full.fields[i].type.to_sql() +
                             ") AS " + quote_identifier(full.fields[i].name));
    }
    std::string list;
    for (const auto& field : read.fields)
      list +=
          (list.empty() ? "" : ", ") + projected("t." + quote_identifier(field.name), field.type);
    if (list.empty()) list = "1";
    return "SELECT " + list + " FROM (SELECT " + casts + " FROM (VALUES " + values + ") v(" +
           names + ")) t";
  }

  void run_batch(const std::vector<std::string>& rows, size_t first, std::string& good,
                 std::string& bad) {
    const types::Schema& read = query_->read_schema();
    auto made = scratch_.query(select_text(input_.input, read, rows), read);
    ASSERT_EQ(made.batches.size(), 1u);
    std::vector<uint32_t> indices;
    records_.records.clear();
    keys_.clear();
    for (size_t i = 0; i < rows.size(); ++i) keys_.push_back("k" + std::to_string(first + i));
    for (size_t i = 0; i < rows.size(); ++i) {
      stream::Record record;
      record.offset = static_cast<int64_t>(100 + first + i);
      record.timestamp_ms = 1'700'000'000'000 + static_cast<int64_t>(first + i);
      if ((first + i) % 5 != 4) record.key = keys_[i];
      records_.records.push_back(record);
      indices.push_back(static_cast<uint32_t>(i));
    }
    auto output = query_->run(made.batches[0], indices, records_);
    ASSERT_TRUE(output) << output.error().to_string();
    for (size_t c = 0; c < output->chunks.size(); ++c) {
      const auto lines = scratch_.show(output->chunks[c], query_->output());
      ASSERT_EQ(lines.size(), output->records[c].size());
      for (size_t i = 0; i < lines.size(); ++i) {
        good += std::to_string(first + output->records[c][i]) + ": " + lines[i];
        for (size_t r = 0; r < input_.rules.size(); ++r) {
          if (output->violated[c][i] >> r & 1) good += " !" + input_.rules[r].name;
        }
        good += "\n";
      }
    }
    for (const auto& reject : output->rejects) {
      bad += "reject " + std::to_string(first + reject.record) + " " +
             std::string(stream::to_string(reject.stage)) + " " +
             std::string(stream::to_string(reject.reason)) + ": " + reject.message + "\n";
    }
  }

  CompileInput input_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Query> query_;  // ends before the engine
  Scratch scratch_;
  stream::RecordBatch records_;
  std::vector<std::string> keys_;
};

}  // namespace leat::sql
