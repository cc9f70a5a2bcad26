// Dead letters: what was rejected, by pipeline, stage and reason; re-drive and purge.
//
//   GET  /api/v1/dead-letters                                   groups of all pipelines
//   GET  /api/v1/pipelines/{pipeline}/dead-letters              letters of one
//   POST /api/v1/pipelines/{pipeline}/dead-letters/redrive, …/purge
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/limits.h"
#include "base/mutex.h"
#include "server/backend.h"
#include "server/filter.h"
#include "server/shown_values.h"

namespace leat::server {
namespace {

using runtime::DeadLetter;
using runtime::PipelinePlan;

constexpr int64_t kDefaultLetters = 100;
constexpr int64_t kMaxLetters = 10'000;
constexpr size_t kLettersBytes = 64 * limits::kMiB;  // of one answer; fewer letters then

Result<void> visit(const Backend& backend, const std::string& pipeline,
                   const runtime::LetterVisitor& see) {
  if (!backend.log) return {};
  return runtime::visit_dead_letters(*backend.log, backend.plan->dead_letter_topic(pipeline), see);
}

struct Group {
  int64_t count = 0, first_ms = 0, last_ms = 0;
  std::string example;
};
using GroupKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;

void add_to_group(const std::string& pipeline, const DeadLetter& letter,
                  std::map<GroupKey, Group>& groups) {
  Group& group = groups[{pipeline, letter.sink, std::string(stream::to_string(letter.stage)),
                         std::string(stream::to_string(letter.reason)), letter.rule}];
  if (group.count++ == 0) {
    group.first_ms = letter.time_ms;
    group.example = letter.message;
  }
  group.first_ms = std::min(group.first_ms, letter.time_ms);
  group.last_ms = std::max(group.last_ms, letter.time_ms);
}

Json groups_json(const std::map<GroupKey, Group>& groups) {
  Json out = Json::array();
  for (const auto& [key, group] : groups) {
    const auto& [pipeline, sink, stage, reason, rule] = key;
    out.push_back({{"pipeline", pipeline},
                   {"sink", sink},
                   {"stage", stage},
                   {"reason", reason},
                   {"rule", rule.empty() ? Json() : Json(rule)},
                   {"count", group.count},
                   {"first", time_json(group.first_ms)},
                   {"last", time_json(group.last_ms)},
                   {"example", group.example}});
  }
  return out;
}

/// One letter as text: key and value are spliced in as tap shows them.
std::string letter_json(const DeadLetter& letter, ShownValues& values) {
  Json head = {{"sink", letter.sink},
               {"topic", letter.id.origin.topic},
               {"topic_id", letter.id.origin.topic_id.to_string()},
               {"partition", letter.id.origin.partition},
               {"offset", letter.id.offset},
               {"stage", stream::to_string(letter.stage)},
               {"reason", stream::to_string(letter.reason)},
               {"rule", letter.rule.empty() ? Json() : Json(letter.rule)},
               {"message", letter.message},
               {"time", time_json(letter.time_ms)},
               {"version", letter.version},
               {"pipeline_hash", letter.pipeline_hash},
               {"length", letter.length},
               {"whole", letter.whole()}};
  if (!letter.sha256.empty()) head["sha256"] = letter.sha256;
  for (const auto& [name, value] : letter.headers) head["headers"][name] = value;
  std::string out = dump(head);
  out.pop_back();
  if (letter.key)
    append_bytes(out, "key", *letter.key);
  else
    out += ",\"key\":null";
  std::vector<stream::Header> headers;
  for (const auto& [name, value] : letter.headers) headers.push_back({name, value});
  const auto shown = letter.value ? values.show(*letter.value, headers) : std::nullopt;
  if (letter.value)
    append_bytes(out, "value", shown ? *shown : *letter.value);
  else
    out += ",\"value\":null";
  return out + "}";
}

Result<net::Response> all_groups(const Backend& backend) {
  std::map<GroupKey, Group> groups;
  for (const PipelinePlan& plan : backend.plan->pipelines) {
    TRY(visit(backend, plan.name, [&](std::span<DeadLetter> letters) -> Result<bool> {
      for (const DeadLetter& letter : letters) add_to_group(plan.name, letter, groups);
      return true;
    }));
  }
  return ok(groups_json(groups));
}

Result<net::Response> list_letters(const Backend& backend, const Call& call) {
  ASSIGN(const PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  ASSIGN(int64_t limit, call.number("limit", kDefaultLetters, 0, kMaxLetters));
  ASSIGN(auto filter, make_letter_filter(call.text_or("where", "")));
  std::map<GroupKey, Group> groups;
  int64_t matched = 0, shown = 0;
  std::string texts;
  ShownValues values(backend.schemas, plan->input_topic() ? *plan->input_topic() : "");
  TRY(visit(backend, plan->name, [&](std::span<DeadLetter> letters) -> Result<bool> {
    ASSIGN(std::vector<char> keep, filter->keep(letters));
    for (size_t i = 0; i < letters.size(); ++i) {
      if (!keep[i]) continue;
      ++matched;
      add_to_group(plan->name, letters[i], groups);
      if (shown >= limit || texts.size() >= kLettersBytes) continue;
      if (shown++ > 0) texts += ',';
      texts += letter_json(letters[i], values);
    }
    return true;
  }));
  return net::Response::json(
      fmt::format("{{\"pipeline\":\"{}\",\"matched\":{},\"groups\":{},\"letters\":[{}]}}\n",
                  plan->name, matched, dump(groups_json(groups)), texts));
}

/// Which of the letters the request means: by identity of the entry, since the topic is read again
/// meanwhile.
Result<std::function<bool(const DeadLetter&)>> wanted(const Backend& backend,
                                                      const PipelinePlan& plan, const Call& call) {
  const std::string where = call.text_or("where", "");
  if (where.empty())
    return std::function<bool(const DeadLetter&)>([](const DeadLetter&) { return true; });
  ASSIGN(auto filter, make_letter_filter(where));
  auto chosen = std::make_shared<std::set<std::pair<int32_t, int64_t>>>();
  TRY(visit(backend, plan.name, [&](std::span<DeadLetter> letters) -> Result<bool> {
    ASSIGN(std::vector<char> keep, filter->keep(letters));
    for (size_t i = 0; i < letters.size(); ++i) {
      if (keep[i]) chosen->emplace(letters[i].dlq_partition, letters[i].dlq_offset);
    }
    return true;
  }));
  return std::function<bool(const DeadLetter&)>([chosen](const DeadLetter& letter) {
    return chosen->contains({letter.dlq_partition, letter.dlq_offset});
  });
}

/// Partitions of the retry topic: those of the input topic, 1 for a source.
Result<int32_t> retry_partitions(const Backend& backend, const PipelinePlan& plan) {
  const std::string* input = plan.input_topic();
  if (!input) return 1;
  auto topic = backend.log->topics().find(*input);
  if (topic) return topic->spec.partitions;
  if (topic.error().code() == ErrorCode::kNotFound)
    return backend.plan->topic_spec(*input).partitions;
  return std::move(topic).error();
}

Result<net::Response> redrive(const Backend& backend, Mutex& mutex, const Call& call) {
  const bool dry_run = call.flag("dry_run");
  if (!dry_run) TRY(need_writable(backend));
  ASSIGN(const PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  ASSIGN(stream::Log * log, need_log(backend));
  MutexLock lock(mutex);
  ASSIGN(auto accepts, wanted(backend, *plan, call));
  ASSIGN(std::vector<stream::Progress> rows, progress_of(backend, plan->name));
  ASSIGN(int32_t partitions, retry_partitions(backend, *plan));
  ASSIGN(runtime::RedriveReport report, runtime::redrive(*log, backend.plan->project, plan->name,
                                                         partitions, rows, accepts, dry_run));
  if (!dry_run) spdlog::info("pipeline {}: {} dead letters re-driven", plan->name, report.moved);
  return ok({{"pipeline", plan->name},
             {"dry_run", dry_run},
             {"matched", report.matched},
             {"moved", report.moved},
             {"waiting", report.waiting},
             {"truncated", report.truncated},
             {"running", runs(backend, plan->name)}});
}

Result<net::Response> purge(const Backend& backend, Mutex& mutex, const Call& call) {
  const bool dry_run = call.flag("dry_run");
  if (!dry_run) TRY(need_writable(backend));
  ASSIGN(const PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  ASSIGN(stream::Log * log, need_log(backend));
  MutexLock lock(mutex);
  ASSIGN(auto accepts, wanted(backend, *plan, call));
  ASSIGN(int64_t purged, runtime::purge(*log, backend.plan->project, plan->name, accepts, dry_run));
  if (!dry_run) spdlog::info("pipeline {}: {} dead letters purged", plan->name, purged);
  return ok({{"pipeline", plan->name}, {"dry_run", dry_run}, {"purged", purged}});
}

Argument where_argument() {
  return {"where", ValueType::kString,
          "An SQL condition over sink, topic, partition, offset, stage, reason, rule, message, "
          "time, key, value",
          false};
}

}  // namespace

void add_dead_letters(Api& api, Backend& backend) {
  Endpoint groups;
  groups.method = "GET";
  groups.path = "/api/v1/dead-letters";
  groups.tag = "dead letters";
  groups.summary =
      "Dead letters of all pipelines, counted by pipeline, sink, stage, reason and rule";
  groups.response = "An array of groups with their counts, times and one message each.";
  groups.handler = [&backend](const Call&) { return all_groups(backend); };
  api.add(std::move(groups));

  Endpoint list;
  list.method = "GET";
  list.path = "/api/v1/pipelines/{pipeline}/dead-letters";
  list.tag = "dead letters";
  list.summary = "Dead letters of a pipeline, oldest first";
  list.arguments = {
      where_argument(),
      {"limit", ValueType::kInteger, "At most so many letters; 100 when left out", false}};
  list.response = "How many match, their groups, and the letters with bytes and identity.";
  list.handler = [&backend](const Call& call) { return list_letters(backend, call); };
  api.add(std::move(list));

  // One at a time: two that choose the same letters would move them twice.
  auto mutex = std::make_shared<Mutex>();
  const Argument dry_run = {"dry_run", ValueType::kBoolean, "Count only, change nothing", false};
  Endpoint again;
  again.method = "POST";
  again.path = "/api/v1/pipelines/{pipeline}/dead-letters/redrive";
  again.tag = "dead letters";
  again.summary =
      "Give dead letters to the pipeline once more; exactly once, what fails again comes back";
  again.arguments = {where_argument(), dry_run};
  again.response =
      "How many matched, moved, wait for their lane's position, or are cut and cannot be run "
      "again.";
  again.handler = [&backend, mutex](const Call& call) { return redrive(backend, *mutex, call); };
  api.add(std::move(again));

  Endpoint away;
  away.method = "POST";
  away.path = "/api/v1/pipelines/{pipeline}/dead-letters/purge";
  away.tag = "dead letters";
  away.summary = "Erase dead letters for good";
  away.arguments = {where_argument(), dry_run};
  away.response = "How many were erased.";
  away.handler = [&backend, mutex](const Call& call) { return purge(backend, *mutex, call); };
  api.add(std::move(away));
}

}  // namespace leat::server
