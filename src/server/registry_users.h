// RegistryUsers: who may ask the schema registry for what: a YAML file of users, their passwords and rights, and the
// table of what each operation needs.
//
//   users:
//     - {name: admin, password: "${REGISTRY_ADMIN_PASSWORD}", rights: [{allow: admin}]}
//     - name: orders
//       password: file:/run/secrets/orders
//       rights:
//         - {subjects: "orders-*", allow: write}
//         - {subjects: money, allow: read}
//     - {name: guest, password: guest}                   no rights given: reads everything
//
// `subjects` is a subject's qualified name, or the beginning of one and `*`: ":.test:*" is a context. Of the rights
// that fit a subject the highest counts, and each holds those below: read < write < admin.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "config/environment.h"
#include "config/secret.h"
#include "config/spec.h"
#include "io/file.h"
#include "schema/subject.h"

namespace leat::server {

enum class Right : uint8_t { kNone, kRead, kWrite, kAdmin };
/// "read": as the file of users says it.
std::string_view right_name(Right right);

struct RegistryGrant {
  std::string subjects = "*";
  Right allow = Right::kRead;
};

struct RegistryUser {
  std::string name;
  config::Secret password;
  std::vector<RegistryGrant> rights{{}};

  bool may(Right right, const schema::Subject& subject) const;
};

struct RegistryUsersFile {
  std::vector<RegistryUser> users;
};

const config::Spec<RegistryUsersFile>& registry_users_spec();

/// A file of users that is read again when it has changed. Any thread.
class RegistryUsers {
 public:
  /// Of the user: a file that cannot be read, or is wrong. `environment` gives ${NAME} and the files of passwords.
  static Result<std::unique_ptr<RegistryUsers>> open(std::string path,
                                                     config::Environment environment);
  /// The user of an `Authorization` header; null when there is none with that password. A file that is wrong now
  /// leaves those who were known, and a warning in the log.
  std::shared_ptr<const RegistryUser> login(std::string_view authorization) const;

 private:
  using File = std::shared_ptr<const RegistryUsersFile>;
  RegistryUsers(std::string path, config::Environment environment)
      : path_(std::move(path)), environment_(std::move(environment)) {}
  Result<RegistryUsersFile> read() const;
  File current() const;

  const std::string path_;
  const config::Environment environment_;
  mutable Mutex mutex_;
  mutable File file_ GUARDED_BY(mutex_);
  mutable io::FileStatus seen_ GUARDED_BY(mutex_);
};

/// What an operation needs, and of which subject.
struct RegistryNeed {
  enum class Of : uint8_t {
    kNobody,    // no login either: that the registry is there
    kAnybody,   // who has logged in
    kEach,      // the same; the answer shows what the user may read
    kSubject,   // the path's, or the one that it is an alias of
    kSettings,  // the path's subject itself, its context, or everything
  };
  Right right = Right::kAdmin;
  Of of = Of::kSettings;
};

/// The table. CHECKs that the operation has a row, so that a new one cannot be open by mistake.
RegistryNeed registry_need(std::string_view method, std::string_view path);

}  // namespace leat::server
