// What the registry answers from memory.
#include <nlohmann/json.hpp>

#include "schema/registry.h"
#include "schema/registry_error.h"

namespace leat::schema {
namespace {

Error no_subject(const Subject& subject) {
  return refusal(Code::kSubjectNotFound,
                 fmt::format("Subject '{}' not found.", subject.qualified()));
}

Error no_version(const Subject& subject, int32_t number) {
  return refusal(
      Code::kVersionNotFound,
      number == kLatest
          ? fmt::format("Subject '{}' has no version.", subject.qualified())
          : fmt::format("Version {} of subject '{}' not found.", number, subject.qualified()));
}

Error no_schema(std::string_view what) {
  return refusal(Code::kSchemaNotFound, fmt::format("Schema {} not found.", what));
}

/// ":*:users", ":.test:users", "users".
struct Prefix {
  explicit Prefix(std::string_view text) {
    any = text.starts_with(":*:");
    from = any ? Subject{std::string(kDefaultContext), std::string(text.substr(3))}
               : Subject::parse(text);
  }
  bool takes(const Subject& subject) const {
    return (any || subject.context == from.context) && subject.name.starts_with(from.name);
  }
  bool any;
  Subject from;
};

bool has_any(const Index::Versions& versions, Which which) {
  bool live = false;
  for (const auto& [number, value] : versions) live = live || !value.deleted;
  // A subject is deleted when none of its versions is left.
  return which == Which::kAll || live == (which == Which::kLive);
}

bool has_properties(const Content& content,
                    const std::vector<std::pair<std::string, std::string>>& properties) {
  const auto metadata = nlohmann::json::parse(content.metadata, nullptr, false);
  if (!metadata.is_object() || !metadata.contains("properties")) return properties.empty();
  const auto& have = metadata["properties"];
  return std::all_of(properties.begin(), properties.end(), [&](const auto& wanted) {
    return have.is_object() && have.contains(wanted.first) && have[wanted.first] == wanted.second;
  });
}

}  // namespace

std::vector<std::string> Registry::subjects(std::string_view prefix, Which which) const {
  const Prefix wanted(prefix);
  std::vector<std::string> names;
  MutexLock lock(mutex_);
  for (const auto& [subject, versions] : index_.subjects()) {
    if (wanted.takes(subject) && has_any(versions, which)) names.push_back(subject.qualified());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Registry::contexts() const {
  std::set<std::string> names{std::string(kDefaultContext)};
  MutexLock lock(mutex_);
  for (const auto& [subject, versions] : index_.subjects()) names.insert(subject.context);
  return {names.begin(), names.end()};
}

std::vector<Version> Registry::schemas(std::string_view prefix, Which which,
                                       bool latest_only) const {
  const Prefix wanted(prefix);
  std::vector<Version> out;
  MutexLock lock(mutex_);
  for (const auto& [subject, versions] : index_.subjects()) {
    if (!wanted.takes(subject)) continue;
    if (latest_only) {
      if (auto latest = index_.version(subject, kLatest, which)) out.push_back(std::move(*latest));
      continue;
    }
    for (const auto& [number, value] : versions)
      if (counts(which, value.deleted)) out.push_back(*index_.version(subject, number, which));
  }
  return out;
}

std::vector<Version> Registry::all_versions(const Subject& subject, Which which) const {
  std::vector<Version> out;
  MutexLock lock(mutex_);
  const Index::Versions* versions = index_.versions(subject);
  if (versions == nullptr) return out;
  for (const auto& [number, value] : *versions)
    if (counts(which, value.deleted)) out.push_back(*index_.version(subject, number, which));
  return out;
}

Result<std::vector<int32_t>> Registry::versions(const Subject& subject, Which which) const {
  std::vector<int32_t> numbers;
  MutexLock lock(mutex_);
  if (const Index::Versions* versions = index_.versions(subject)) {
    for (const auto& [number, value] : *versions)
      if (counts(which, value.deleted)) numbers.push_back(number);
  }
  if (numbers.empty()) return no_subject(subject);
  return numbers;
}

Result<Version> Registry::version(const Subject& subject, int32_t number, Which which) const {
  MutexLock lock(mutex_);
  if (!index_.version(subject, kLatest, which)) return no_subject(subject);
  auto version = index_.version(subject, number, which);
  if (!version) return no_version(subject, number);
  return std::move(*version);
}

Result<Version> Registry::version_with(
    const Subject& subject, const std::vector<std::pair<std::string, std::string>>& properties,
    Which which) const {
  std::vector<Version> versions = all_versions(subject, which);
  if (versions.empty()) return no_subject(subject);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it)
    if (has_properties(*it->content, properties)) return std::move(*it);
  return refusal(Code::kVersionNotFound,
                 fmt::format("No version of subject '{}' has these properties in its metadata.",
                             subject.qualified()));
}

Result<std::vector<int32_t>> Registry::referrers(const Subject& subject, int32_t number,
                                                 Which which) const {
  ASSIGN(const Version target, version(subject, number, Which::kAll));
  std::vector<int32_t> ids;
  MutexLock lock(mutex_);
  const auto* from = index_.referrers({subject, target.number});
  if (from == nullptr) return ids;
  for (const auto& [context, id] : *from) {
    const Index::Schema* schema = index_.schema(context, id);
    const bool used =
        std::any_of(schema->versions.begin(), schema->versions.end(),
                    [&](const Index::Place& place) NO_THREAD_SAFETY_ANALYSIS {
                      return index_.version(place.first, place.second, which).has_value();
                    });
    if (used) ids.push_back(id);
  }
  return ids;
}

Result<Registry::Identified> Registry::schema(int32_t id, const Subject& hint) const {
  MutexLock lock(mutex_);
  if (const Index::Schema* found = index_.schema(hint.context, id))
    return Identified{hint.context, id, found->content};
  if (hint.context == kDefaultContext && !hint.is_context()) {
    for (const auto& [name, context] : index_.contexts()) {
      auto found = context.schemas.find(id);
      if (found == context.schemas.end()) continue;
      const auto& versions = found->second.versions;
      const auto at = versions.lower_bound({Subject{name, hint.name}, 0});
      if (at != versions.end() && at->first == Subject{name, hint.name})
        return Identified{name, id, found->second.content};
    }
  }
  return no_schema(std::to_string(id));
}

Result<std::shared_ptr<const Content>> Registry::in_form(const Content& content,
                                                         const std::string& context,
                                                         std::string_view form) const {
  ASSIGN(const auto references, resolve(context, content.references));
  ASSIGN(const auto parsed, parse_(content.format, content.text, references));
  auto text = parsed->form(form);
  if (!text) return std::shared_ptr<const Content>();
  Content out = content;
  out.text = std::move(*text);
  return std::make_shared<const Content>(std::move(out));
}

Result<std::vector<Version>> Registry::users_of(int32_t id, const Subject& hint,
                                                Which which) const {
  ASSIGN(const Identified found, schema(id, hint));
  std::vector<Version> out;
  MutexLock lock(mutex_);
  const Index::Schema* of = index_.schema(found.context, id);
  if (of == nullptr) return no_schema(std::to_string(id));
  for (const auto& [subject, number] : of->versions) {
    if (!hint.is_context() && subject.name != hint.name) continue;
    if (auto version = index_.version(subject, number, which)) out.push_back(std::move(*version));
  }
  return out;
}

Result<std::vector<Registry::Identified>> Registry::schemas_of(const std::string& guid) const {
  std::vector<Identified> out;
  MutexLock lock(mutex_);
  for (const auto& [name, context] : index_.contexts())
    for (int32_t id : index_.ids_of(name, guid))
      out.push_back({name, id, context.schemas.at(id).content});
  if (out.empty()) return no_schema(guid);
  return out;
}

int32_t Registry::last_id(const std::string& context) const {
  MutexLock lock(mutex_);
  const Index::Context* found = index_.context(context);
  return found == nullptr ? 0 : found->last_id;
}

Result<Version> Registry::find(const Subject& subject, const Candidate& candidate, Which which) {
  {
    MutexLock lock(mutex_);
    if (!index_.version(subject, kLatest, which)) return no_subject(subject);
  }
  ASSIGN(const Proposal proposal, propose(subject, candidate, Which::kAll));
  ASSIGN(auto found, same(subject, proposal, which));
  if (!found) return no_schema(fmt::format("under subject '{}'", subject.qualified()));
  return std::move(*found);
}

/// The version with the very content; else, for one without metadata and rules, with the text and references.
std::optional<Version> Registry::same_content(const Subject& subject, const Proposal& proposal,
                                              Which which) const {
  const std::string guid = guid_of(proposal.content);
  {
    MutexLock lock(mutex_);
    for (int32_t id : index_.ids_of(subject.context, guid)) {
      const auto& places = index_.schema(subject.context, id)->versions;
      for (auto at = places.upper_bound({subject, INT32_MAX}); at != places.begin();) {
        if ((--at)->first != subject) break;
        if (auto version = index_.version(subject, at->second, which)) return version;
      }
    }
  }
  if (!proposal.content.metadata.empty() || !proposal.content.rules.empty()) return std::nullopt;
  std::vector<Version> versions = all_versions(subject, which);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    const Content& have = *it->content;
    if (have.format == proposal.content.format && have.text == proposal.content.text &&
        have.references == proposal.content.references)
      return std::move(*it);
  }
  return std::nullopt;
}

Result<std::optional<Version>> Registry::same(const Subject& subject, const Proposal& proposal,
                                              Which which) {
  if (auto found = same_content(subject, proposal, which)) return found;
  if (!proposal.normalize) return std::optional<Version>();
  std::vector<Version> versions = all_versions(subject, which);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    const Content& have = *it->content;
    if (have.format != proposal.content.format || have.metadata != proposal.content.metadata ||
        have.rules != proposal.content.rules)
      continue;
    ASSIGN(const ParsedPointer kept, parsed(*it));
    if (kept->normalized() == proposal.content.text) return std::optional(std::move(*it));
  }
  return std::optional<Version>();
}

}  // namespace leat::schema
