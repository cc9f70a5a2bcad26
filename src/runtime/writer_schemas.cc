#include "runtime/writer_schemas.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

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
              std::shared_ptr<WriterSchemas> schemas)
      : input_(std::move(input)), clock_(clock), schemas_(std::move(schemas)) {}

  Result<bool> next(InputBatch& out, std::stop_token stop,
                    std::chrono::milliseconds timeout) override {
    if (!held_) {
      ASSIGN(const bool some, input_->next(out, stop, timeout));
      if (!some || schemas_->learn(out.records)) return some;
      held_ = std::move(out);
      return false;
    }
    if (!schemas_->learn(held_->records)) {
      clock_.sleep_ms(std::min<int64_t>(timeout.count(), kLeastPatienceMs), stop);
      return false;
    }
    out = std::move(*held_);
    held_.reset();
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
    return waiting.empty() ? input_->trouble() : waiting;
  }

 private:
  const std::unique_ptr<LaneInput> input_;
  io::Clock& clock_;
  const std::shared_ptr<WriterSchemas> schemas_;
  std::optional<InputBatch> held_;
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
    if (!record.value) continue;
    auto framed =
        codec::read_schema_frame(*record.value, record.headers, codec::kValueSchemaHeader);
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
                                             std::shared_ptr<WriterSchemas> schemas) {
  return std::make_unique<SchemaInput>(std::move(input), clock, std::move(schemas));
}

}  // namespace leat::runtime
