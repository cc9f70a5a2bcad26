// leat registry: serves the schema registry by itself; without a project, unless its schemas are in a topic.
#include "app/cli.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/local_api.h"
#include "app/project_env.h"
#include "app/registry_server.h"
#include "base/strings.h"
#include "io/clock.h"
#include "io/file.h"
#include "log/embedded_log.h"
#include "log/log_schema_store.h"
#include "log/topic_schema_store.h"
#include "runtime/services.h"
#include "schema/registry.h"
#include "stream/registry.h"

namespace leat::app {
namespace {

struct RegistryArgs {
  int port = limits::kDefaultRegistryPort;
  std::string listen, users;
  std::vector<std::string> topic;  // at most one
};

constexpr int64_t kSleepMs = 3'600'000;  // between two looks at a clock that nobody needs

std::string data_directory(const GlobalOptions& global) {
  if (!global.data.empty()) return io::absolute_path(global.data);
  return fmt::format("{}/.leat/{}", io::absolute_path(global.project),
                     global.profile.empty() ? "local" : global.profile);
}

/// Loopback, without a login, unless the user says otherwise.
Result<Listen> listen_of(const RegistryArgs& args) {
  if (args.listen.empty()) return Listen{"127.0.0.1", args.port};
  if (args.port == limits::kDefaultRegistryPort) return parse_listen("--listen", args.listen);
  return Error(ErrorCode::kInvalidArgument, "--listen and --port: one of them")
      .with_blame(Blame::kUser)
      .with_hint("--listen has the port, too: ADDRESS:PORT");
}

/// The registry with what it stands on.
struct Kept {
  std::unique_ptr<ProjectEnv> env;
  std::unique_ptr<stream::Log> log;
  std::unique_ptr<schema::SchemaStore> store;
  std::unique_ptr<schema::Registry> registry;
  std::string where;
};

Result<Kept> open_directory(const GlobalOptions& global) {
  Kept kept;
  kept.where = data_directory(global);
  TRY(io::make_directories(kept.where));
  auto opened = log::EmbeddedLog::open(log_directory(kept.where), {});
  if (!opened) {
    if (opened.error().code() != ErrorCode::kConflict) return std::move(opened).error();
    return std::move(opened)
        .error()
        .with_blame(Blame::kExternal)
        .with_hint("stop that process, or choose another directory with --data");
  }
  kept.log = std::move(*opened);
  kept.store = std::make_unique<log::LogSchemaStore>(*kept.log);
  return kept;
}

/// A topic of the log that the project's profile names.
Result<Kept> open_topic(const GlobalOptions& global, const std::string& topic,
                        std::stop_token stop) {
  Kept kept;
  kept.where = "topic " + topic;
  if (!global.data.empty())
    return Error(ErrorCode::kInvalidArgument, "--topic and --data: one of them")
        .with_blame(Blame::kUser)
        .with_hint("with --topic nothing is kept in a directory");
  if (!is_topic_name(topic))
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("--topic {}: no topic has that name", topic))
        .with_blame(Blame::kUser)
        .with_hint("letters, digits, `.`, `_`, `-`, at most 249");
  ASSIGN(kept.env, open_project(global));
  ASSIGN(kept.log, runtime::open_remote_log(kept.env->plan, kept.env->components,
                                            log_context(kept.env->plan, kept.env->environment)));
  if (!kept.log)
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("--topic: profile `{}` has no `log`", kept.env->plan.profile))
        .with_blame(Blame::kUser)
        .with_hint(
            "choose one that has with --profile; without --topic schemas are kept in the "
            "data directory");
  kept.store = std::make_unique<log::TopicSchemaStore>(*kept.log, topic, std::move(stop));
  return kept;
}

Result<int> serve(const GlobalOptions& global, const RegistryArgs& args) {
  ASSIGN(const Listen listen, listen_of(args));
  std::unique_ptr<server::RegistryUsers> users;
  if (!args.users.empty()) {
    auto environment =
        stream::process_environment(global.project, config::Environment::Missing::kFail);
    ASSIGN(users, server::RegistryUsers::open(args.users, std::move(environment)));
  }
  Interrupt interrupt;
  if (args.topic.size() > 1)
    return Error(ErrorCode::kInvalidArgument, "--topic: one topic has all the schemas")
        .with_blame(Blame::kUser);
  if (!args.topic.empty()) TRY(RegistryServer::check(listen, users != nullptr));
  ASSIGN(Kept kept, args.topic.empty() ? open_directory(global)
                                       : open_topic(global, args.topic.front(), interrupt.token()));
  ASSIGN(kept.registry, schema::Registry::open(*kept.store, schema::parse));
  schema::Registry& registry = *kept.registry;
  ASSIGN(auto server, RegistryServer::start(registry, listen, std::move(users)));
  const size_t subjects = registry.subjects(":*:", schema::Which::kLive).size();
  TRY(print(fmt::format("schema registry: listening on {}, {} subjects, kept in {}\n",
                        server->url(), subjects, kept.where)));
  while (io::system_clock().sleep_ms(kSleepMs, interrupt.token())) {
  }
  return 0;
}

}  // namespace

void add_registry(Cli& cli) {
  auto args = std::make_shared<RegistryArgs>();
  Command app = cli.add("registry",
                        "Serve a schema registry until stopped: subjects, versions and ids, as "
                        "Confluent's clients expect them. On 127.0.0.1 and without a login, unless "
                        "a file names users",
                        "leat registry\nleat registry --port 18081 --data /var/lib/leat/registry\n"
                        "leat registry --listen 0.0.0.0:8081 --users users.yaml\n"
                        "leat registry --profile prod --topic _schemas\n"
                        "curl -s http://127.0.0.1:8081/subjects",
                        [&cli, args] { return serve(cli.options(), *args); });
  app.add_option("--listen", args->listen,
                 "Address and port, instead of --port; other than loopback needs --users")
      .type_name("ADDRESS:PORT");
  app.add_option("--topic", args->topic,
                 "Keep the schemas in this topic of the log that the project's profile names, as "
                 "other registries do, instead of in the data directory")
      .type_name("TOPIC");
  app.add_option("--users", args->users, "Who may log in, and what for: a YAML file")
      .type_name("FILE");
  app.add_option("--port", args->port, "Port on 127.0.0.1; 0: a free one")
      .type_name("PORT")
      .whole_number(0, 65'535)
      .show_default();
}

}  // namespace leat::app
