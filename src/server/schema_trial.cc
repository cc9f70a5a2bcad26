// POST /api/v1/topics/{topic}/try-schema: a schema that nobody has registered yet, tried on the newest records of a topic;
// `leat schema check`.
//
// Each record is read with the schema that wrote it and resolved to the one that is tried, as a pipeline would do it. One
// that its own schema cannot read either, or that names none, is counted apart: the new schema does not break it. Reads
// only; one batch at a time, until kPatienceMs have passed.
#include <algorithm>
#include <map>

#include "codec/framed_decode.h"
#include "codec/schema_codec.h"
#include "runtime/topic_schema.h"
#include "runtime/writer_schemas.h"
#include "server/backend.h"
#include "server/place.h"
#include "server/shown_values.h"
#include "stream/read_span.h"

namespace leat::server {
namespace {

constexpr int64_t kDefaultRecords = 1'000, kMostRecords = 100'000;
constexpr int64_t kPatienceMs = 20'000;  // of who asks
constexpr size_t kMostNamed = 20;        // of those that fail
constexpr stream::ReadLimits kTrialLimits{limits::kDefaultBatchRecords, limits::kMiB};

class Trial {
 public:
  Trial(schema::Catalog& catalog, const std::string& topic, runtime::TopicSchema schema)
      : catalog_(catalog),
        subject_(topic + "-value"),
        schema_(std::move(schema)),
        own_(&catalog, topic),
        rows_(schema_.columns),
        decoder_(
            codec::make_framed_decoder([this](const codec::SchemaId& id, std::string_view indexes) {
              return decoder_of(id, indexes);
            })) {}

  Result<void> see(const stream::RecordBatch& batch) {
    TRY(learn(batch));
    places_.clear(), rejects_.clear(), rows_.reset();
    decoder_->decode(batch, rows_, places_, rejects_);
    fit_ += static_cast<int64_t>(places_.size());
    for (const stream::Reject& reject : rejects_) judge(batch, reject);
    return {};
  }

  Json result() && {
    return {{"records", fit_ + failed_ + unreadable_ + nulls_},
            {"fit", fit_},
            {"failed", failed_},
            {"unreadable", unreadable_},
            {"without_value", nulls_},
            {"failures", std::move(failures_)}};
  }

 private:
  using Parsed = Result<std::shared_ptr<const schema::ParsedSchema>>;

  /// Fetches what the batch's records name. An error: the registry cannot be asked.
  Result<void> learn(const stream::RecordBatch& batch) {
    for (const stream::Record& record : batch.records) {
      if (!record.value) continue;
      auto framed =
          codec::read_schema_frame(*record.value, record.headers, codec::kValueSchemaHeader);
      if (!framed || writers_.contains(framed->schema)) continue;
      auto fetched = runtime::fetch_schema(catalog_, framed->schema, subject_);
      if (!fetched && fetched.error().code() != ErrorCode::kNotFound &&
          fetched.error().code() != ErrorCode::kInvalidArgument)
        return std::move(fetched).error();
      writers_.emplace(framed->schema, std::move(fetched));
    }
    return {};
  }

  Result<std::unique_ptr<stream::Decoder>> decoder_of(const codec::SchemaId& id,
                                                      std::string_view indexes) {
    const Parsed& writer = writers_.at(id);
    if (!writer) return Error(writer.error());
    // JSON is validated by the schema that wrote it: here it is the new one's word that counts.
    const bool json = (*writer)->format() == schema::Format::kJson &&
                      schema_.parsed->format() == schema::Format::kJson;
    return codec::make_schema_decoder(json ? *schema_.parsed : **writer, *schema_.parsed,
                                      schema_.columns, indexes);
  }

  void judge(const stream::RecordBatch& batch, const stream::Reject& reject) {
    const stream::Record& record = batch.records[reject.record];
    if (!record.value) {
      ++nulls_;
    } else if (!own_.show(*record.value, record.headers)) {
      ++unreadable_;
    } else {
      ++failed_;
      failures_.push_back({{"partition", batch.origin.partition},
                           {"offset", record.offset},
                           {"reason", stream::to_string(reject.reason)},
                           {"message", reject.message}});
      // The newest: partitions are read from the old to the new.
      if (failures_.size() > kMostNamed) failures_.erase(failures_.begin());
    }
  }

  schema::Catalog& catalog_;
  const std::string subject_;
  const runtime::TopicSchema schema_;
  ShownValues own_;  // what a record's own schema makes of it
  std::map<codec::SchemaId, Parsed> writers_;
  types::BatchBuffer rows_;
  std::vector<uint32_t> places_;
  std::vector<stream::Reject> rejects_;
  const std::unique_ptr<stream::Decoder> decoder_;
  int64_t fit_ = 0, failed_ = 0, unreadable_ = 0, nulls_ = 0;
  Json failures_ = Json::array();
};

Result<schema::SchemaText> text_of(const Call& call) {
  schema::SchemaText text;
  text.text = call.text_or("schema", "");
  const std::string type = call.text_or("type", "AVRO");
  const auto format = schema::format_named(type);
  if (!format)
    return Error(ErrorCode::kInvalidArgument, fmt::format("type: unknown type {}", json_text(type)))
        .with_hint("AVRO, JSON or PROTOBUF");
  text.format = *format;
  const std::string references = call.text_or("references", "");
  for (std::string_view lines = references; !lines.empty();) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    ASSIGN(schema::Reference reference, schema::read_reference(lines.substr(0, end)));
    text.references.push_back(std::move(reference));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return text;
}

Result<net::Response> try_schema(const Backend& backend, const Call& call) {
  ASSIGN(stream::Log * log, need_log(backend));
  ASSIGN(stream::TopicInfo topic, log->topics().find(call.path("topic")));
  ASSIGN(const int64_t count, call.number("records", kDefaultRecords, 1, kMostRecords));
  if (!backend.schemas)
    return Error(ErrorCode::kUnavailable, "no schema registry here says what wrote the records");
  ASSIGN(schema::SchemaText text, text_of(call));
  auto schema = runtime::read_topic_schema(*backend.schemas, std::move(text));
  if (!schema) return std::move(schema).error().context("the schema that is to be tried");

  Trial trial(*backend.schemas, topic.spec.name, std::move(*schema));
  const int64_t deadline = backend.clock->steady_ms() + kPatienceMs;
  bool whole = true;
  const auto in_time = [&] {
    return whole = backend.clock->steady_ms() < deadline && !call.stop().stop_requested();
  };
  const Place newest{
      Place::Kind::kLast, (count + topic.spec.partitions - 1) / topic.spec.partitions, {}};
  for (int32_t p = 0; p < topic.spec.partitions && in_time(); ++p) {
    ASSIGN(const std::optional<int64_t> from, resolve(newest, *log, topic, p));
    ASSIGN(const stream::PartitionBounds bounds, log->topics().bounds(topic, p));
    ASSIGN(auto reader, log->reader(topic));
    const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
      TRY(trial.see(batch));
      return in_time();
    };
    TRY(stream::read_span(*reader, p, *from, bounds.end, kTrialLimits, call.stop(), each));
  }
  Json out = std::move(trial).result();
  out["topic"] = topic.spec.name;
  out["whole"] = whole;
  return ok(out);
}

}  // namespace

void add_schema_trial(Api& api, Backend& backend) {
  Endpoint endpoint;
  endpoint.method = "POST";
  endpoint.path = "/api/v1/topics/{topic}/try-schema";
  endpoint.tag = "topics";
  endpoint.summary = "Try a schema on the newest records of a topic; nothing is written";
  endpoint.arguments = {
      {"schema", ValueType::kString, "Its text", true},
      {"type", ValueType::kString, "AVRO (the default), JSON or PROTOBUF", false},
      {"references", ValueType::kString, "What it refers to, a line NAME=SUBJECT:VERSION each",
       false},
      {"records", ValueType::kInteger,
       "About how many records, shared evenly by the partitions; 1000 when left out", false}};
  endpoint.response =
      "How many records were looked at, how many the schema can read, how many it cannot although "
      "their own can, and the last of these with place, reason and message; `whole` is false when "
      "time ran out.";
  endpoint.handler = [&backend](const Call& call) { return try_schema(backend, call); };
  api.add(std::move(endpoint));
}

}  // namespace leat::server
