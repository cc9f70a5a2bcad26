// Supervisor: all pipelines of a run. Starts them upstream first, drains them in that order, keeps stores
// maintained and retention enforced, and knows what to show of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/pipeline.h"

namespace leat::runtime {

struct RunOptions {
  std::vector<std::string> pipelines;  // names; empty: all
  bool drain = false;
  int64_t timeout_ms = 0;           // of a drain; 0: none
  std::vector<std::string> paused;  // PIPELINE or PIPELINE/SINK, from an earlier `leat pause`
};

struct RunSnapshot {
  std::string project, profile, run_id;
  int64_t started_ms = 0;
  bool draining = false;
  std::vector<PipelineSnapshot> pipelines;
  /// Every lane has its position and reaches its source and sink.
  bool ready() const;
};

class Supervisor {
 public:
  Supervisor(const ProjectPlan& plan, Services& services, RunOptions options);
  ~Supervisor();

  /// Blocks until stop, or the end of a drain. The first failure for good is the error (after the others have
  /// gone on to their end); kTimeout when a drain takes longer than asked for.
  Result<void> run(std::stop_token stop);

  RunSnapshot snapshot() const;
  /// NotFound names the nearest pipeline or sink.
  Result<void> pause(const std::string& pipeline, const std::string& sink, bool on);
  /// Progress rows of a pipeline's lanes as committed now.
  std::vector<stream::Progress> progress(const std::string& pipeline) const;

 private:
  void drain_in_order();
  bool all_finished() const;
  bool fatal_failure() const;

  const ProjectPlan& plan_;
  Services& services_;
  RunOptions options_;
  SchemaBoard board_;
  CrashGuard guard_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
  int64_t started_ms_;
};

}  // namespace leat::runtime
