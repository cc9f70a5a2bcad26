#include "app/run_process.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "app/listen.h"
#include "app/local_api.h"
#include "io/file.h"
#include "io/random.h"
#include "runtime/retention_floor.h"
#include "server/paused.h"
#include "server/run_file.h"

namespace leat::app {
namespace {

constexpr int64_t kWatchMs = 200;
constexpr int64_t kRetentionMs = 60'000;
constexpr int64_t kAskAgainMs = 50;

/// Opens what a command may be reading just now, for kProcessAnswerMs. Any error is tried again: DuckDB does
/// not tell a lock held by a reader from other troubles.
template <typename Open>
auto open_patiently(Open open) {
  io::Clock& clock = io::system_clock();
  const int64_t until = clock.steady_ms() + limits::kProcessAnswerMs;
  for (;;) {
    auto opened = open();
    if (opened || clock.steady_ms() >= until) return opened;
    clock.sleep_ms(kAskAgainMs, {});
  }
}

/// Where the API listens; without `listen` on the default port or the next free one.
Result<net::HttpServerOptions> api_options(const config::ApiDecl& api) {
  net::HttpServerOptions options;
  options.tcp = api.enabled;
  options.port = limits::kDefaultApiPort;
  options.next_free_port = api.listen.empty();
  if (api.listen.empty()) return options;
  ASSIGN(Listen listen, parse_listen("api.listen", api.listen));
  options.address = std::move(listen.address);
  options.port = listen.port;
  return options;
}

}  // namespace

Result<std::unique_ptr<RunProcess>> RunProcess::open(ProjectEnv& env, RunProcessOptions options) {
  std::unique_ptr<RunProcess> process(new RunProcess(env, std::move(options)));
  TRY(process->start());
  return process;
}

Result<void> RunProcess::start() {
  TRY(io::make_directories(env_.data_dir));
  auto opened =
      open_patiently([&] { return log::EmbeddedLog::open(log_directory(env_.data_dir), {}); });
  if (!opened) {
    Error error = std::move(opened).error();
    if (error.code() != ErrorCode::kConflict) return error;
    return std::move(error)
        .with_blame(Blame::kExternal)
        .with_hint("stop that process first, or choose another directory with --data");
  }
  local_ = std::move(*opened);
  ASSIGN(remote_, runtime::open_remote_log(env_.plan, env_.components,
                                           log_context(env_.plan, env_.environment)));
  stream::Log& log = remote_ ? *remote_ : *local_;

  const auto& declared = env_.plan.registry;
  if (env_.plan.names_schemas() || declared) {
    ASSIGN(registry_, ProjectRegistry::open(declared, local_.get(), env_.data_dir));
  }

  stores_ = std::make_unique<runtime::StoreSet>(
      env_.plan, env_.components,
      store_context(env_.plan, env_.data_dir, env_.environment, env_.metrics));
  services_ = std::make_unique<runtime::Services>(
      runtime::Services{io::system_clock(), log, env_.components, *stores_, env_.metrics,
                        env_.environment, options_.run_id, io::entropy(), options_.skip_page,
                        registry_ ? &registry_->catalog() : nullptr, local_.get()});
  ASSIGN(options_.run.paused, server::read_paused(env_.data_dir));
  supervisor_ = std::make_unique<runtime::Supervisor>(env_.plan, *services_, options_.run);
  if (!options_.serve) return {};
  TRY(serve());
  return serve_registry();
}

Result<void> RunProcess::serve_registry() {
  const auto& declared = env_.plan.registry;
  if (!declared || declared->listen.empty()) return {};
  ASSIGN(const Listen listen, parse_listen("registry.listen", declared->listen));
  std::unique_ptr<server::RegistryUsers> users;
  if (!declared->users.empty()) {
    std::string path = declared->users;
    if (!path.starts_with('/')) path = env_.plan.directory + "/" + path;
    ASSIGN(users, server::RegistryUsers::open(std::move(path), env_.environment));
  }
  ASSIGN(registry_server_, RegistryServer::start(*registry_->embedded(), listen, std::move(users)));
  spdlog::info("schema registry: {}", registry_server_->url());
  return {};
}

Result<void> RunProcess::serve() {
  ASSIGN(store_, open_patiently([&] {
           return env_.hub->open(fmt::format("{}/{}", env_.data_dir, components::kDuckdbFile));
         }));
  backend_.plan = &env_.plan;
  backend_.clock = &io::system_clock();
  backend_.data_dir = env_.data_dir;
  backend_.log = &services_->log;
  backend_.store = server::access_to(store_);
  backend_.supervisor = supervisor_.get();
  backend_.services = services_.get();
  backend_.stores = stores_.get();
  backend_.metrics = &env_.metrics;
  backend_.schemas = registry_ ? &registry_->catalog() : nullptr;
  backend_.backup_log = [this](const std::string& directory) {
    return local_->backup(log_directory(directory));
  };
  server::add_all(api_, backend_);

  ASSIGN(net::HttpServerOptions http, api_options(env_.files.project.api));
  server::RunFile file;
  file.pid = ::getpid();
  file.started_ms = io::system_clock().now_ms();
  file.socket = server::socket_path(env_.data_dir);
  file.token = server::new_token();
  file.run_id = options_.run_id;
  http.unix_socket = file.socket;
  http.token = file.token;
  ASSIGN(http_, net::HttpServer::start(api_.router(), http));
  file.api = http.tcp ? http_->url() : std::string();
  return server::write_run_file(env_.data_dir, file);
}

RunProcess::~RunProcess() {
  if (http_) {
    http_->stop();
    auto removed = server::remove_run_file(env_.data_dir, ::getpid());
    if (!removed) spdlog::warn("{}", removed.error().to_string());
  }
}

void RunProcess::retain() {
  if (remote_) return;  // a cluster keeps its own topics
  auto rows = local_->progress(env_.plan.project, "");
  if (!rows) return spdlog::warn("retention: {}", rows.error().to_string());
  runtime::RetentionFloor floor(env_.plan);
  for (const stream::Progress& row : *rows) floor.needs(row);
  if (store_) {
    for (const stream::Progress& row : store_->checkpointed()) floor.needs(row);
  }
  runtime::StoreSet::Unreachable unreachable;  // what their sinks still need is not known: it stays
  auto remote = stores_->remote_progress("", &unreachable);
  for (const auto& [store, error] : unreachable)
    spdlog::warn("retention waits: {}", error.to_string());
  for (const stream::Progress& row : remote.value()) floor.needs(row);
  auto retired = local_->enforce_retention(io::system_clock().now_ms(), floor);
  if (!retired) return spdlog::warn("retention: {}", retired.error().to_string());
  for (const log::Retired& gone : *retired) {
    spdlog::info("retention: topic {} partition {}: offsets {} to {} deleted", gone.topic,
                 gone.partition, gone.from, gone.to);
  }
}

Result<void> RunProcess::run(std::stop_token stop,
                             const std::function<void(const runtime::RunSnapshot&)>& watch) {
  std::jthread watcher([&](std::stop_token over) {
    int64_t next_retention = io::system_clock().steady_ms() + kRetentionMs;
    while (io::system_clock().sleep_ms(kWatchMs, over)) {
      if (watch) watch(supervisor_->snapshot());
      if (io::system_clock().steady_ms() < next_retention) continue;
      next_retention = io::system_clock().steady_ms() + kRetentionMs;
      retain();
    }
  });
  std::stop_callback hurry(stop, [this] {
    if (registry_) registry_->stop();
  });
  return supervisor_->run(stop);
}

}  // namespace leat::app
