// TestRunner: the cases of a project's tests/*.yaml, run through decode, the compiled query, the rules and the
// encoders of the sinks. Nothing is opened but lookup tables and input files: no source, log or store.
//
// Every case runs as one batch and in batches of 1, 7 and 1024 records: rows and rejects must be the same in all.
// Rows are compared as the JSON a topic would carry, column by column; rejects by index, stage, rule and code. A
// violated rule with `on_fail: fail` ends the case there and counts as a reject of that record (quality, rule_failed).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/project_env.h"
#include "config/project_file.h"
#include "runtime/plan.h"

namespace leat::app {

/// What became of one case. `differences`: a line each, empty when it passed.
struct CaseResult {
  std::string file, pipeline, name;
  std::vector<std::string> differences;
  bool passed() const { return differences.empty(); }
};

/// Runs every case of a file, in order. An Error: the pipeline itself does not compile.
Result<std::vector<CaseResult>> run_test_file(const ProjectEnv& env, const config::TestFile& file);

}  // namespace leat::app
