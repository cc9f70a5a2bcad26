#include "server/registry_users.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/limits.h"
#include "codec/base64.h"
#include "config/yaml.h"
#include "net/headers.h"
#include "net/router.h"

namespace leat::server {
namespace {

constexpr std::string_view kBasic = "Basic ";
constexpr std::pair<const char*, Right> kRights[] = {
    {"read", Right::kRead}, {"write", Right::kWrite}, {"admin", Right::kAdmin}};

bool is_name(std::string_view text) {
  const auto wrong = [](unsigned char c) { return c < 0x20 || c == 0x7f || c == ':'; };
  return !text.empty() && std::none_of(text.begin(), text.end(), wrong);
}

bool is_pattern(std::string_view text) {
  return !text.empty() && text.substr(0, text.size() - 1).find('*') == text.npos;
}

bool fits(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

const config::Spec<RegistryGrant>& grant_spec() {
  static const auto spec = [] {
    config::Spec<RegistryGrant> s("users[].rights[]", "What a user may do with some subjects.");
    s.field("subjects", &RegistryGrant::subjects)
        .syntax("a subject, or the beginning of one and `*`", is_pattern)
        .doc(
            "Which: a name, or its beginning and `*`. `:.NAME:*` is the context `.NAME`; `*` is "
            "all, and the settings of all.")
        .example("orders-*");
    s.field("allow", &RegistryGrant::allow)
        .required()
        .choices({std::begin(kRights), std::end(kRights)})
        .doc(
            "`read`: look up, and check compatibility. `write`: register, too. `admin`: delete, "
            "and set levels and modes, too.");
    return s;
  }();
  return spec;
}

const config::Spec<RegistryUser>& user_spec() {
  static const auto spec = [] {
    config::Spec<RegistryUser> s("users[]", "Who may log in, and what for.");
    s.field("name", &RegistryUser::name).required().syntax("a name without `:`", is_name);
    s.field("password", &RegistryUser::password)
        .required()
        .doc("A `file:` is read at each login.")
        .example("file:/run/secrets/orders");
    s.field("rights", &RegistryUser::rights)
        .of(grant_spec())
        .doc("The highest that fits a subject counts. Without any the user reads everything.");
    s.check([](const RegistryUser& user, const config::Node& node, config::Reading& reading) {
      const config::Node& password = *node.find("password");
      if (user.password.empty() && !password.unresolved)
        reading.error(password.mark, "an empty password");
      const config::Node* rights = node.find("rights");
      if (rights && user.rights.empty())
        reading.error(rights->mark, "a user without any right", "at least one", {},
                      "without `rights` the user reads everything");
    });
    return s;
  }();
  return spec;
}

/// Name and password of "Basic BASE64".
std::optional<std::pair<std::string, std::string>> credentials(std::string_view header) {
  if (!net::same_name(header.substr(0, kBasic.size()), kBasic)) return std::nullopt;
  header.remove_prefix(kBasic.size());
  std::string text(header.size() / 4 * 3, '\0');
  const char* end = codec::read_base64(header, text.data());
  if (end == nullptr) return std::nullopt;
  text.resize(static_cast<size_t>(end - text.data()));
  const size_t colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  return std::pair(text.substr(0, colon), text.substr(colon + 1));
}

bool same_file(const io::FileStatus& a, const io::FileStatus& b) {
  return a.size == b.size && a.modified_ms == b.modified_ms && a.inode == b.inode &&
         a.device == b.device;
}

struct Row {
  std::string_view method, path;
  Right right;
  RegistryNeed::Of of;
};

using Of = RegistryNeed::Of;
constexpr Row kNeeds[] = {
    {"GET", "/", Right::kNone, Of::kNobody},
    {"POST", "/", Right::kNone, Of::kNobody},
    {"GET", "/schemas/types", Right::kNone, Of::kAnybody},
    {"GET", "/v1/metadata/id", Right::kNone, Of::kAnybody},
    {"GET", "/v1/metadata/version", Right::kNone, Of::kAnybody},
    {"GET", "/config", Right::kNone, Of::kAnybody},
    {"GET", "/mode", Right::kNone, Of::kAnybody},

    {"GET", "/subjects", Right::kRead, Of::kEach},
    {"GET", "/contexts", Right::kRead, Of::kEach},
    {"GET", "/schemas", Right::kRead, Of::kEach},
    {"GET", "/schemas/ids/{id}", Right::kRead, Of::kEach},
    {"GET", "/schemas/ids/{id}/schema", Right::kRead, Of::kEach},
    {"GET", "/schemas/ids/{id}/subjects", Right::kRead, Of::kEach},
    {"GET", "/schemas/ids/{id}/versions", Right::kRead, Of::kEach},
    {"GET", "/schemas/guids/{guid}", Right::kRead, Of::kEach},
    {"GET", "/schemas/guids/{guid}/ids", Right::kRead, Of::kEach},

    {"POST", "/subjects/{subject}", Right::kRead, Of::kSubject},
    {"GET", "/subjects/{subject}/versions", Right::kRead, Of::kSubject},
    {"GET", "/subjects/{subject}/versions/{version}", Right::kRead, Of::kSubject},
    {"GET", "/subjects/{subject}/versions/{version}/schema", Right::kRead, Of::kSubject},
    {"GET", "/subjects/{subject}/versions/{version}/referencedby", Right::kRead, Of::kSubject},
    {"GET", "/subjects/{subject}/metadata", Right::kRead, Of::kSubject},
    {"POST", "/compatibility/subjects/{subject}/versions", Right::kRead, Of::kSubject},
    {"POST", "/compatibility/subjects/{subject}/versions/{version}", Right::kRead, Of::kSubject},
    {"GET", "/config/{subject}", Right::kRead, Of::kSettings},
    {"GET", "/mode/{subject}", Right::kRead, Of::kSettings},

    {"POST", "/subjects/{subject}/versions", Right::kWrite, Of::kSubject},

    {"DELETE", "/subjects/{subject}", Right::kAdmin, Of::kSubject},
    {"DELETE", "/subjects/{subject}/versions/{version}", Right::kAdmin, Of::kSubject},
    {"PUT", "/config", Right::kAdmin, Of::kSettings},
    {"PUT", "/config/{subject}", Right::kAdmin, Of::kSettings},
    {"DELETE", "/config", Right::kAdmin, Of::kSettings},
    {"DELETE", "/config/{subject}", Right::kAdmin, Of::kSettings},
    {"PUT", "/mode", Right::kAdmin, Of::kSettings},
    {"PUT", "/mode/{subject}", Right::kAdmin, Of::kSettings},
    {"DELETE", "/mode", Right::kAdmin, Of::kSettings},
    {"DELETE", "/mode/{subject}", Right::kAdmin, Of::kSettings},
    {"DELETE", "/contexts/{context}", Right::kAdmin, Of::kSettings},
};

}  // namespace

std::string_view right_name(Right right) {
  for (const auto& [name, named] : kRights)
    if (named == right) return name;
  return "none";
}

RegistryNeed registry_need(std::string_view method, std::string_view path) {
  const auto* found = std::find_if(std::begin(kNeeds), std::end(kNeeds), [&](const Row& row) {
    return row.method == method && row.path == path;
  });
  CHECK(found != std::end(kNeeds), "{} {} has no row in the table of rights", method, path);
  return {found->right, found->of};
}

const config::Spec<RegistryUsersFile>& registry_users_spec() {
  static const auto spec = [] {
    config::Spec<RegistryUsersFile> s("users", "Who may ask a schema registry for what.");
    s.field("users", &RegistryUsersFile::users).required().of(user_spec());
    s.check([](const RegistryUsersFile& file, const config::Node& node, config::Reading& reading) {
      const config::Node& list = *node.find("users");
      if (file.users.empty()) reading.error(list.mark, "nobody could log in", "at least one user");
      std::set<std::string_view> names;
      for (size_t i = 0; i < file.users.size(); ++i)
        if (!names.insert(file.users[i].name).second)
          reading.error(list.items[i].mark, fmt::format("`{}` twice", file.users[i].name));
    });
    return s;
  }();
  return spec;
}

bool RegistryUser::may(Right right, const schema::Subject& subject) const {
  const std::string of = subject.qualified();
  return std::any_of(rights.begin(), rights.end(), [&](const RegistryGrant& grant) {
    return grant.allow >= right && fits(grant.subjects, of);
  });
}

Result<std::unique_ptr<RegistryUsers>> RegistryUsers::open(std::string path,
                                                           config::Environment environment) {
  std::unique_ptr<RegistryUsers> out(new RegistryUsers(std::move(path), std::move(environment)));
  MutexLock lock(out->mutex_);
  auto seen = io::file_status(out->path_);
  if (!seen) return std::move(seen).error().with_blame(Blame::kUser);
  ASSIGN(auto file, out->read());
  out->seen_ = *seen;
  out->file_ = std::make_shared<const RegistryUsersFile>(std::move(file));
  return out;
}

Result<RegistryUsersFile> RegistryUsers::read() const {
  ASSIGN(const std::string text, io::read_file(path_, limits::kMaxYamlBytes));
  config::Diagnostics diagnostics;
  auto node = config::parse_yaml(text, path_, diagnostics);
  if (!node) return diagnostics.to_error();
  config::substitute(*node, environment_, diagnostics);
  RegistryUsersFile file;
  registry_users_spec().read(*node, file, diagnostics, &environment_);
  if (!diagnostics.ok()) return diagnostics.to_error();
  return file;
}

RegistryUsers::File RegistryUsers::current() const {
  MutexLock lock(mutex_);
  const auto now = io::file_status(path_);
  const io::FileStatus status = now ? *now : io::FileStatus();
  if (same_file(status, seen_)) return file_;
  seen_ = status;  // so that a wrong file is told once
  auto file = read();
  if (file) {
    file_ = std::make_shared<const RegistryUsersFile>(std::move(*file));
    spdlog::info("schema registry: {} read again, {} users", path_, file_->users.size());
  } else {
    spdlog::warn("schema registry: the users stay as they were: {}", file.error().to_string());
  }
  return file_;
}

std::shared_ptr<const RegistryUser> RegistryUsers::login(std::string_view authorization) const {
  const auto given = credentials(authorization);
  if (!given) return nullptr;
  const File file = current();
  const auto user = std::find_if(file->users.begin(), file->users.end(),
                                 [&](const RegistryUser& one) { return one.name == given->first; });
  if (user == file->users.end()) {
    net::same_secret(given->second, given->second);  // takes about as long
    return nullptr;
  }
  const auto password = user->password.current();
  if (!password) {
    spdlog::warn("schema registry: {} cannot log in: {}", user->name, password.error().to_string());
    return nullptr;
  }
  if (password->empty() || !net::same_secret(given->second, *password)) return nullptr;
  return {file, &*user};
}

}  // namespace leat::server
