// Planner: from what the files say (config::ProjectFiles) to a ProjectPlan: defaults filled in, paths made
// absolute, schemas read, pipelines ordered upstream first. Opens no log, store or network.
#pragma once

#include "config/project.h"
#include "runtime/plan.h"

namespace leat::runtime {

/// Errors go to `diagnostics` with their place; the plan is whole when diagnostics.ok().
ProjectPlan make_plan(const config::ProjectFiles& files, config::Diagnostics& diagnostics);

}  // namespace leat::runtime
