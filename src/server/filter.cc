#include "server/filter.h"

#include <algorithm>

#include "base/strings.h"
#include "codec/json_decode.h"
#include "sql/engine.h"

namespace leat::server {
namespace {

constexpr size_t kFilterMemory = 128 * limits::kMiB;

/// A condition as a query of its own: the records it leaves are the ones that are wanted.
struct Condition {
  std::unique_ptr<sql::Engine> engine;  // outlives its query
  std::unique_ptr<sql::Query> query;
};

Result<Condition> compile(const std::string& where, const types::Schema& schema) {
  if (where.size() > limits::kMaxSqlBytes) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("where is longer than {} bytes", limits::kMaxSqlBytes));
  }
  Condition out;
  ASSIGN(out.engine, sql::Engine::open({kFilterMemory}));
  // On lines of its own: a comment at its end must not eat the bracket.
  ASSIGN(sql::Compiled compiled,
         out.engine->compile(
             {schema, {{"SELECT 1 AS kept FROM input WHERE (\n" + where + "\n)"}}, {}, {}}));
  if (!compiled.query) {
    Error error(ErrorCode::kInvalidArgument, "it is no SQL condition over these columns");
    if (!compiled.errors.empty()) {
      const sql::CompileError& first = compiled.errors.front();
      error = Error(ErrorCode::kInvalidArgument, first.message).with_hint(first.hint);
      // Behind the end of the condition it is our own bracket that DuckDB names.
      const int line = std::max(1, first.line - 1);
      return std::move(error).at(fmt::format("where, line {}, column {}", line, first.column));
    }
    return std::move(error).at("where");
  }
  out.query = std::move(compiled.query);
  return out;
}

Result<void> mark(sql::Query& query, const types::Batch& input, std::span<const uint32_t> rows,
                  const stream::RecordBatch& records, std::span<char> kept) {
  ASSIGN(sql::QueryOutput output, query.run(input, rows, records));
  for (const auto& chunk : output.records) {
    for (uint32_t record : chunk) kept[record] = 1;
  }
  return {};
}

class JsonFilter final : public RecordFilter {
 public:
  JsonFilter(Condition condition, std::unique_ptr<stream::Decoder> decoder)
      : condition_(std::move(condition)),
        decoder_(std::move(decoder)),
        buffer_(condition_.query->read_schema()) {}

  Result<std::vector<char>> keep(const stream::RecordBatch& batch) override {
    std::vector<char> kept(batch.records.size(), 0);
    buffer_.reset();
    rows_.clear();
    rejects_.clear();
    decoder_->decode(batch, buffer_, rows_, rejects_);
    if (rows_.empty()) return kept;
    TRY(mark(*condition_.query, buffer_.view(), rows_, batch, kept));
    return kept;
  }

 private:
  Condition condition_;
  std::unique_ptr<stream::Decoder> decoder_;
  types::BatchBuffer buffer_;
  std::vector<uint32_t> rows_;
  std::vector<stream::Reject> rejects_;
};

types::Schema letter_schema() {
  using types::Kind;
  types::Schema schema;
  auto add = [&](const char* name, Kind kind) { schema.fields.push_back({name, kind, false, {}}); };
  for (const char* name : {"sink", "topic", "stage", "reason", "rule", "message", "key", "value"}) {
    add(name, Kind::kVarchar);
  }
  add("partition", Kind::kInt32);
  add("offset", Kind::kInt64);
  add("time", Kind::kTimestampTz);
  return schema;
}

/// One column's value of one letter.
void append(const runtime::DeadLetter& letter, const std::string& column, types::VectorBuffer& into,
            types::Arena& arena) {
  auto text = [&](std::string_view value) { into.append(types::StringRef(arena.copy(value))); };
  auto bytes = [&](const std::optional<std::string>& value) {
    if (value && is_utf8(*value))
      text(*value);
    else
      into.append_null();
  };
  if (column == "sink")
    text(letter.sink);
  else if (column == "topic")
    text(letter.id.origin.topic);
  else if (column == "stage")
    text(stream::to_string(letter.stage));
  else if (column == "reason")
    text(stream::to_string(letter.reason));
  else if (column == "rule")
    letter.rule.empty() ? into.append_null() : text(letter.rule);
  else if (column == "message")
    text(letter.message);
  else if (column == "key")
    bytes(letter.key);
  else if (column == "value")
    bytes(letter.value);
  else if (column == "partition")
    into.append(letter.id.origin.partition);
  else if (column == "offset")
    into.append(letter.id.offset);
  else if (column == "time")
    into.append(letter.time_ms * 1000);
  else
    CHECK(false, "no column {} of dead letters", column);
}

class SomeLetters final : public LetterFilter {
 public:
  explicit SomeLetters(Condition condition)
      : condition_(std::move(condition)), buffer_(condition_.query->read_schema()) {}

  Result<std::vector<char>> keep(std::span<const runtime::DeadLetter> letters) override {
    const types::Schema& read = condition_.query->read_schema();
    std::vector<char> kept(letters.size(), 0);
    buffer_.reset();
    records_.clear();
    rows_.clear();
    for (const runtime::DeadLetter& letter : letters) {
      for (size_t c = 0; c < read.fields.size(); ++c) {
        append(letter, read.fields[c].name, buffer_.column(c), buffer_.arena());
      }
      rows_.push_back(static_cast<uint32_t>(rows_.size()));
      stream::Record& record = records_.records.emplace_back();
      record.offset = letter.id.offset;
      record.timestamp_ms = letter.time_ms;
    }
    buffer_.set_rows(letters.size());
    TRY(mark(*condition_.query, buffer_.view(), rows_, records_, kept));
    return kept;
  }

 private:
  Condition condition_;
  types::BatchBuffer buffer_;
  stream::RecordBatch records_;
  std::vector<uint32_t> rows_;
};

class AllLetters final : public LetterFilter {
 public:
  Result<std::vector<char>> keep(std::span<const runtime::DeadLetter> letters) override {
    return std::vector<char>(letters.size(), 1);
  }
};

}  // namespace

Result<std::unique_ptr<RecordFilter>> make_record_filter(const std::string& where,
                                                         const types::Schema& schema) {
  ASSIGN(Condition condition, compile(where, schema));
  ASSIGN(auto decoder, codec::make_json_decoder(condition.query->read_schema()));
  return std::unique_ptr<RecordFilter>(
      std::make_unique<JsonFilter>(std::move(condition), std::move(decoder)));
}

Result<std::unique_ptr<LetterFilter>> make_letter_filter(const std::string& where) {
  if (where.empty()) return std::unique_ptr<LetterFilter>(std::make_unique<AllLetters>());
  ASSIGN(Condition condition, compile(where, letter_schema()));
  return std::unique_ptr<LetterFilter>(std::make_unique<SomeLetters>(std::move(condition)));
}

}  // namespace leat::server
