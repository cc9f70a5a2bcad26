// load_project: leat.yaml and pipelines/*.yaml read and checked together, as far as no engine is
// needed. Called by app/ for lint, explain, test and run; types, SQL and schemas are checked later,
// by the planner.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/pipeline_file.h"
#include "config/project_file.h"

namespace leat::config {

/// What config/ must know of a component (config/ cannot see the stream::Registry, which makes
/// this).
struct ComponentInfo {
  const SpecBase* spec = nullptr;
  bool rereadable = true;
  std::function<void(const Node&, Diagnostics&)> check;  // beyond the spec; may be empty
};
struct Components {
  std::map<std::string, ComponentInfo, std::less<>> sources, stores, logs;
};

/// How files are reached (config/ opens none itself). Paths as given to load_project, joined by
/// "/".
struct FileAccess {
  /// The whole file, or kNotFound, or kLimit beyond `max_bytes`.
  std::function<Result<std::string>(const std::string& path, size_t max_bytes)> read;
  /// Names in a directory, sorted; kNotFound.
  std::function<Result<std::vector<std::string>>(const std::string& path)> list;
  std::function<bool(const std::string& path)> exists;
};

/// A project under one profile.
struct ProjectFiles {
  std::string dir;
  ProjectFile project;
  std::string profile_name;
  ProfileDecl profile;                  // the chosen one
  std::vector<PipelineFile> pipelines;  // by file name
  const PipelineFile* pipeline(std::string_view name) const;
  /// The declaration of a topic, or the defaults.
  TopicDecl topic(std::string_view name) const;
  /// True when every store name is a schema of the embedded store.
  bool embedded_stores() const { return profile.stores.empty(); }
};

/// Reads `dir`/leat.yaml and `dir`/pipelines/*.yaml under `profile` (empty: "local"). Everything
/// wrong in any of them is in `diagnostics`, sorted; what could be read is returned all the same
/// (nullopt without leat.yaml). Only the chosen profile's variables must be set.
std::optional<ProjectFiles> load_project(const std::string& dir, const std::string& profile,
                                         const Environment& environment,
                                         const Components& components, const FileAccess& files,
                                         Diagnostics& diagnostics);

/// Reads `dir`/tests/*.yaml; a test of a pipeline that is not in `project` is an error.
std::vector<TestFile> load_tests(const ProjectFiles& project, const Environment& environment,
                                 const FileAccess& files, Diagnostics& diagnostics);

/// JSON Schemas of both kinds of files, with the components' keys under their names.
std::string project_json_schema(const Components& components);
std::string pipeline_json_schema(const Components& components);

}  // namespace leat::config
