// Registry: subjects, versions and ids of schemas, with their compatibility, after the contract of the Confluent
// Schema Registry. server/registry_*.cc serve it; pipelines ask it in process.
//
//   context "." ─┬─ subject "users-value" ─┬─ version 1 ── id 7 ──▶ content (text, references, metadata, rules)
//                │                         └─ version 2 ── id 9
//                └─ subject "audit-value" ─── version 1 ── id 7      the same content, so the same id
//
// A change is worked out, written to the store in one piece, and then applied to memory: killed at any place, it has
// happened or it has not. An id is given once: the last one is a row of its own, in the same write, and outlives what
// it named.
//
// Any thread. Changes go one after another; readers never wait for a disk.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "schema/parsed_cache.h"
#include "schema/registry_index.h"
#include "schema/registry_types.h"

namespace leat::schema {

/// Refusals carry the contract's number: contract_code(), registry_error.h.
class Registry {
 public:
  using Parse = std::function<Result<ParsedPointer>(Format, std::string_view text,
                                                    const std::vector<Resolved>&)>;
  /// Reads all rows of `store`, which outlives it. `parse`: schema::parse, unless a test has another.
  static Result<std::unique_ptr<Registry>> open(SchemaStore& store, Parse parse);

  // Looking. registry_lookup.cc

  /// Sorted qualified names. `prefix` may begin with ":*:" (any context) or ":.context:".
  std::vector<std::string> subjects(std::string_view prefix, Which which) const;
  std::vector<std::string> contexts() const;
  /// Versions of the subjects that subjects() names.
  std::vector<Version> schemas(std::string_view prefix, Which which, bool latest_only) const;
  /// 40401.
  Result<std::vector<int32_t>> versions(const Subject& subject, Which which) const;
  /// 40401, 40402. `number` may be kLatest.
  Result<Version> version(const Subject& subject, int32_t number, Which which) const;
  /// The newest version whose metadata has all these properties: 40401, 40402.
  Result<Version> version_with(const Subject& subject,
                               const std::vector<std::pair<std::string, std::string>>& properties,
                               Which which) const;
  /// Ids of the schemas that refer to a version and have versions that count: 40401, 40402.
  Result<std::vector<int32_t>> referrers(const Subject& subject, int32_t number, Which which) const;
  struct Identified {
    std::string context;
    int32_t id = 0;
    std::shared_ptr<const Content> content;
  };
  /// 40403. In the hint's context; a plain subject's versions elsewhere are found too.
  Result<Identified> schema(int32_t id, const Subject& hint) const;
  /// A content of that context with its text in another form, ParsedSchema::form(); null: it has none of that name.
  Result<std::shared_ptr<const Content>> in_form(const Content& content, const std::string& context,
                                                 std::string_view form) const;
  /// Versions that have the id: 40403.
  Result<std::vector<Version>> users_of(int32_t id, const Subject& hint, Which which) const;
  /// Every id of a content: 40403.
  Result<std::vector<Identified>> schemas_of(const std::string& guid) const;
  int32_t last_id(const std::string& context) const;
  /// The version of the subject that has this very schema: 40401, 40403, 42201.
  Result<Version> find(const Subject& subject, const Candidate& candidate, Which which);

  // Changing. registry_register.cc, registry_delete.cc

  /// The version that has the schema, made when there is none: 40901, 42201, 42205, 42207, 42208, 42209.
  Result<Version> add(const Subject& subject, const Candidate& candidate);
  /// The versions that went: 40401, 40404, 40405, 42205, 42206.
  Result<std::vector<int32_t>> remove(const Subject& subject, bool permanent);
  /// 40401, 40402, 40406, 40407, 42205, 42206.
  Result<int32_t> remove(const Subject& subject, int32_t number, bool permanent);
  /// 42211 while it has subjects.
  Result<void> remove_context(const std::string& context);

  // Compatibility. registry_compatibility.cc

  struct Report {
    std::vector<std::string> messages;
    bool compatible() const { return messages.empty(); }
  };
  /// Against one version, kLatest, or (nullopt) those that the subject's level says: 40402, 42201.
  Result<Report> check(const Subject& subject, const Candidate& candidate,
                       std::optional<int32_t> against);

  // Settings: of a subject, of a context (no name in it), of all (the default context). registry_settings.cc

  Config config(const Subject& subject) const;              // what applies, all of it set
  Result<Config> own_config(const Subject& subject) const;  // 40408
  Result<void> set_config(const Subject& subject, const Config& config);
  /// What it was: 40401.
  Result<Config> remove_config(const Subject& subject);
  Mode mode(const Subject& subject) const;
  Result<Mode> own_mode(const Subject& subject) const;  // 40409
  /// 42205: to IMPORT while there are schemas, unless `force`.
  Result<void> set_mode(const Subject& subject, Mode mode, bool force);
  Result<Mode> remove_mode(const Subject& subject);
  /// The subject that is meant: the one that its alias names, or itself.
  Subject aliased(const Subject& subject) const;

 private:
  /// A candidate that has been read: its content is what would be kept.
  struct Proposal {
    Content content;
    ParsedPointer parsed;
    bool normalize = false;
  };

  Registry(SchemaStore& store, Parse parse) : store_(store), parse_(std::move(parse)) {}

  Result<void> settle() REQUIRES_LOCK(write_mutex_);
  Result<void> commit(std::vector<Row> rows) REQUIRES_LOCK(write_mutex_);
  Result<void> check_writable(const Subject& subject) const;
  Result<void> check_mode(const Subject& subject, const Candidate& candidate) const;

  Result<std::vector<Resolved>> resolve(const std::string& context,
                                        const std::vector<Reference>& references) const;
  Result<Proposal> propose(const Subject& subject, const Candidate& candidate, Which references);
  Result<ParsedPointer> parsed(const Version& version);
  Result<std::optional<Version>> same(const Subject& subject, const Proposal& proposal,
                                      Which which);
  std::optional<Version> same_content(const Subject& subject, const Proposal& proposal,
                                      Which which) const;
  Result<void> complete(const Subject& subject, Proposal& proposal) const;
  std::optional<Version> imported(const Subject& subject, const Proposal& proposal,
                                  const Candidate& candidate) const;
  std::vector<Version> all_versions(const Subject& subject, Which which) const;
  Result<Version> place(const Subject& subject, const Candidate& candidate, Proposal proposal)
      REQUIRES_LOCK(write_mutex_);
  Result<std::vector<Version>> predecessors(const Subject& subject, const Proposal& proposal,
                                            std::optional<int32_t> against) const;
  Result<Report> compare(const Subject& subject, const Proposal& proposal,
                         const std::vector<Version>& with);
  Result<void> check_unreferenced(const Subject& subject, const std::vector<int32_t>& numbers,
                                  bool permanent) const;
  std::vector<Row> rows_of_removal(const Subject& subject,
                                   const std::vector<int32_t>& numbers) const;
  std::vector<Row> rows_of_hiding(const Subject& subject,
                                  const std::vector<int32_t>& numbers) const;
  void drop_settings(const Subject& subject, std::vector<Row>& rows) const;

  SchemaStore& store_;
  const Parse parse_;
  ParsedCache cache_;
  Mutex write_mutex_;
  std::vector<Row> unsettled_
      GUARDED_BY(write_mutex_);  // a write that failed: it may have happened
  mutable Mutex mutex_;
  Index index_ GUARDED_BY(mutex_);
};

}  // namespace leat::schema
