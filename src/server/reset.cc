// POST /api/v1/pipelines/{pipeline}/reset: move a pipeline's positions; `leat reset`.
//
// A reset is a plan first (`dry_run`), shown to a person, then carried out: per lane the progress
// rows are rewritten where they live, in the log or in the store, compared with what the plan
// was made from. It is refused while a `leat run` here has the pipeline. Rules that data depends
// on:
//
//   - Backwards a lane delivers records again. Into a keyed table that changes nothing but time; an
//   append table
//     or a topic would hold them twice, so there it needs `truncate`, which empties the table or
//     makes the topic anew (its readers notice: another topic id). The topics of a source are the
//     exception: a run that starts over appends what the API gives now, as a new run id would.
//   - v_prev stays, backwards too: what is delivered again gets versions above all that this lane
//   has given, so a
//     corrected replay wins whole rows (docs/decisions/0009-a-reset-keeps-the-highest-version.md).
//   - A source that is no topic goes back to its start only. Its sequence goes on: offsets are
//   never minted twice.
//   - The lane's ledger starts anew, since it counts what was done since the position was set.
//   - With `truncate` what was re-driven comes again from the input, not from the retry topic too.
//   - The dead letters of records of a topic that come again are erased, after the move: each record's fate is decided
//   anew, and a later redrive of an old letter would store it twice. Those of a source stay: whether it gives their
//   records again is its own affair.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "runtime/compile.h"
#include "runtime/dead_letter.h"
#include "server/backend.h"
#include "server/place.h"

namespace leat::server {
namespace {

using runtime::PipelinePlan;
using runtime::SinkPlan;

struct Move {
  stream::Progress row;  // as it will be
  int64_t from = -1;     // next before; -1: there was no row
};

struct LaneReset {
  std::string lane;
  std::vector<const SinkPlan*> sinks;  // several for a source's topics
  std::vector<Move> moves;
  std::vector<stream::RecordId>
      again;  // by partition of the input: from here on all records come again
  std::vector<std::string> notes;
  bool backwards = false;

  bool comes_again(const runtime::DeadLetter& letter) const {
    if (letter.sink != lane) return false;
    return std::any_of(again.begin(), again.end(), [&](const stream::RecordId& first) {
      return letter.id.origin == first.origin && letter.id.offset >= first.offset;
    });
  }

  const SinkPlan* store() const {
    return sinks.front()->kind == SinkPlan::Kind::kStore ? sinks.front() : nullptr;
  }
};

LaneReset lane_of(const PipelinePlan& plan, const std::string& id) {
  LaneReset lane;
  lane.lane = id;
  for (const runtime::LanePlan& candidate : plan.lanes()) {
    if (candidate.id != id) continue;
    for (size_t i : candidate.sinks) lane.sinks.push_back(&plan.sinks[i]);
  }
  return lane;
}

class Planner {
 public:
  Planner(const Backend& backend, const PipelinePlan& plan, Place to, bool truncate)
      : backend_(backend), plan_(plan), to_(std::move(to)), truncate_(truncate) {}

  Result<LaneReset> plan(const std::string& id, const std::vector<stream::Progress>& rows) {
    LaneReset lane = lane_of(plan_, id);
    if (plan_.reads_topic())
      TRY(move_in_topic(lane, rows));
    else
      TRY(start_source_over(lane, rows));
    if (truncate_) TRY(pass_retries(lane, rows));
    TRY(judge(lane));
    TRY(count_letters(lane));
    return lane;
  }

 private:
  Result<void> move_in_topic(LaneReset& lane, const std::vector<stream::Progress>& rows) {
    ASSIGN(stream::TopicInfo topic, backend_.log->topics().find(*plan_.input_topic()));
    std::vector<stream::Progress> ours;
    for (const stream::Progress& row : rows)
      if (row.sink == lane.lane) ours.push_back(row);
    // A topic made anew, or another one, inherits the version, not the position.
    const int64_t inherited = runtime::inherited_version(ours, topic, retry_topic());
    for (int32_t p = 0; p < topic.spec.partitions; ++p) {
      ASSIGN(std::optional<int64_t> target, resolve(to_, *backend_.log, topic, p));
      if (!target) continue;
      Move move;
      move.row.project = backend_.plan->project;
      move.row.pipeline = plan_.name;
      move.row.sink = lane.lane;
      move.row.input = {topic.spec.name, topic.id, p};
      move.row.v_prev = inherited;
      for (const stream::Progress& row : ours) {
        if (row.input != move.row.input) continue;
        move.row.v_prev = std::max(inherited, row.v_prev);
        move.row.pipeline_hash = row.pipeline_hash;
        move.from = row.next;
      }
      move.row.next = *target;
      move.row.expected_next = move.from;
      if (move.from > *target) lane.backwards = true;
      // What retention has deleted does not come again: there the letter is all that is left.
      ASSIGN(stream::PartitionBounds bounds, backend_.log->topics().bounds(topic, p));
      lane.again.push_back({move.row.input, std::max(*target, bounds.start)});
      lane.moves.push_back(std::move(move));
    }
    return {};
  }

  Result<void> count_letters(LaneReset& lane) {
    if (lane.again.empty()) return {};
    ASSIGN(int64_t letters,
           runtime::purge(
               *backend_.log, backend_.plan->project, plan_.name,
               [&](const auto& letter) { return lane.comes_again(letter); }, true));
    if (letters > 0)
      lane.notes.push_back(
          fmt::format("{} dead letters of records that come again are erased", letters));
    return {};
  }

  /// What was re-driven comes again from the input: the lane goes behind the end of its retry topic.
  Result<void> pass_retries(LaneReset& lane, const std::vector<stream::Progress>& rows) {
    auto topic = backend_.log->topics().find(retry_topic());
    if (!topic) {
      if (topic.error().code() == ErrorCode::kNotFound) return {};
      return std::move(topic).error();
    }
    for (int32_t p = 0; p < topic->spec.partitions; ++p) {
      Move move;
      move.row.project = backend_.plan->project;
      move.row.pipeline = plan_.name;
      move.row.sink = lane.lane;
      move.row.input = {topic->spec.name, topic->id, p};
      for (const stream::Progress& row : rows) {
        if (row.sink != lane.lane || row.input != move.row.input) continue;
        move.row.v_prev = row.v_prev;
        move.row.pipeline_hash = row.pipeline_hash;
        move.from = row.next;
      }
      ASSIGN(stream::PartitionBounds bounds, backend_.log->topics().bounds(*topic, p));
      if (move.from < 0 && bounds.end == 0) continue;  // nothing was ever re-driven
      move.row.next = bounds.end;
      move.row.expected_next = move.from;
      lane.moves.push_back(std::move(move));
    }
    return {};
  }

  std::string retry_topic() const { return backend_.plan->retry_topic(plan_.name); }

  Result<void> start_source_over(LaneReset& lane, const std::vector<stream::Progress>& rows) {
    if (to_.kind != Place::Kind::kStart) {
      return Error(
                 ErrorCode::kInvalidArgument,
                 fmt::format("pipeline {} reads no topic: its source can only go back to its start",
                             plan_.name))
          .with_hint("--to start");
    }
    const std::string origin = plan_.origin();
    for (const stream::Progress& row : rows) {
      if (row.sink != lane.lane || row.input.topic != origin) continue;
      Move move{row, row.next};
      move.row.cursor.clear();
      move.row.expected_next = row.next;
      lane.moves.push_back(std::move(move));
      lane.backwards = true;
    }
    return {};
  }

  Result<void> judge(LaneReset& lane) {
    const bool to_topics = lane.sinks.front()->kind == SinkPlan::Kind::kTopic;
    if (const SinkPlan* store = lane.store()) {
      if (truncate_) lane.notes.push_back(fmt::format("table {} is emptied", store->id));
      if (lane.backwards && !store->upsert && !truncate_) return doubled(lane, "appends");
    } else if (to_topics && truncate_) {
      for (const SinkPlan* sink : lane.sinks) {
        lane.notes.push_back(fmt::format(
            "topic {} is made anew and empty; pipelines that read it must be reset, too",
            sink->topic));
      }
    } else if (to_topics && lane.backwards) {
      if (plan_.reads_topic()) return doubled(lane, "is a topic");
      lane.notes.push_back(
          "its topics keep their records; what the source gives again is appended");
    }
    return {};
  }

  Result<void> doubled(const LaneReset& lane, std::string_view what) const {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("sink {} {}: going back would store the same records twice", lane.lane,
                             what))
        .with_hint("--truncate empties it first");
  }

  const Backend& backend_;
  const PipelinePlan& plan_;
  const Place to_;
  const bool truncate_;
};

/// The columns a store's table has, to open its sink.
Result<types::Schema> output_of(const Backend& backend, const PipelinePlan& plan) {
  ASSIGN(std::optional<types::Schema> output,
         runtime::known_output(*backend.plan, plan, backend.log));
  if (output) return std::move(*output);
  return Error(ErrorCode::kNotFound,
               fmt::format("the columns of pipeline {} are not known yet", plan.name))
      .with_hint("it has no `source.schema:` and has read no record");
}

Result<void> move_in_store(const Backend& backend, const PipelinePlan& plan, const LaneReset& lane,
                           bool truncate) {
  std::vector<stream::Progress> rows;
  for (const Move& move : lane.moves) rows.push_back(move.row);
  ASSIGN(types::Schema output, output_of(backend, plan));
  ASSIGN(stream::Store * store, backend.services->stores.open(lane.store()->store));
  ASSIGN(auto sink,
         store->make_sink(runtime::sink_table(*backend.plan, plan, *lane.store(), output)));
  auto opened = sink->open();
  // An embedded table that no longer fits the pipeline goes, and the next start makes it anew.
  const bool made_anew = truncate && !backend.services->stores.is_remote(lane.store()->store);
  if (!opened && !(made_anew && opened.error().code() == ErrorCode::kIncompatible))
    return std::move(opened).error();
  return sink->reset(rows, truncate);
}

Result<void> move_in_log(const Backend& backend, const LaneReset& lane, bool truncate) {
  if (truncate) {
    for (const SinkPlan* sink : lane.sinks) {
      if (sink->kind != SinkPlan::Kind::kTopic) continue;
      auto topic = backend.log->topics().find(sink->topic);
      if (!topic && topic.error().code() == ErrorCode::kNotFound) continue;
      if (!topic) return std::move(topic).error();
      TRY(backend.log->topics().remove(sink->topic));
      TRY(backend.log->topics().ensure(topic->spec));
    }
  }
  if (lane.moves.empty()) return {};
  const stream::Progress& first = lane.moves.front().row;
  const runtime::LaneName name{first.project, first.pipeline, first.sink};
  // A process that still runs the lane, elsewhere, cannot write its position over these.
  for (const Move& move : lane.moves) TRY(backend.log->begin(name.owner(move.row.input.partition)));
  ASSIGN(auto transaction, backend.log->begin(name.owner(first.input.partition)));
  for (const Move& move : lane.moves) TRY(transaction->put_progress(move.row));
  return transaction->commit();
}

/// What a run has learned of the input and keeps beside the position: the sampled types, the ids
/// seen.
Result<void> forget(const Backend& backend, const PipelinePlan& plan) {
  const std::string& project = backend.plan->project;
  ASSIGN(auto transaction, backend.log->begin(fmt::format("{}.{}.schema", project, plan.name)));
  TRY(transaction->put_state(runtime::schema_state_key(project, plan.name), std::nullopt));
  TRY(transaction->put_state(runtime::reader_state_key(project, plan.name), std::nullopt));
  if (!plan.reads_topic()) {
    ASSIGN(auto ids, backend.log->states(runtime::id_state_prefix(project, plan.name)));
    for (const auto& [key, value] : ids) TRY(transaction->put_state(key, std::nullopt));
  }
  return transaction->commit();
}

Json to_json(const LaneReset& lane) {
  Json moves = Json::array();
  for (const Move& move : lane.moves) {
    const bool source = move.row.input.topic_id == stream::TopicId{};
    moves.push_back({{"topic", move.row.input.topic},
                     {"partition", move.row.input.partition},
                     {"from", move.from < 0 ? Json() : Json(move.from)},
                     {"to", source ? Json("start") : Json(move.row.next)}});
  }
  return {{"sink", lane.lane}, {"moves", std::move(moves)}, {"notes", lane.notes}};
}

Result<net::Response> reset(const Backend& backend, const Call& call) {
  ASSIGN(const PipelinePlan* plan, find_pipeline(backend, call.path("pipeline")));
  const bool dry_run = call.flag("dry_run"), truncate = call.flag("truncate");
  ASSIGN(Place to, parse_place(call.text_or("to", "")));
  std::vector<std::string> ids = lanes_of(*plan);
  const bool whole = !call.text("sink").has_value();
  if (!whole) {
    ASSIGN(std::string lane, find_lane(*plan, *call.text("sink")));
    ids = {lane};
  }
  TRY(need_at_rest(backend, *plan));
  ASSIGN(stream::Log * log, need_log(backend));
  ASSIGN(std::vector<stream::Progress> rows, progress_of(backend, plan->name));
  Planner planner(backend, *plan, std::move(to), truncate);
  std::vector<LaneReset> lanes;
  Json out = {{"pipeline", plan->name}, {"done", !dry_run}, {"sinks", Json::array()}};
  for (const std::string& id : ids) {
    ASSIGN(LaneReset lane, planner.plan(id, rows));
    out["sinks"].push_back(to_json(lane));
    lanes.push_back(std::move(lane));
  }
  if (dry_run) return ok(out);
  TRY(need_writable(backend));
  CHECK(log == &backend.services->log);
  for (const LaneReset& lane : lanes) {
    auto moved = lane.store() ? move_in_store(backend, *plan, lane, truncate)
                              : move_in_log(backend, lane, truncate);
    if (!moved)
      return std::move(moved).error().at(
          fmt::format("pipeline {}: sink {}", plan->name, lane.lane));
    spdlog::info("pipeline {}: sink {}: position reset to {}", plan->name, lane.lane,
                 call.text_or("to", ""));
    if (lane.again.empty()) continue;
    ASSIGN(int64_t letters,
           runtime::purge(
               *log, backend.plan->project, plan->name,
               [&](const auto& letter) { return lane.comes_again(letter); }, false));
    if (letters > 0)
      spdlog::info("pipeline {}: sink {}: {} dead letters of records that come again erased",
                   plan->name, lane.lane, letters);
  }
  // Last: the columns of a store's table may be known from the sample only.
  if (whole) TRY(forget(backend, *plan));
  return ok(out);
}

}  // namespace

void add_reset(Api& api, Backend& backend) {
  Endpoint endpoint;
  endpoint.method = "POST";
  endpoint.path = "/api/v1/pipelines/{pipeline}/reset";
  endpoint.tag = "pipelines";
  endpoint.summary = "Move a pipeline's positions; refused while it runs";
  endpoint.arguments = {
      {"to", ValueType::kString,
       "`start`, `end`, an offset, `-N`, a time, or offsets by partition as `0:120,1:98`", true},
      {"sink", ValueType::kString, "One sink only, `TOPIC` or `STORE.TABLE`", false},
      {"truncate", ValueType::kBoolean, "Empty the sinks first", false},
      {"dry_run", ValueType::kBoolean, "Give the plan, change nothing", false}};
  endpoint.response = "The plan, per sink and partition, and whether it was carried out.";
  endpoint.handler = [&backend](const Call& call) { return reset(backend, call); };
  api.add(std::move(endpoint));
}

}  // namespace leat::server
