// Compile: from a plan and an input schema to the pieces of a lane: engine, query, decoder, encoder.
// Used by pipelines at start and by lint, explain and test without a run.
#pragma once

#include <memory>
#include <string>

#include "runtime/plan.h"
#include "runtime/services.h"
#include "sql/engine.h"
#include "stream/ports.h"

namespace leat::runtime {

/// An engine with the pipeline's lookup tables loaded.
Result<std::unique_ptr<sql::Engine>> open_engine(const PipelinePlan& plan, StoreSet& stores);

/// The compiled query. A refusal has file, line and column of the user's SQL in its `where`.
Result<std::unique_ptr<sql::Query>> compile(sql::Engine& engine, const PipelinePlan& plan,
                                            const types::Schema& input);

/// Identity of what a pipeline computes: SQL, rules, keys and the contents of its lookup tables.
std::string pipeline_hash(const PipelinePlan& plan, const sql::Engine& engine);

/// The output schema of a pipeline whose input types are known without data (a schema file, upstream ones).
Result<types::Schema> output_schema(const ProjectPlan& project, const PipelinePlan& plan, Services& services);

std::unique_ptr<stream::Decoder> make_decoder(const PipelinePlan& plan, const sql::Query& query,
                                              const types::Schema& input);
/// Refuses a key that is not a column of the output.
Result<std::unique_ptr<stream::Encoder>> make_encoder(const types::Schema& output, const SinkPlan& sink);
stream::SinkTable sink_table(const ProjectPlan& project, const PipelinePlan& plan, const SinkPlan& sink,
                             const types::Schema& output);

/// The pipeline's source component, made and not yet opened.
Result<std::unique_ptr<stream::Source>> open_source(const ProjectPlan& project, const PipelinePlan& plan,
                                                    Services& services);

std::string schema_state_key(const std::string& project, const std::string& pipeline);
std::string id_state_prefix(const std::string& project, const std::string& pipeline);

}  // namespace leat::runtime
