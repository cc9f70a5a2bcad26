// How versions go: softly first, which only hides them, then for good.
#include "schema/registry.h"
#include "schema/registry_error.h"

namespace leat::schema {
namespace {

Error referenced(const Subject& subject, int32_t number, int32_t by) {
  return refusal(
      Code::kReferenceExists,
      fmt::format("One or more references exist to the schema {{subject={},version={}}}: "
                  "the schema with id {} refers to it; delete that one first",
                  subject.qualified(), number, by));
}

}  // namespace

/// Nothing that is left may refer to what goes. What is softly deleted refers, too, once the text itself goes: it
/// still resolves.
Result<void> Registry::check_unreferenced(const Subject& subject,
                                          const std::vector<int32_t>& numbers,
                                          bool permanent) const {
  const std::set<int32_t> going(numbers.begin(), numbers.end());
  const Which which = permanent ? Which::kAll : Which::kLive;
  MutexLock lock(mutex_);
  for (int32_t number : numbers) {
    const auto* from = index_.referrers({subject, number});
    if (from == nullptr) continue;
    for (const auto& [context, id] : *from) {
      for (const auto& [other, version] : index_.schema(context, id)->versions) {
        if (other == subject && going.contains(version)) continue;
        if (index_.version(other, version, which)) return referenced(subject, number, id);
      }
    }
  }
  return {};
}

/// A subject without versions has no settings of its own.
void Registry::drop_settings(const Subject& subject, std::vector<Row>& rows) const {
  const std::string name = subject.qualified();
  MutexLock lock(mutex_);
  if (index_.config(name) != nullptr) rows.push_back(config_row(name, std::nullopt));
  if (index_.mode(name) != nullptr) rows.push_back(mode_row(name, std::nullopt));
}

/// The rows by which versions go for good, and with the last of them what they stood for.
std::vector<Row> Registry::rows_of_removal(const Subject& subject,
                                           const std::vector<int32_t>& numbers) const {
  std::vector<Row> rows;
  std::map<int32_t, size_t> fewer;  // by id
  MutexLock lock(mutex_);
  for (int32_t number : numbers) {
    rows.push_back(version_row(subject, number, std::nullopt));
    ++fewer[index_.version(subject, number, Which::kAll)->id];
  }
  for (const auto& [id, count] : fewer) {
    if (index_.schema(subject.context, id)->versions.size() == count)
      rows.push_back(schema_row(subject.context, id, nullptr));
  }
  return rows;
}

/// The rows by which they go softly.
std::vector<Row> Registry::rows_of_hiding(const Subject& subject,
                                          const std::vector<int32_t>& numbers) const {
  std::vector<Row> rows;
  bool all = true;
  {
    MutexLock lock(mutex_);
    const std::set<int32_t> going(numbers.begin(), numbers.end());
    for (const auto& [number, value] : *index_.versions(subject)) {
      if (going.contains(number))
        rows.push_back(version_row(subject, number, VersionValue{value.id, true}));
      else
        all = all && value.deleted;
    }
  }
  if (all) drop_settings(subject, rows);
  return rows;
}

Result<std::vector<int32_t>> Registry::remove(const Subject& subject, bool permanent) {
  MutexLock writing(write_mutex_);
  TRY(settle());
  TRY(check_writable(subject));
  ASSIGN(const auto all, versions(subject, Which::kAll));
  const auto live = versions(subject, Which::kLive);
  if (permanent && live) {
    return refusal(Code::kSubjectNotSoftDeleted,
                   fmt::format("Subject '{}' was not deleted first before being permanently "
                               "deleted",
                               subject.qualified()));
  }
  if (!permanent && !live) {
    return refusal(Code::kSubjectSoftDeleted,
                   fmt::format("Subject '{}' was soft deleted. Set permanent=true to delete "
                               "permanently",
                               subject.qualified()));
  }
  const std::vector<int32_t>& going = permanent ? all : *live;
  TRY(check_unreferenced(subject, going, permanent));
  TRY(commit(permanent ? rows_of_removal(subject, going) : rows_of_hiding(subject, going)));
  return going;
}

Result<int32_t> Registry::remove(const Subject& subject, int32_t number, bool permanent) {
  MutexLock writing(write_mutex_);
  TRY(settle());
  TRY(check_writable(subject));
  const Which which = number == kLatest && !permanent ? Which::kLive : Which::kAll;
  ASSIGN(const Version found, version(subject, number, which));
  const std::string name =
      fmt::format("Subject '{}' Version {}", subject.qualified(), found.number);
  if (permanent && !found.deleted) {
    return refusal(Code::kVersionNotSoftDeleted,
                   fmt::format("{} was not deleted first before being permanently deleted", name));
  }
  if (!permanent && found.deleted) {
    return refusal(
        Code::kVersionSoftDeleted,
        fmt::format("{} was soft deleted. Set permanent=true to delete permanently", name));
  }
  TRY(check_unreferenced(subject, {found.number}, permanent));
  TRY(commit(permanent ? rows_of_removal(subject, {found.number})
                       : rows_of_hiding(subject, {found.number})));
  return found.number;
}

Result<void> Registry::remove_context(const std::string& context) {
  if (context == kDefaultContext)
    return refusal(Code::kNotPermitted, "the default context cannot be deleted");
  MutexLock writing(write_mutex_);
  TRY(settle());
  std::vector<Row> rows;
  {
    MutexLock lock(mutex_);
    for (const auto& [subject, versions] : index_.subjects()) {
      if (subject.context != context) continue;
      return refusal(Code::kContextNotEmpty,
                     fmt::format("Context {} is not empty: it has the subject {}; delete it "
                                 "permanently first",
                                 context, subject.qualified()));
    }
  }
  drop_settings(Subject{context, ""}, rows);
  return rows.empty() ? Result<void>() : commit(std::move(rows));
}

}  // namespace leat::schema
