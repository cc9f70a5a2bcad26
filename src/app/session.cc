#include "app/session.h"

namespace leat::app {

Result<Session> open_session(const GlobalOptions& options, bool write) {
  ASSIGN(auto env, open_project(options));
  ASSIGN(ApiClient api, connect(*env, write));
  return Session{std::move(env), std::move(api)};
}

}  // namespace leat::app
