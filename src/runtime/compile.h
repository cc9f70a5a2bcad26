// Compile: from a plan and an input schema to the pieces of a lane: engine, query, decoder, encoder.
// Used by pipelines at start and by lint, explain and test without a run.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/diagnostic.h"
#include "runtime/plan.h"
#include "runtime/services.h"
#include "runtime/tombstones.h"
#include "runtime/writer_schemas.h"
#include "sql/engine.h"
#include "stream/ports.h"
#include "types/json_schema.h"

namespace leat::runtime {

/// An engine with a pipeline's lookup tables.
struct LoadedEngine {
  std::unique_ptr<sql::Engine> engine;
  std::string table_hashes;  // names and content hashes, part of the pipeline's hash
};
Result<std::unique_ptr<LoadedEngine>> open_engine(const PipelinePlan& plan);

/// The compiled query, or null with all that is wrong at its place in the user's file.
std::unique_ptr<sql::Query> compile(sql::Engine& engine, const PipelinePlan& plan,
                                    const types::Schema& input, config::Diagnostics& diagnostics);
/// The same with the errors as one Error.
Result<std::unique_ptr<sql::Query>> compile(sql::Engine& engine, const PipelinePlan& plan,
                                            const types::Schema& input);
/// Every sink's key must be columns of the output, and of types that a message's key gives back where it deletes rows.
void check_keys(const PipelinePlan& plan, const types::Schema& output,
                config::Diagnostics& diagnostics);
/// An error of the compiler at its place in the user's file.
void report(const PipelinePlan& plan, const sql::CompileError& error,
            config::Diagnostics& diagnostics);

/// Identity of what a pipeline computes: SQL, rules, keys and the contents of its lookup tables.
std::string pipeline_hash(const PipelinePlan& plan, const LoadedEngine& engine,
                          const sql::Query& query);

/// The input types of a pipeline as far as known without reading a record: its schema file, its topic's schema, what its
/// upstream pipeline writes, or a stored sample (`log` may be null). nullopt: only a first record can tell.
Result<std::optional<types::Schema>> known_input(const ProjectPlan& project,
                                                 const PipelinePlan& plan, stream::Log* log);
Result<std::optional<types::Schema>> known_output(const ProjectPlan& project,
                                                  const PipelinePlan& plan, stream::Log* log);

/// Of JSON records.
Result<std::unique_ptr<stream::Decoder>> make_decoder(const PipelinePlan& plan,
                                                      const sql::Query& query,
                                                      const types::Schema& input);
/// Of records of registered schemas, read with `reader`.
std::unique_ptr<stream::Decoder> make_framed_decoder(const sql::Query& query,
                                                     TopicSchemaPointer reader,
                                                     std::shared_ptr<const WriterSchemas> writers);
/// Refuses a key that is not a column of the output, and an output that does not go into the sink's schema. `schema_id`:
/// of the sink's schema, which goes in front of values unless a header tells it; `key_id`: of that of its keys, likewise.
Result<std::unique_ptr<stream::Encoder>> make_encoder(const types::Schema& output,
                                                      const SinkPlan& sink,
                                                      const codec::SchemaId& schema_id = {},
                                                      const codec::SchemaId& key_id = {});
/// Every topic sink's schema must take the output, at the place where the user's file names it.
void check_schemas(const PipelinePlan& plan, const types::Schema& output,
                   config::Diagnostics& diagnostics);
/// Null when records without a value are bad ones to the sink.
Result<std::unique_ptr<Tombstones>> make_tombstones(const types::Schema& output,
                                                    const SinkPlan& sink);
/// The first of the pipeline's sinks that deletes rows; null: none does.
const SinkPlan* deleting_sink(const PipelinePlan& plan);
stream::SinkTable sink_table(const ProjectPlan& project, const PipelinePlan& plan,
                             const SinkPlan& sink, const types::Schema& output);

/// The pipeline's source component, made and not yet opened.
Result<std::unique_ptr<stream::Source>> open_source(const ProjectPlan& project,
                                                    const PipelinePlan& plan, Services& services);

std::string schema_state_key(const std::string& project, const std::string& pipeline);
/// Where the text of the schema is kept that a pipeline took from the registry.
std::string reader_state_key(const std::string& project, const std::string& pipeline);
std::string id_state_prefix(const std::string& project, const std::string& pipeline);

}  // namespace leat::runtime
