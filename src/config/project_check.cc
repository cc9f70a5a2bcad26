#include "config/project_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"

namespace leat::config {

namespace {

using Kinds = std::map<std::string, ComponentInfo, std::less<>>;

std::vector<std::string> names_of(const Kinds& kinds) {
  std::vector<std::string> out;
  for (const auto& [name, info] : kinds) out.push_back(name);
  return out;
}

void unknown(const Mark& mark, std::string path, std::string message, std::string_view name,
             const std::vector<std::string>& known, Diagnostics& diagnostics) {
  std::vector<std::string_view> views(known.begin(), known.end());
  Diagnostic d;
  d.mark = mark, d.path = std::move(path), d.message = std::move(message);
  if (auto near = nearest(name, views)) d.nearest = *near;
  d.expected = known.empty() ? "none: this version has none" : "one of: " + join(known, ", ");
  diagnostics.add(std::move(d));
}

// The keys of a component whose name is known.
void check_component(const ComponentInfo& info, const Entry& entry, const std::string& path,
                     const Environment& environment, Diagnostics& diagnostics) {
  if (info.spec->check(entry.value, diagnostics, &environment, path) && info.check)
    info.check(entry.value, diagnostics);
}

// `log:` or a store: exactly one known kind.
void check_decl(const ComponentDecl& decl, const std::string& path, const char* what,
                const Kinds& kinds, const Environment& environment, Diagnostics& diagnostics) {
  if (decl.components.empty()) {
    Diagnostic d;
    d.mark = decl.mark, d.path = path, d.message = fmt::format("the kind of {} is missing", what);
    d.expected = "one of: " + join(names_of(kinds), ", ");
    diagnostics.add(std::move(d));
    return;
  }
  for (const Entry& entry : decl.components) {
    auto info = kinds.find(entry.key);
    if (info == kinds.end())
      unknown(entry.key_mark, path + "." + entry.key, fmt::format("no kind of {}", what), entry.key,
              names_of(kinds), diagnostics);
    else if (&entry != &decl.components.front())
      diagnostics.error(
          entry.key_mark, path,
          fmt::format("`{}` cannot stand beside `{}`", entry.key, decl.components.front().key));
    else
      check_component(info->second, entry, path + "." + entry.key, environment, diagnostics);
  }
}

std::string sink_path(const PipelineFile& pipeline, const SinkDecl& sink) {
  return fmt::format("sinks[{}]", &sink - pipeline.sinks.data());
}

/// A topic that the project writes itself must have the key by which a table's rows are deleted.
void check_tombstones(const ProjectFiles& project, const PipelineFile& reader,
                      const SinkDecl& table, Diagnostics& diagnostics) {
  const auto columns = [](const SinkDecl& sink) {
    std::vector<std::string> names;
    if (!sink.key) return names;
    for (const auto& column : sink.key->columns) names.push_back(column.value);
    return names;
  };
  if (table.on_tombstone.value != OnTombstone::kDelete || !reader.source.is_topic()) return;
  for (const PipelineFile& writer : project.pipelines) {
    for (const SinkDecl& topic : writer.sinks) {
      if (!topic.is_topic() || topic.topic.value != reader.source.topic.value) continue;
      const std::vector<std::string> ours = columns(table), theirs = columns(topic);
      if (ours == theirs) continue;
      diagnostics.error(
          table.on_tombstone.mark, sink_path(reader, table) + ".on_tombstone",
          fmt::format("the key of the table is ({}), that of the messages in topic {} ({})",
                      join(ours, ", "), topic.topic.value,
                      theirs.empty() ? "none" : join(theirs, ", ")),
          fmt::format("give both the same columns in the same order: pipeline `{}` writes the "
                      "topic's key, and a null value deletes the row that has it",
                      writer.name.value));
    }
  }
}

/// Topics from one pipeline to the next: a walk that meets a pipeline again has found a cycle.
class CycleFinder {
 public:
  CycleFinder(const ProjectFiles& project, Diagnostics& diagnostics)
      : project_(project), diagnostics_(diagnostics) {}

  void find() {
    for (const PipelineFile& pipeline : project_.pipelines) walk(pipeline);
  }

 private:
  // Depth first over "writes a topic that X reads"; `trail_` holds what is open.
  void walk(const PipelineFile& pipeline) {
    if (done_.contains(&pipeline)) return;
    trail_.push_back(&pipeline);
    for (const SinkDecl& sink : pipeline.sinks) {
      if (!sink.is_topic()) continue;
      for (const PipelineFile& reader : project_.pipelines) {
        if (!reader.source.is_topic() || reader.source.topic.value != sink.topic.value) continue;
        auto open = std::find(trail_.begin(), trail_.end(), &reader);
        if (open == trail_.end()) {
          walk(reader);
          continue;
        }
        std::string names;
        for (auto at = open; at != trail_.end(); ++at) names += (*at)->name.value + " -> ";
        diagnostics_.error(sink.topic.mark, sink_path(pipeline, sink) + ".topic",
                           fmt::format("pipelines in a circle: {}{}", names, reader.name.value),
                           "records would go round for ever; write another topic");
      }
    }
    trail_.pop_back();
    done_.insert(&pipeline);
  }

  const ProjectFiles& project_;
  Diagnostics& diagnostics_;
  std::vector<const PipelineFile*> trail_;
  std::set<const PipelineFile*> done_;
};

}  // namespace

void check_source(const SourceDecl& source, const Components& components,
                  const Environment& environment, Diagnostics& diagnostics) {
  std::vector<std::string> known = names_of(components.sources);
  for (const char* key : {"topic", "from", "schema", "validate", "format"}) known.emplace_back(key);
  const Entry* first = nullptr;
  for (const Entry& entry : source.components) {
    auto info = components.sources.find(entry.key);
    if (info == components.sources.end()) {
      unknown(entry.key_mark, "source." + entry.key, "unknown key", entry.key, known, diagnostics);
      continue;
    }
    if (first || source.is_topic())
      diagnostics.error(
          entry.key_mark, "source",
          fmt::format("`{}` cannot stand beside `{}`", entry.key, first ? first->key : "topic"),
          "a pipeline has one source; several pipelines may write one topic");
    else
      check_component(info->second, entry, "source." + entry.key, environment, diagnostics);
    if (!first) first = &entry;
  }
  if (source.components.empty() && !source.is_topic() && source.topic.mark.line == 0) {
    std::vector<std::string> ways = names_of(components.sources);
    ways.insert(ways.begin(), "topic");
    Diagnostic d;
    d.mark = source.mark, d.path = "source", d.message = "a key is missing";
    d.expected = "one of: " + join(ways, ", ");
    diagnostics.add(std::move(d));
  }
}

void check_pipeline(const PipelineFile& pipeline, const Components& components,
                    Diagnostics& diagnostics) {
  if (pipeline.sinks.empty())
    diagnostics.error(pipeline.mark, "sinks", "no sink", "name a topic or a table");
  std::map<std::string, const SinkDecl*> ids;
  for (const SinkDecl& sink : pipeline.sinks) {
    auto [other, fresh] = ids.emplace(sink.id(), &sink);
    if (!fresh)
      diagnostics.error(sink.mark, sink_path(pipeline, sink),
                        fmt::format("a second sink `{}`; the first is in line {}", sink.id(),
                                    other->second->mark.line),
                        "remove one, or make it another pipeline");
  }
  std::map<std::string, int> rules;
  for (const RuleDecl& rule : pipeline.quality) {
    auto [other, fresh] = rules.emplace(rule.name.value, rule.name.mark.line);
    if (!fresh)
      diagnostics.error(rule.name.mark, "quality",
                        fmt::format("a second rule `{}`; the first is in line {}", rule.name.value,
                                    other->second));
  }
  for (const auto& [name, table] : pipeline.tables)
    if (!is_identifier(name) || name == "input")
      diagnostics.error(table.mark, "tables." + name,
                        fmt::format("`{}` is no name for a table", name),
                        "small letters, digits and `_`, and not `input`, which is the step before");
  if (pipeline.source.is_topic()) return;
  for (const SinkDecl& sink : pipeline.sinks)
    if (sink.on_tombstone.value == OnTombstone::kDelete)
      diagnostics.error(sink.on_tombstone.mark, sink_path(pipeline, sink) + ".on_tombstone",
                        fmt::format("the source `{}` has no message keys to delete by",
                                    pipeline.source.component()),
                        "leave it out, or write a topic first and the table from that");
  auto info = components.sources.find(pipeline.source.component());
  if (info == components.sources.end() || info->second.rereadable) return;
  for (const SinkDecl& sink : pipeline.sinks)
    if (!sink.is_topic())
      diagnostics.error(
          sink.mark, sink_path(pipeline, sink),
          fmt::format("the source `{}` cannot give the same records again, so it may only "
                      "write topics",
                      pipeline.source.component()),
          "write a topic here, and the table from a second pipeline with `source: {topic: ...}`");
}

void check_profile(const ProfileDecl& profile, const std::string& path,
                   const Components& components, const Environment& environment,
                   Diagnostics& diagnostics) {
  if (profile.log)
    check_decl(*profile.log, path + ".log", "log", components.logs, environment, diagnostics);
  for (const auto& [name, store] : profile.stores)
    check_decl(store, path + ".stores." + name, "store", components.stores, environment,
               diagnostics);
}

void check_between_pipelines(const ProjectFiles& project, Diagnostics& diagnostics) {
  std::map<std::string, const PipelineFile*> names;
  std::map<std::string, const PipelineFile*> tables;
  std::vector<std::string> stores;
  for (const auto& [name, decl] : project.profile.stores) stores.push_back(name);
  auto declared = [&](const std::string& store) {
    return project.embedded_stores() ||
           std::find(stores.begin(), stores.end(), store) != stores.end();
  };
  for (const PipelineFile& pipeline : project.pipelines) {
    auto [other, fresh] = names.emplace(pipeline.name.value, &pipeline);
    if (!fresh)
      diagnostics.error(
          pipeline.name.mark, "pipeline",
          fmt::format("the pipeline `{}` is in {}, too", pipeline.name.value, other->second->file),
          "give one another name");
    for (const SinkDecl& sink : pipeline.sinks) {
      if (!sink.is_store() || sink.table.value.empty()) continue;
      check_tombstones(project, pipeline, sink, diagnostics);
      auto [writer, first] = tables.emplace(sink.id(), &pipeline);
      if (!first && writer->second != &pipeline)
        diagnostics.error(sink.table.mark, sink_path(pipeline, sink) + ".table",
                          fmt::format("the table {} is written by pipeline `{}`, too", sink.id(),
                                      writer->second->name.value),
                          "let both write one topic, and one pipeline the table");
      if (!declared(sink.store.value))
        unknown(
            sink.store.mark, sink_path(pipeline, sink) + ".store",
            fmt::format("profile `{}` has no store `{}`", project.profile_name, sink.store.value),
            sink.store.value, stores, diagnostics);
    }
    for (const auto& [name, table] : pipeline.tables)
      if (!table.store.empty() && !declared(table.store))
        unknown(table.mark, "tables." + name,
                fmt::format("profile `{}` has no store `{}`", project.profile_name, table.store),
                table.store, stores, diagnostics);
  }
  CycleFinder(project, diagnostics).find();
}

}  // namespace leat::config
