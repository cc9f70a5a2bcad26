// Index: all rows of the registry in memory, by the ways that they are asked for. It changes by rows only, those read
// at the start and those written later, so memory cannot say other than the disk.
//
// One thread at a time. Texts are not parsed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "schema/registry_rows.h"

namespace leat::schema {

class Index {
 public:
  using Place = std::pair<Subject, int32_t>;  // a version
  struct Schema {
    std::shared_ptr<const Content> content;
    std::string guid;
    std::set<Place> versions;  // that have it, the softly deleted ones too
  };
  struct Context {
    int32_t last_id = 0;
    std::map<int32_t, Schema> schemas;
    std::multimap<std::string, int32_t> by_guid;  // several ids of one content: after an import
  };
  using Versions = std::map<int32_t, VersionValue>;

  /// kCorrupt: the row makes no sense. kIncompatible: a newer leat wrote it.
  Result<void> apply(const Row& row);

  bool empty() const { return !formatted_; }
  const std::map<std::string, Context, std::less<>>& contexts() const { return contexts_; }
  const std::map<Subject, Versions>& subjects() const { return subjects_; }

  /// Null: no such thing.
  const Context* context(std::string_view name) const;
  const Schema* schema(std::string_view context, int32_t id) const;
  const Versions* versions(const Subject& subject) const;
  const Config* config(const std::string& qualified) const;
  const Mode* mode(const std::string& qualified) const;
  bool has_settings(std::string_view context) const;

  /// The ids of a context's schemas with that content.
  std::vector<int32_t> ids_of(std::string_view context, const std::string& guid) const;
  /// `number` or kLatest among those that count; nullopt: none.
  std::optional<Version> version(const Subject& subject, int32_t number, Which which) const;
  /// Ids of the schemas that refer to a version; each with its context.
  const std::set<std::pair<std::string, int32_t>>* referrers(const Place& place) const;

 private:
  Result<void> apply_format(const Row& row);
  Result<void> apply_config(const Row& row, const std::string& name);
  Result<void> apply_mode(const Row& row, const std::string& name);
  Result<void> apply_schema(const Row& row);
  Result<void> apply_version(const Row& row);
  void forget_schema(Context& context, const std::string& name, int32_t id);
  void forget_version(const Place& place);

  bool formatted_ = false;
  std::map<std::string, Context, std::less<>> contexts_;
  std::map<Subject, Versions> subjects_;
  std::map<std::string, Config> configs_;
  std::map<std::string, Mode> modes_;
  std::map<Place, std::set<std::pair<std::string, int32_t>>> referrers_;
};

/// Where a reference of a schema of `context` points: a plain name stays within the context.
Index::Place target_of(std::string_view context, const Reference& reference);

}  // namespace leat::schema
