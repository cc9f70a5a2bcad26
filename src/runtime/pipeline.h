// Pipeline: one pipeline of a running project: finds its schema, compiles, starts its lanes, starts a failing
// lane again with back-off.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/compile.h"
#include "runtime/lane.h"
#include "runtime/services.h"

namespace leat::runtime {

/// Output schemas by topic, as pipelines that write them have compiled; pipelines that read them wait here.
class SchemaBoard {
 public:
  /// A pipeline of this run is going to publish, or has given up to. Before any waits.
  void expect(const std::string& topic);
  void give_up(const std::string& topic);
  void publish(const std::string& topic, types::Schema schema);
  /// Waits while the topic's schema is expected and not published; nullopt: nobody will, or stop.
  std::optional<types::Schema> wait(const std::string& topic, std::stop_token stop);

 private:
  Mutex mutex_;
  CondVar published_;
  std::map<std::string, types::Schema> schemas_ GUARDED_BY(mutex_);
  std::map<std::string, int> expected_ GUARDED_BY(mutex_);  // how many will publish
};

struct PipelineSnapshot {
  std::string name;
  LaneState state = LaneState::kStarting;
  std::string error;
  std::string note;           // e.g. "run once ended 2026-11-22T10:00:00Z, nothing to do; ..."
  std::string schema_origin;  // "file", "upstream", "sample of 500 records", ...
  std::vector<LaneSnapshot> lanes;
};

class Pipeline {
 public:
  Pipeline(const ProjectPlan& project, const PipelinePlan& plan, Services& services,
           SchemaBoard& board, CrashGuard& guard);
  ~Pipeline();

  /// Runs until stop, the end of a drain, or failure for good. Blocks; the supervisor gives it a thread.
  void run(std::stop_token stop);
  /// No new input is to come from upstream: end when what is there is delivered. Any thread.
  void drain();
  void pause(const std::string& sink, bool on);  // empty sink: all

  PipelineSnapshot snapshot() const;
  const PipelinePlan& plan() const { return plan_; }
  /// Failed for good: the error that says so.
  std::optional<Error> failure() const;
  bool finished() const { return finished_.load(); }

 private:
  struct LaneSlot {
    LaneName name;
    std::vector<size_t> sinks;  // indices of plan_.sinks; several only for a source's topics
    std::unique_ptr<stream::Membership> membership;  // of the processes that run this lane
    std::vector<int32_t> partitions;        // of the input: what this process reads just now
    std::vector<int32_t> retry_partitions;  // of the retry topic, likewise
    std::unique_ptr<Lane> lane;             // the present one; null while it is being made
    std::unique_ptr<LaneMetrics> metrics;
    std::shared_ptr<WriterSchemas> writers;  // of the input's records; null: JSON
    std::shared_ptr<WriterSchemas> keys;     // of their keys; null: text
    bool counted = false;                    // this start, by the crash guard
    LaneSnapshot last;                       // of the one before
    std::string error;
    LaneState state = LaneState::kStarting;
    int restarts = 0;
    bool paused = false;
  };

  /// False: there is nothing to do, and nothing to learn the input's types from.
  Result<bool> prepare(std::stop_token stop);
  void finish();
  /// nullopt: a drain without a first record.
  Result<std::optional<types::Schema>> find_schema(std::stop_token stop);
  Result<std::optional<types::Schema>> upstream_schema(const std::string& topic,
                                                       std::stop_token stop);
  Result<std::optional<types::Schema>> sample_schema(std::stop_token stop);
  /// Of a framed topic that no file names a schema for: the registry's newest, taken once and kept.
  Result<std::optional<types::Schema>> registered_schema();
  Result<void> keep_state(const std::string& key, const std::string& value);
  /// Sees that each topic sink's schema is in the registry, and that its topic holds such records.
  Result<void> register_schemas();
  Result<void> check_key_bytes(const SinkPlan& sink, size_t i, const stream::TopicInfo& topic);
  /// Says once what the input rides out by itself; empty: nothing.
  void tell_trouble(std::string trouble);
  void run_lane(LaneSlot& slot, std::stop_token stop);
  /// One life of the lane, over the partitions that are its process's now. False: they are shared out anew.
  Result<bool> live(LaneSlot& slot, std::stop_token stop, bool& progressed);
  Result<std::unique_ptr<stream::Membership>> join(const LaneSlot& slot);
  void release(const LaneSlot& slot, const std::vector<int32_t>& before);
  /// Until others give partitions back. False: they did; true: it is over.
  bool stand_by(LaneSlot& slot, const std::stop_token& over);
  void forget_start(LaneSlot& slot);
  Result<std::unique_ptr<Lane>> make_lane(LaneSlot& slot);
  Result<std::unique_ptr<Transformer>> make_transformer(LaneSlot& slot,
                                                        std::vector<DeliveredTopic>& topics);
  /// Finds the retry topic, and what of it goes with the lane's partitions.
  Result<stream::TopicInfo> share_retry(LaneSlot& slot);
  Result<std::unique_ptr<LaneInput>> make_input(LaneSlot& slot, Delivery& delivery,
                                                const stream::TopicInfo& retry,
                                                ProgressMap& committed);
  Result<std::unique_ptr<LaneInput>> make_source(ProgressMap& committed);
  Result<CrashGuard::Waiting> waiting(const LaneSlot& slot, const ProgressMap& committed);
  bool is_ours(const LaneSlot& slot, const stream::TopicPartition& input) const;
  Result<StartPositions> topic_positions(const LaneSlot& slot, const stream::TopicInfo& topic,
                                         Delivery& delivery, ProgressMap& committed);
  Result<void> store_start(const LaneSlot& slot, const stream::TopicPartition& input, StartAt at,
                           Delivery& delivery, ProgressMap& committed);
  /// A position that moves apart from records.
  Result<void> store_row(const LaneSlot& slot, stream::Progress& row, Delivery& delivery,
                         ProgressMap& committed);
  void fail(Error error);

  const ProjectPlan& project_;
  const PipelinePlan& plan_;
  Services& services_;
  SchemaBoard& board_;
  CrashGuard& guard_;
  std::unique_ptr<LoadedEngine> engine_;
  types::Schema input_schema_;
  TopicSchemaPointer reader_;  // of the input; null: JSON
  struct SinkIds {
    codec::SchemaId value, key;
  };
  std::map<size_t, SinkIds> schema_ids_;  // of topic sinks with schemas, by their index
  std::string hash_;
  std::atomic<bool> drain_{false}, finished_{false};

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<LaneSlot>> slots_;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  std::string note_ GUARDED_BY(mutex_),
      schema_origin_ GUARDED_BY(mutex_), trouble_ GUARDED_BY(mutex_);
};

}  // namespace leat::runtime
