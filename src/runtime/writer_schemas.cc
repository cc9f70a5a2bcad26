#include "runtime/writer_schemas.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "codec/schema_text.h"

namespace leat::runtime {
namespace {

constexpr int64_t kAskAgainMs = 500;  // for a schema that the registry does not have yet
constexpr int64_t kLeastPatienceMs = 100;

Result<std::shared_ptr<const schema::SchemaText>> text_of(schema::Catalog& catalog,
                                                          const codec::SchemaId& id,
                                                          const std::string& subject) {
  const auto* number = std::get_if<int32_t>(&id);
  return number ? catalog.schema(*number, subject) : catalog.schema(schema_id_text(id));
}

class SchemaInput final : public LaneInput {
 public:
  SchemaInput(std::unique_ptr<LaneInput> input, io::Clock& clock,
              std::shared_ptr<WriterSchemas> schemas, std::shared_ptr<WriterSchemas> keys)
      : input_(std::move(input)),
        clock_(clock),
        schemas_(std::move(schemas)),
        keys_(std::move(keys)) {}

  Result<bool> next(InputBatch& out, std::stop_token stop,
                    std::chrono::milliseconds timeout) override {
    if (!held_) {
      ASSIGN(const bool some, input_->next(out, stop, timeout));
      if (!some) return false;
      if (learn(out.records)) {
        put_key_texts(out);
        return true;
      }
      held_ = std::move(out);
      return false;
    }
    if (!learn(held_->records)) {
      clock_.sleep_ms(std::min<int64_t>(timeout.count(), kLeastPatienceMs), stop);
      return false;
    }
    out = std::move(*held_);
    held_.reset();
    put_key_texts(out);
    return true;
  }
  Result<void> fix_end() override { return input_->fix_end(); }
  Result<bool> at_end() override { return held_ ? Result<bool>(false) : input_->at_end(); }
  Result<int64_t> waiting() override {
    ASSIGN(const int64_t behind, input_->waiting());
    return behind + (held_ ? static_cast<int64_t>(held_->records.records.size()) : 0);
  }
  void one_by_one(bool on) override { input_->one_by_one(on); }
  /// What is held has been read and is not the lane's: nobody may move a position over it.
  StartPositions positions() const override {
    return held_ ? StartPositions() : input_->positions();
  }
  std::string trouble() const override {
    std::string waiting = schemas_->waiting();
    if (waiting.empty() && keys_) waiting = keys_->waiting();
    return waiting.empty() ? input_->trouble() : waiting;
  }

 private:
  bool learn(const stream::RecordBatch& batch) {
    return schemas_->learn(batch) && (!keys_ || keys_->learn(batch));
  }

  void put_key_texts(InputBatch& input) {
    if (!keys_) return;
    input.refused.clear();
    stream::RecordBatch& batch = input.records;
    auto texts = std::make_shared<std::string>();
    std::vector<std::pair<size_t, size_t>> places;  // of each record: where its text ends
    for (uint32_t i = 0; i < batch.records.size(); ++i) {
      if (auto text = key_text(input, i)) {
        *texts += *text;
        places.emplace_back(i, texts->size());
      }
    }
    size_t from = 0;
    for (const auto& [place, end] : places) {
      stream::Record& record = batch.records[place];
      record.key = std::string_view(*texts).substr(from, end - from);
      from = end;
      drop_key_header(batch, record);
    }
    batch.storage.push_back(std::move(texts));
  }

  /// Without the bytes that it was of: a letter that has it has those as its key, and is read again from them.
  static void drop_key_header(stream::RecordBatch& batch, stream::Record& record) {
    if (!names_key_schema(record)) return;
    const auto first = static_cast<size_t>(record.headers.data() - batch.header_storage.data());
    CHECK(first + record.headers.size() <= batch.header_storage.size());
    size_t kept = first;
    for (const stream::Header header : record.headers)
      if (header.key != codec::kKeySchemaHeader) batch.header_storage[kept++] = header;
    record.headers = {batch.header_storage.data() + first, kept - first};
  }

  static bool names_key_schema(const stream::Record& record) {
    return std::any_of(
        record.headers.begin(), record.headers.end(),
        [](const stream::Header& header) { return header.key == codec::kKeySchemaHeader; });
  }

  /// nullopt: the key stays as it is, because it is none of a schema, or because its record is refused.
  std::optional<std::string> key_text(InputBatch& input, uint32_t place) {
    const stream::Record& record = input.records.records[place];
    if (!record.key) return std::nullopt;
    const auto refuse = [&](stream::Reason reason, std::string_view what) {
      input.refused.push_back(
          {place,
           stream::Stage::kDecode,
           reason,
           {},
           fmt::format("the key of record {}: {}", input.identity(place).to_string(), what)});
      return std::nullopt;
    };
    auto framed = codec::read_schema_frame(*record.key, record.headers, codec::kKeySchemaHeader);
    if (!framed) {
      if (names_key_schema(record)) refuse(stream::Reason::kMalformed, framed.error().to_string());
      return std::nullopt;
    }
    const KeySchema* known = key_schema(*framed);
    if (!known) {
      return refuse(stream::Reason::kUnknownSchema,
                    fmt::format("the registry does not give schema {}; register it, or let leat "
                                "read it there, and then redrive the record",
                                schema_id_text(framed->schema)));
    }
    if (!known->text) return refuse(stream::Reason::kSchemaMismatch, known->mismatch);
    auto text = known->text->of(framed->bytes);
    if (text) return text;
    return refuse(stream::Reason::kMalformed,
                  fmt::format("{} bytes, which are no key of schema {}, or one with a NULL; let "
                              "its producer write the record again",
                              framed->bytes.size(), schema_id_text(framed->schema)));
  }

  /// What is known of one schema of keys: its texts, or why there are none.
  struct KeySchema {
    std::unique_ptr<codec::SchemaText> text;
    std::string mismatch;
  };

  /// Null: the registry has not given it.
  const KeySchema* key_schema(const codec::FramedBytes& framed) {
    const auto id = std::pair(framed.schema, std::string(framed.indexes));
    if (auto found = key_schemas_.find(id); found != key_schemas_.end()) return &found->second;
    const auto schema = keys_->find(framed.schema);
    if (!schema && schema.error().code() == ErrorCode::kNotFound) return nullptr;
    auto made = schema ? codec::make_key_text(**schema, framed.indexes)
                       : Result<std::unique_ptr<codec::SchemaText>>(schema.error());
    if (key_schemas_.size() >= limits::kMaxUnknownSchemas) key_schemas_.clear();
    KeySchema known;
    if (made)
      known.text = std::move(*made);
    else
      known.mismatch =
          fmt::format("schema {}: {}", schema_id_text(framed.schema), made.error().to_string());
    return &key_schemas_.emplace(id, std::move(known)).first->second;
  }

  const std::unique_ptr<LaneInput> input_;
  io::Clock& clock_;
  const std::shared_ptr<WriterSchemas> schemas_;
  const std::shared_ptr<WriterSchemas> keys_;  // null: keys are text
  std::optional<InputBatch> held_;
  std::map<std::pair<codec::SchemaId, std::string>, KeySchema> key_schemas_;
};

}  // namespace

std::string schema_id_text(const codec::SchemaId& id) {
  if (const auto* number = std::get_if<int32_t>(&id)) return std::to_string(*number);
  std::string text;
  for (char byte : std::get<codec::SchemaGuid>(id)) {
    if (text.size() == 8 || text.size() == 13 || text.size() == 18 || text.size() == 23)
      text += '-';
    text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  }
  return text;
}

Result<std::shared_ptr<const schema::ParsedSchema>> fetch_schema(schema::Catalog& catalog,
                                                                 const codec::SchemaId& id,
                                                                 const std::string& subject) {
  ASSIGN(const auto text, text_of(catalog, id, subject));
  ASSIGN(const auto references, schema::resolve(catalog, text->references));
  return schema::parse(text->format, text->text, references);
}

Result<void> WriterSchemas::ask(const codec::SchemaId& id) {
  ASSIGN(const auto text, text_of(catalog_, id, subject_));
  ASSIGN(const auto references, schema::resolve(catalog_, text->references));
  auto parsed = schema::parse(text->format, text->text, references);
  MutexLock lock(mutex_);
  known_.emplace(id, std::move(parsed));
  return {};
}

/// True of what passes: the registry is away, or does not let us in. Other answers are about the one schema.
bool WriterSchemas::is_away(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
      return true;
    default:
      return error.retry() == Retry::kBackoff || error.contract_code() == 401 ||
             error.contract_code() / 100 == 401;
  }
}

bool WriterSchemas::wait(std::string reason) {
  MutexLock lock(mutex_);
  waiting_ = std::move(reason);
  return false;
}

/// True when nothing of the schema is to be waited for.
bool WriterSchemas::settled(const codec::SchemaId& id, const stream::RecordId& record) {
  {
    MutexLock lock(mutex_);
    if (known_.contains(id)) return true;
  }
  Missing& missing = missing_[id];
  if (clock_.steady_ms() < missing.ask_at) return missing.given_up;
  auto asked = ask(id);
  const int64_t now = clock_.steady_ms();
  if (asked) {
    missing_.erase(id);
    patience_ms_ = limits::kUnknownSchemaWaitMs;
    return true;
  }
  missing.ask_at = now + kAskAgainMs;
  away_ = is_away(asked.error());
  if (away_) {
    missing.since = -1;
    return wait(asked.error().to_string());
  }
  if (missing.since < 0) missing.since = now;
  if (!missing.given_up && now - missing.since < patience_ms_) {
    return wait(fmt::format("record {} has schema {}, which {} does not give; waiting for it: {}",
                            record.to_string(), schema_id_text(id), catalog_.name(),
                            asked.error().to_string()));
  }
  if (!missing.given_up) patience_ms_ = std::max(kLeastPatienceMs, patience_ms_ / 2);
  missing.given_up = true;
  missing.ask_at = now + limits::kUnknownSchemaWaitMs;
  return true;
}

bool WriterSchemas::learn(const stream::RecordBatch& batch) {
  bool all = true;
  away_ = false;
  if (missing_.size() >= limits::kMaxUnknownSchemas)
    std::erase_if(missing_, [](const auto& each) { return each.second.given_up; });
  std::optional<codec::SchemaId> last;
  for (const stream::Record& record : batch.records) {
    const bool key = part_ == RecordPart::kKey;
    const auto& bytes = key ? record.key : record.value;
    if (!bytes) continue;
    auto framed = codec::read_schema_frame(
        *bytes, record.headers, key ? codec::kKeySchemaHeader : codec::kValueSchemaHeader);
    if (!framed || framed->schema == last) continue;
    last = framed->schema;
    all &= settled(*last, {batch.origin, record.offset});
    if (away_) return false;  // the others would only wait as long again
  }
  if (all) wait({});
  return all;
}

WriterSchemas::Parsed WriterSchemas::find(const codec::SchemaId& id) const {
  MutexLock lock(mutex_);
  if (auto found = known_.find(id); found != known_.end()) return found->second;
  return Error(ErrorCode::kNotFound,
               fmt::format("schema {} is not in the registry", schema_id_text(id)));
}

std::string WriterSchemas::waiting() const {
  MutexLock lock(mutex_);
  return waiting_;
}

std::unique_ptr<LaneInput> make_schema_input(std::unique_ptr<LaneInput> input, io::Clock& clock,
                                             std::shared_ptr<WriterSchemas> schemas,
                                             std::shared_ptr<WriterSchemas> keys) {
  return std::make_unique<SchemaInput>(std::move(input), clock, std::move(schemas),
                                       std::move(keys));
}

}  // namespace leat::runtime
