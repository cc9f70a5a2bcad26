// Preview: rows of a pipeline's first records with the sinks off.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "app/project_env.h"

namespace leat::app {

/// Reads, decodes and transforms records of the named pipelines (all when none) until `rows` rows are shown for
/// each; writes nothing but a temporary log. Pipelines that read a topic read it from the project's log.
Result<int> preview(ProjectEnv& env, const std::vector<std::string>& pipelines, int64_t rows,
                    Format format, std::stop_token stop);

}  // namespace leat::app
