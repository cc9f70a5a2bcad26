// Levels, modes and other settings: a subject's own ones go before its context's, those before everybody's.
#include "schema/registry.h"
#include "schema/registry_contract.h"
#include "schema/registry_error.h"

namespace leat::schema {
namespace {

std::string context_name(const Subject& subject) {
  return Subject{subject.context, ""}.qualified();
}

/// What nobody has set.
void fill(Config& config, const Config& from) {
  const auto take = [](auto& own, const auto& other) {
    if (own == std::remove_cvref_t<decltype(own)>()) own = other;
  };
  take(config.level, from.level);
  take(config.normalize, from.normalize);
  take(config.group, from.group);
  take(config.default_metadata, from.default_metadata);
  take(config.override_metadata, from.override_metadata);
  take(config.default_rules, from.default_rules);
  take(config.override_rules, from.override_rules);
}

Error no_setting(Code code, const Subject& subject, std::string_view what) {
  return refusal(code, fmt::format("Subject '{}' does not have subject-level {} configured",
                                   subject.qualified(), what));
}

bool is_everybodys(const Subject& subject) { return subject.qualified().empty(); }

/// A subject's settings may be there before its first version.
Result<void> check_settable(const Subject& subject) {
  return subject.is_context() ? Result<void>() : check_subject(subject);
}

}  // namespace

Config Registry::config(const Subject& subject) const {
  Config out;
  MutexLock lock(mutex_);
  for (const std::string& name : {subject.qualified(), context_name(subject), std::string()})
    if (const Config* own = index_.config(name)) fill(out, *own);
  if (!out.level) out.level = Level::kBackward;
  return out;
}

Result<Config> Registry::own_config(const Subject& subject) const {
  if (is_everybodys(subject)) return config(subject);
  MutexLock lock(mutex_);
  const Config* own = index_.config(subject.qualified());
  if (own == nullptr) return no_setting(Code::kNoSubjectLevel, subject, "compatibility");
  return *own;
}

Result<void> Registry::set_config(const Subject& subject, const Config& config) {
  TRY(check_settable(subject));
  TRY(check_rules(config.default_rules));
  TRY(check_rules(config.override_rules));
  MutexLock writing(write_mutex_);
  TRY(settle());
  TRY(check_writable(subject));
  Config merged = config;
  {
    MutexLock lock(mutex_);
    if (const Config* own = index_.config(subject.qualified())) {
      fill(merged, *own);
      if (merged.alias.empty()) merged.alias = own->alias;
    }
  }
  return commit({config_row(subject.qualified(), merged)});
}

Result<Config> Registry::remove_config(const Subject& subject) {
  MutexLock writing(write_mutex_);
  TRY(settle());
  TRY(check_writable(subject));
  auto own = own_config(subject);
  if (!own) {
    return refusal(
        Code::kSubjectNotFound,
        fmt::format("Subject '{}' not found: it has no settings of its own.", subject.qualified()));
  }
  TRY(commit({config_row(subject.qualified(), std::nullopt)}));
  return own;
}

Mode Registry::mode(const Subject& subject) const {
  MutexLock lock(mutex_);
  const Mode* everybodys = index_.mode("");
  if (everybodys != nullptr && *everybodys == Mode::kReadOnlyOverride) return *everybodys;
  for (const std::string& name : {subject.qualified(), context_name(subject)})
    if (const Mode* own = index_.mode(name)) return *own;
  return everybodys == nullptr ? Mode::kReadWrite : *everybodys;
}

Result<Mode> Registry::own_mode(const Subject& subject) const {
  if (is_everybodys(subject)) return mode(subject);
  MutexLock lock(mutex_);
  const Mode* own = index_.mode(subject.qualified());
  if (own == nullptr) return no_setting(Code::kNoSubjectMode, subject, "mode");
  return *own;
}

Result<void> Registry::set_mode(const Subject& subject, Mode mode, bool force) {
  TRY(check_settable(subject));
  MutexLock writing(write_mutex_);
  TRY(settle());
  if (mode == Mode::kImport && !force && this->mode(subject) != Mode::kImport) {
    MutexLock lock(mutex_);
    for (const auto& [other, versions] : index_.subjects()) {
      const bool inside = is_everybodys(subject) || other == subject ||
                          (subject.is_context() && other.context == subject.context);
      if (!inside || !index_.version(other, kLatest, Which::kLive)) continue;
      return refusal(Code::kNotPermitted,
                     fmt::format("Cannot import since found existing subjects, such as '{}'; "
                                 "force=true imports beside them",
                                 other.qualified()));
    }
  }
  return commit({mode_row(subject.qualified(), mode)});
}

Result<Mode> Registry::remove_mode(const Subject& subject) {
  MutexLock writing(write_mutex_);
  TRY(settle());
  auto own = own_mode(subject);
  if (!own) {
    return refusal(
        Code::kSubjectNotFound,
        fmt::format("Subject '{}' not found: it has no mode of its own.", subject.qualified()));
  }
  TRY(commit({mode_row(subject.qualified(), std::nullopt)}));
  return own;
}

Result<void> Registry::check_writable(const Subject& subject) const {
  const Mode found = mode(subject);
  if (found != Mode::kReadOnly && found != Mode::kReadOnlyOverride) return {};
  return refusal(Code::kNotPermitted,
                 fmt::format("Subject {} is in read-only mode", subject.qualified()));
}

Subject Registry::aliased(const Subject& subject) const {
  MutexLock lock(mutex_);
  const Config* own = index_.config(subject.qualified());
  if (own == nullptr || own->alias.empty()) return subject;
  Subject meant = Subject::parse(own->alias);
  if (!own->alias.starts_with(":.")) meant.context = subject.context;
  return meant;
}

}  // namespace leat::schema
