#include "config/project.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/limits.h"
#include "base/strings.h"
#include "config/project_check.h"
#include "config/writer.h"
#include "config/yaml.h"

namespace leat::config {

namespace {

constexpr const char* kProjectFile = "leat.yaml";

std::string join_path(const std::string& dir, const std::string& name) {
  if (dir.empty() || dir == ".") return name;
  return dir.back() == '/' ? dir + name : dir + "/" + name;
}

bool yaml_name(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

std::optional<Node> read_yaml(const std::string& path, const FileAccess& files,
                              Diagnostics& diagnostics) {
  Result<std::string> text = files.read(path, limits::kMaxYamlBytes);
  if (!text) {
    Mark mark{std::make_shared<const std::string>(path), 0, 0};
    if (text.error().code() == ErrorCode::kNotFound)
      diagnostics.error(mark, {}, "there is no such file");
    else
      diagnostics.error(mark, {}, text.error().message());
    return std::nullopt;
  }
  std::optional<Node> node = parse_yaml(*text, path, diagnostics);
  if (node && node->is_null()) {
    diagnostics.error(node->mark, {}, "the file is empty");
    return std::nullopt;
  }
  return node;
}

/// Paths of the YAML files of a directory of the project; none when it is not there.
std::vector<std::string> yaml_files(const std::string& dir, const FileAccess& files,
                                    Diagnostics& diagnostics) {
  std::vector<std::string> out;
  Result<std::vector<std::string>> names = files.list(dir);
  if (!names) {
    if (names.error().code() != ErrorCode::kNotFound)
      diagnostics.error(Mark{std::make_shared<const std::string>(dir), 0, 0}, {},
                        names.error().message());
    return out;
  }
  for (const std::string& name : *names)
    if (yaml_name(name)) out.push_back(join_path(dir, name));
  return out;
}

// Variables of the chosen profile must be set, those of the others need not.
void substitute_project(Node& root, const std::string& profile, const Environment& environment,
                        Diagnostics& diagnostics) {
  Diagnostics ignored;
  const Environment lenient = environment.with(Environment::Missing::kIgnore);
  auto one = [&](std::string_view path, Node& node, const Environment& with, Diagnostics& to) {
    Node wrapped;  // so that the path begins at the root
    wrapped.kind = Node::Kind::kMap;
    wrapped.entries.push_back({std::string(path), {}, std::move(node)});
    substitute(wrapped, with, to);
    node = std::move(wrapped.entries[0].value);
  };
  for (Entry& entry : root.entries) {
    if (entry.key != "profiles" || !entry.value.is_map()) {
      one(entry.key, entry.value, environment, diagnostics);
      continue;
    }
    for (Entry& each : entry.value.entries) {
      const bool chosen = each.key == profile;
      one("profiles." + each.key, each.value, chosen ? environment : lenient,
          chosen ? diagnostics : ignored);
    }
  }
}

bool choose_profile(ProjectFiles& out, Diagnostics& diagnostics, const Node& root) {
  std::vector<std::string_view> names;
  for (const auto& [name, profile] : out.project.profiles) {
    names.push_back(name);
    if (name == out.profile_name) {
      out.profile = profile;
      return true;
    }
  }
  if (out.profile_name == "local") return true;  // needs no declaration
  const Entry* profiles = root.entry("profiles");
  Diagnostic d;
  d.mark = profiles ? profiles->key_mark : out.project.mark;
  d.path = "profiles";
  d.message = fmt::format("there is no profile `{}`", out.profile_name);
  if (auto near = nearest(out.profile_name, names)) d.nearest = *near;
  std::string all = "local";
  for (std::string_view name : names)
    if (name != "local") all += ", " + std::string(name);
  d.expected = "one of: " + all;
  diagnostics.add(std::move(d));
  return false;
}

std::optional<PipelineFile> read_pipeline(const std::string& path, const Environment& environment,
                                          const Components& components, const FileAccess& files,
                                          Diagnostics& diagnostics) {
  std::optional<Node> node = read_yaml(path, files, diagnostics);
  if (!node) return std::nullopt;
  const size_t before = diagnostics.errors();
  substitute(*node, environment, diagnostics);
  PipelineFile out;
  out.file = path;
  pipeline_spec().read(*node, out, diagnostics, &environment);
  for (SinkDecl& sink : out.sinks) {
    if (!sink.key || !sink.key->columns.empty()) continue;
    sink.key->columns = sink.key->partition;
    sink.key->columns.insert(sink.key->columns.end(), sink.key->clustering.begin(),
                             sink.key->clustering.end());
  }
  if (node->find("source")) check_source(out.source, components, environment, diagnostics);
  if (diagnostics.errors() == before) check_pipeline(out, components, diagnostics);
  // A file with errors is kept for the checks between files only when it has a name.
  if (out.name.value.empty()) return std::nullopt;
  return out;
}

}  // namespace

const PipelineFile* ProjectFiles::pipeline(std::string_view name) const {
  for (const PipelineFile& each : pipelines)
    if (each.name.value == name) return &each;
  return nullptr;
}

TopicDecl ProjectFiles::topic(std::string_view name) const {
  for (const auto& [topic, decl] : project.topics)
    if (topic == name) return decl;
  return {};
}

std::optional<ProjectFiles> load_project(const std::string& dir, const std::string& profile,
                                         const Environment& environment,
                                         const Components& components, const FileAccess& files,
                                         Diagnostics& diagnostics) {
  ProjectFiles out;
  out.dir = dir;
  out.profile_name = profile.empty() ? "local" : profile;
  out.project.file = join_path(dir, kProjectFile);
  if (!files.exists(out.project.file)) {
    diagnostics.error(
        Mark{std::make_shared<const std::string>(out.project.file), 0, 0}, {},
        "there is no such file",
        "go to the project's directory, name it with --project, or make one with `leat init NAME`");
    return std::nullopt;
  }
  std::optional<Node> root = read_yaml(out.project.file, files, diagnostics);
  if (!root) return std::nullopt;
  substitute_project(*root, out.profile_name, environment, diagnostics);
  project_spec().read(*root, out.project, diagnostics, &environment);
  if (choose_profile(out, diagnostics, *root))
    check_profile(out.profile, "profiles." + out.profile_name, components, environment,
                  diagnostics);

  for (const std::string& path : yaml_files(join_path(dir, "pipelines"), files, diagnostics))
    if (auto pipeline = read_pipeline(path, environment, components, files, diagnostics))
      out.pipelines.push_back(std::move(*pipeline));
  check_between_pipelines(out, diagnostics);
  diagnostics.sort();
  return out;
}

std::vector<TestFile> load_tests(const ProjectFiles& project, const Environment& environment,
                                 const FileAccess& files, Diagnostics& diagnostics) {
  std::vector<TestFile> out;
  for (const std::string& path : yaml_files(join_path(project.dir, "tests"), files, diagnostics)) {
    std::optional<Node> node = read_yaml(path, files, diagnostics);
    if (!node) continue;
    TestFile test;
    test.file = path;
    if (!test_spec().read(*node, test, diagnostics, &environment)) continue;
    if (!project.pipeline(test.pipeline.value)) {
      std::vector<std::string_view> names;
      for (const PipelineFile& each : project.pipelines) names.push_back(each.name.value);
      Diagnostic d;
      d.mark = test.pipeline.mark, d.path = "pipeline";
      d.message = fmt::format("there is no pipeline `{}`", test.pipeline.value);
      if (auto near = nearest(test.pipeline.value, names)) d.nearest = *near;
      diagnostics.add(std::move(d));
    }
    std::set<std::string> names;
    for (const TestCase& each : test.cases)
      if (!names.insert(each.name.value).second)
        diagnostics.error(each.name.mark, "cases",
                          fmt::format("a second case `{}`", each.name.value));
    out.push_back(std::move(test));
  }
  return out;
}

std::string project_json_schema(const Components& components) {
  Extras extras;
  for (const auto& [name, info] : components.stores)
    extras[&store_decl_spec()].emplace_back(name, info.spec);
  for (const auto& [name, info] : components.logs)
    extras[&log_decl_spec()].emplace_back(name, info.spec);
  return json_schema(project_spec(), "https://leat.dev/schema/leat.json", extras);
}

std::string pipeline_json_schema(const Components& components) {
  Extras extras;
  for (const auto& [name, info] : components.sources)
    extras[&source_spec()].emplace_back(name, info.spec);
  return json_schema(pipeline_spec(), "https://leat.dev/schema/pipeline.json", extras);
}

}  // namespace leat::config
