// Whether a schema may follow those before it.
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "schema/registry.h"
#include "schema/registry_error.h"

namespace leat::schema {
namespace {

bool reads_old(Level level) {
  return level == Level::kBackward || level == Level::kBackwardTransitive ||
         level == Level::kFull || level == Level::kFullTransitive;
}
bool is_read_by_old(Level level) {
  return level == Level::kForward || level == Level::kForwardTransitive || level == Level::kFull ||
         level == Level::kFullTransitive;
}
bool is_transitive(Level level) {
  return level == Level::kBackwardTransitive || level == Level::kForwardTransitive ||
         level == Level::kFullTransitive;
}

/// The property of the metadata by which versions are grouped; empty when it is not there.
std::string group_of(const Content& content, const std::string& property) {
  const auto metadata = nlohmann::json::parse(content.metadata, nullptr, false);
  if (!metadata.is_object()) return {};
  auto properties = metadata.find("properties");
  if (properties == metadata.end() || !properties->is_object()) return {};
  auto found = properties->find(property);
  return found == properties->end() || !found->is_string() ? std::string()
                                                           : found->get<std::string>();
}

void describe(const std::vector<Difference>& differences, std::string_view reader,
              std::string_view writer, std::vector<std::string>& messages) {
  for (const Difference& one : differences) {
    if (messages.size() >= limits::kMaxCompatibilityMessages) return;
    messages.push_back(
        fmt::format("{{errorType:'{}', description:'{} cannot read data of {}: {}', "
                    "additionalInfo:'{}'}}",
                    one.rule, reader, writer, one.message, one.path));
  }
}

}  // namespace

/// Newest first.
Result<std::vector<Version>> Registry::predecessors(const Subject& subject,
                                                    const Proposal& proposal,
                                                    std::optional<int32_t> against) const {
  std::vector<Version> out;
  if (against && *against != kLatest) {
    MutexLock lock(mutex_);
    auto version = index_.version(subject, *against, Which::kLive);
    if (!version) {
      return refusal(Code::kVersionNotFound, fmt::format("Version {} of subject '{}' not found.",
                                                         *against, subject.qualified()));
    }
    out.push_back(std::move(*version));
    return out;
  }
  const Config settings = config(subject);
  out = all_versions(subject, Which::kLive);
  std::reverse(out.begin(), out.end());
  if (!settings.group.empty()) {
    const std::string group = group_of(proposal.content, settings.group);
    std::erase_if(out, [&](const Version& version) {
      return group_of(*version.content, settings.group) != group;
    });
  }
  if (out.size() > 1 && (against || !is_transitive(*settings.level)))
    out.erase(out.begin() + 1, out.end());
  return out;
}

Result<Registry::Report> Registry::compare(const Subject& subject, const Proposal& proposal,
                                           const std::vector<Version>& with) {
  Report report;
  const Level level = *config(subject).level;
  if (level == Level::kNone) return report;
  for (const Version& version : with) {
    ASSIGN(const ParsedPointer old, parsed(version));
    const std::string name = fmt::format("version {}", version.number);
    const size_t before = report.messages.size();
    if (reads_old(level))
      describe(proposal.parsed->differences(*old), "the new schema", name, report.messages);
    if (is_read_by_old(level))
      describe(old->differences(*proposal.parsed), name, "the new schema", report.messages);
    if (report.messages.size() == before) continue;
    report.messages.push_back(fmt::format("{{oldSchemaVersion: {}}}", version.number));
    report.messages.push_back(fmt::format("{{compatibility: '{}'}}", level_name(level)));
    return report;
  }
  return report;
}

Result<Registry::Report> Registry::check(const Subject& subject, const Candidate& candidate,
                                         std::optional<int32_t> against) {
  TRY(check_subject(subject));
  ASSIGN(const Proposal proposal, propose(subject, candidate, Which::kLive));
  ASSIGN(const auto with, predecessors(subject, proposal, against));
  return compare(subject, proposal, with);
}

}  // namespace leat::schema
