// The rules that a Spec cannot say: components by name, sinks and sources that fit, pipelines among
// each other. Called by project.cc only.
#pragma once

#include <string>

#include "config/project.h"

namespace leat::config {

/// Exactly one of `topic` and a known component; the component's own keys.
void check_source(const SourceDecl& source, const Components& components,
                  const Environment& environment, Diagnostics& diagnostics);
/// Sink ids and rule names unique, a source that cannot be reread only with topic sinks. On a file
/// without errors.
void check_pipeline(const PipelineFile& pipeline, const Components& components,
                    Diagnostics& diagnostics);
/// The log and the stores are of known kinds, with right keys.
void check_profile(const ProfileDecl& profile, const std::string& path,
                   const Components& components, const Environment& environment,
                   Diagnostics& diagnostics);
/// Names unique, no table written by two, no cycles, stores declared.
void check_between_pipelines(const ProjectFiles& project, Diagnostics& diagnostics);

}  // namespace leat::config
