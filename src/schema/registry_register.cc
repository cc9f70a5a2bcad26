// How a schema gets its version and its id.
#include <fmt/format.h>

#include "base/limits.h"
#include "schema/registry.h"
#include "schema/registry_contract.h"
#include "schema/registry_error.h"

namespace leat::schema {
namespace {

Error not_permitted(const Subject& subject, std::string_view what) {
  return refusal(Code::kNotPermitted, fmt::format("Subject {} is {}", subject.qualified(), what));
}

Error incompatible(const Subject& subject, const std::vector<std::string>& messages) {
  return refusal(Code::kIncompatible,
                 fmt::format("Schema being registered is incompatible with an earlier schema for "
                             "subject \"{}\", details: [{}]",
                             subject.qualified(), fmt::join(messages, ", ")));
}

}  // namespace

/// Who may register: in the mode IMPORT only schemas with their ids, in any other only those without.
Result<void> Registry::check_mode(const Subject& subject, const Candidate& candidate) const {
  TRY(check_writable(subject));
  const bool importing = mode(subject) == Mode::kImport;
  if (candidate.id && !importing) return not_permitted(subject, "not in import mode");
  if (!candidate.id && importing)
    return not_permitted(subject, "in import mode: a schema comes with its id");
  return {};
}

/// What the settings and the version before add to metadata and rules.
Result<void> Registry::complete(const Subject& subject, Proposal& proposal) const {
  Content& content = proposal.content;
  if (content.metadata.empty() || content.rules.empty()) {
    MutexLock lock(mutex_);
    if (auto before = index_.version(subject, kLatest, Which::kLive)) {
      if (content.metadata.empty()) content.metadata = before->content->metadata;
      if (content.rules.empty()) content.rules = before->content->rules;
    }
  }
  const Config settings = config(subject);
  content.metadata =
      merged_metadata(settings.default_metadata, content.metadata, settings.override_metadata);
  content.rules = merged_rules(settings.default_rules, content.rules, settings.override_rules);
  return check_rules(content.rules);
}

/// The version that a candidate with an id was imported as before.
std::optional<Version> Registry::imported(const Subject& subject, const Proposal& proposal,
                                          const Candidate& candidate) const {
  for (Version& version : all_versions(subject, Which::kLive)) {
    if (version.id == *candidate.id && *version.content == proposal.content &&
        version.number == candidate.version.value_or(version.number))
      return std::move(version);
  }
  return std::nullopt;
}

Result<Version> Registry::add(const Subject& subject, const Candidate& candidate) {
  TRY(check_subject(subject));
  TRY(check_rules(candidate.content.rules));
  MutexLock writing(write_mutex_);
  TRY(settle());
  ASSIGN(Proposal proposal, propose(subject, candidate, Which::kLive));
  // Twice for one that is completed: as it came it may be there, and so it may be with what is added.
  ASSIGN(auto known, same(subject, proposal, Which::kLive));
  // The same schema may be there under several ids.
  if (candidate.id) {
    if (auto own = imported(subject, proposal, candidate)) known = std::move(own);
  } else if (!known) {
    TRY(complete(subject, proposal));
    known = same_content(subject, proposal, Which::kLive);
  }
  const bool as_asked = known && (!candidate.id || *candidate.id == known->id) &&
                        (!candidate.version || *candidate.version == known->number);
  if (as_asked) return std::move(*known);
  TRY(check_mode(subject, candidate));
  if (!candidate.id) {
    ASSIGN(const auto with, predecessors(subject, proposal, std::nullopt));
    ASSIGN(const Report report, compare(subject, proposal, with));
    if (!report.compatible()) return incompatible(subject, report.messages);
  }
  return place(subject, candidate, std::move(proposal));
}

/// Chooses number and id, and writes.
Result<Version> Registry::place(const Subject& subject, const Candidate& candidate,
                                Proposal proposal) {
  Version out{subject, 1, 0, false, nullptr};
  std::vector<Row> rows;
  {
    MutexLock lock(mutex_);
    const Index::Context* context = index_.context(subject.context);
    const int32_t last_id = context == nullptr ? 0 : context->last_id;
    const auto ids = index_.ids_of(subject.context, guid_of(proposal.content));
    out.id = candidate.id           ? *candidate.id
             : !ids.empty()         ? ids.front()
             : last_id == INT32_MAX ? 0
                                    : last_id + 1;
    if (!candidate.id && ids.empty() && last_id == INT32_MAX)
      return refusal(Code::kIdMismatch,
                     fmt::format("context {} has given its last id, {}", subject.context, last_id));
    if (out.id < 1)
      return refusal(Code::kIdMismatch, fmt::format("{} is no id of a schema", out.id));
    const Index::Schema* kept = index_.schema(subject.context, out.id);
    if (kept != nullptr && *kept->content != proposal.content) {
      return refusal(
          Code::kIdMismatch,
          fmt::format("id {} stands for another schema; it is never given twice", out.id));
    }
    if (const Index::Versions* versions = index_.versions(subject))
      out.number = versions->rbegin()->first + 1;
    if (candidate.version && *candidate.version != out.number) {
      if (!candidate.id) {
        return refusal(Code::kInvalidSchema,
                       fmt::format("version {} is not one more than the last one; the next is {}",
                                   *candidate.version, out.number));
      }
      if (index_.version(subject, *candidate.version, Which::kAll)) {
        return refusal(Code::kNotPermitted,
                       fmt::format("version {} of subject {} is there already, with another schema",
                                   *candidate.version, subject.qualified()));
      }
      out.number = *candidate.version;
    }
    if (out.number < 1 || out.number > limits::kMaxSchemaVersions) {
      return refusal(Code::kInvalidVersion, fmt::format("a subject has versions 1 to {}, not {}",
                                                        limits::kMaxSchemaVersions, out.number));
    }
    if (out.id > last_id) rows.push_back(last_id_row(subject.context, out.id));
    if (kept == nullptr) rows.push_back(schema_row(subject.context, out.id, &proposal.content));
  }
  rows.push_back(version_row(subject, out.number, VersionValue{out.id, false}));
  TRY(commit(std::move(rows)));
  cache_.put({subject.context, out.id}, proposal.parsed);
  out.content = std::make_shared<const Content>(std::move(proposal.content));
  return out;
}

}  // namespace leat::schema
