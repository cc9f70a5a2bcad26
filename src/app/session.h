// Session: what a command that looks at data works with: the project, and the API over it.
#pragma once

#include <memory>

#include "app/api_client.h"
#include "app/cli.h"
#include "app/project_env.h"

namespace leat::app {

/// The client ends before the project that it may point into.
struct Session {
  std::unique_ptr<ProjectEnv> env;
  ApiClient api;
};

/// Opens the project and reaches its data: by the socket of a running `leat run`, else directly.
/// `write`: the command changes something, so a directory that nobody holds is opened for writing.
Result<Session> open_session(const GlobalOptions& options, bool write);

}  // namespace leat::app
