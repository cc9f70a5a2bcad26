// What a changed schema would break in a project: the SQL, rules and sinks of the pipelines that write or read its topic.
// Offline.
#pragma once

#include <string>

#include "app/project_env.h"
#include "config/diagnostic.h"
#include "schema/catalog.h"

namespace leat::app {

/// Compiles each pipeline of the project that names `subject` as if its schema were `changed`. Returns how many those are.
Result<size_t> schema_impact(ProjectEnv& env, const std::string& subject, const std::string& file,
                             schema::Catalog& catalog, const schema::SchemaText& changed,
                             config::Diagnostics& diagnostics);

}  // namespace leat::app
