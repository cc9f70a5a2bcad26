// GET /api/v1/pipelines/{pipeline}/schema: the types of a pipeline's input, inferred from its
// records; `leat schema infer` writes them down.
//
// Of a topic: the newest records of each partition. Of another source: the first page it gives from
// its start; it is asked once, its answer is not kept.
#include <algorithm>

#include "runtime/compile.h"
#include "server/backend.h"
#include "server/sample.h"
#include "types/json_schema.h"

namespace leat::server {
namespace {

constexpr int64_t kDefaultSample = 500;
constexpr int64_t kMaxSample = 100'000;

Result<std::vector<std::string>> sample_source(const Backend& backend,
                                               const runtime::PipelinePlan& plan, size_t count,
                                               const std::stop_token& stop) {
  TRY(need_writable(backend));
  ASSIGN(auto source, runtime::open_source(*backend.plan, plan, *backend.services));
  TRY(source->open(""));
  std::vector<std::string> texts;
  while (texts.size() < count && !stop.stop_requested()) {
    ASSIGN(stream::SourcePage page, source->read(stop));
    for (const stream::Record& record : page.records) {
      if (record.value && texts.size() < count) texts.emplace_back(*record.value);
    }
    if (page.exhausted || (page.records.empty() && !texts.empty())) break;
  }
  return texts;
}

Result<net::Response> infer(const Backend& backend, const Call& call) {
  ASSIGN(const runtime::PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  ASSIGN(int64_t count, call.number("records", kDefaultSample, 1, kMaxSample));
  std::vector<std::string> texts;
  if (const std::string* name = plan->input_topic()) {
    ASSIGN(stream::Log * log, need_log(backend));
    ASSIGN(stream::TopicInfo topic, log->topics().find(*name));
    ShownValues values(backend.schemas, *name);
    ASSIGN(texts, sample_topic(*log, topic, static_cast<size_t>(count), values));
  } else {
    ASSIGN(texts, sample_source(backend, *plan, static_cast<size_t>(count), call.stop()));
  }
  if (texts.empty()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("the input of pipeline {} has no record yet", plan->name))
        .with_hint("types are inferred from records");
  }
  std::vector<std::string_view> views(texts.begin(), texts.end());
  ASSIGN(types::Schema schema, types::infer_schema(views));
  return ok({{"pipeline", plan->name},
             {"records", texts.size()},
             {"schema", Json::parse(types::schema_to_json(schema), nullptr, false)}});
}

}  // namespace

void add_schema(Api& api, Backend& backend) {
  Endpoint endpoint;
  endpoint.method = "GET";
  endpoint.path = "/api/v1/pipelines/{pipeline}/schema";
  endpoint.tag = "pipelines";
  endpoint.summary = "The types of a pipeline's input, inferred from a sample of its records";
  endpoint.arguments = {
      {"records", ValueType::kInteger, "How many records at most; 500 when left out", false}};
  endpoint.response =
      "A JSON Schema (2020-12) as `source.schema:` takes it, and of how many records.";
  endpoint.handler = [&backend](const Call& call) { return infer(backend, call); };
  api.add(std::move(endpoint));
}

}  // namespace leat::server
