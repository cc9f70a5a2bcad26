// Registry: the components a project may name, by the name in its files. Filled once at start by
// components/all.cc (one visible line each, no static initialisers), then only read, by any thread:
// lint, planner, `leat docs`, completion and the registry-walking test.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/describe.h"
#include "config/diagnostic.h"
#include "config/environment.h"
#include "config/node.h"
#include "config/project.h"
#include "io/clock.h"
#include "metrics/metrics.h"
#include "stream/log.h"
#include "stream/ports.h"
#include "stream/store.h"

namespace leat::stream {

/// What a source is given besides its own keys. Pointers outlive the source.
struct SourceContext {
  std::string project, pipeline;
  std::string project_dir;  // relative paths of the user's files start here
  std::string run_id = "once";
  io::Clock* clock = nullptr;
  uint64_t seed = 0;  // of jitter
  // Of one page, when the pipeline's `batch:` says so; a source that cuts its own pages keeps to them.
  std::optional<size_t> page_records, page_bytes;
  bool skip_page = false;  // step over one page that cannot be decoded (leat run --skip-page)
  std::vector<std::string> allowed_hosts;  // "host" or "host:port" named in the project's files
  const config::Environment* environment = nullptr;  // for `file:` secrets
  metrics::Registry* metrics = nullptr;
};

/// A kind of source: `source: {NAME: {...}}`.
struct SourceType {
  std::string name, summary;
  std::string guarantee;     // what it promises when a process dies, in a sentence or two
  std::string example_yaml;  // the value of `NAME:`, a whole that lints
  const config::SpecBase* spec = nullptr;
  /// False: it cannot give the same records again, so only topic sinks are allowed.
  bool rereadable = false;
  /// Makes a source from its (linted) node. Does not connect.
  std::function<Result<std::unique_ptr<Source>>(const config::Node&, const SourceContext&)> make;
  /// Lint beyond the spec, offline; runs only on a node that the spec accepts. May be empty.
  std::function<void(const config::Node&, config::Diagnostics&)> check;
  /// Hosts it will call, for the outbound allow-list. May be empty.
  std::function<std::vector<std::string>(const config::Node&)> hosts;
};

/// What a log is given besides its own keys. Pointers outlive the log.
struct LogContext {
  std::string project;
  std::string project_dir;
  io::Clock* clock = nullptr;
  const config::Environment* environment = nullptr;
};

/// A kind of log that is a server of its own: `log: {NAME: {...}}`. Without one, a profile's is the embedded log.
struct LogType {
  std::string name, summary, guarantee, example_yaml;
  const config::SpecBase* spec = nullptr;
  std::function<Result<std::unique_ptr<Log>>(const config::Node&, const LogContext&)> open;
  std::function<void(const config::Node&, config::Diagnostics&)> check;
};

/// What a store is given besides its own keys. Pointers outlive the store.
struct StoreContext {
  std::string project;
  std::string store;  // its name in the profile
  std::string project_dir;
  std::string data_dir;  // .leat/<profile>
  io::Clock* clock = nullptr;
  const config::Environment* environment = nullptr;
  metrics::Registry* metrics = nullptr;
};

/// A kind of store: `stores: {serving: {NAME: {...}}}`; embedded, `duckdb` is every store of
/// profile `local`.
struct StoreType {
  std::string name, summary, guarantee, example_yaml;
  /// How rows and position come in, in a phrase (leat explain).
  std::string promise = "effectively once: rows and position in one transaction";
  const config::SpecBase* spec = nullptr;
  /// True when `name` is served by the process itself, so that a profile need not declare it.
  bool embedded = false;
  /// Makes a store from its (linted) node. One that is a server is not connected to yet.
  std::function<Result<std::unique_ptr<Store>>(const config::Node&, const StoreContext&)> open;
  std::function<void(const config::Node&, config::Diagnostics&)> check;
  std::function<std::vector<std::string>(const config::Node&)> hosts;
};

/// The list. Names are unique among sources, among stores and among logs (CHECK).
class Registry {
 public:
  void add(SourceType type);
  void add(StoreType type);
  void add(LogType type);
  /// Null when there is none of that name.
  const SourceType* source(std::string_view name) const;
  const StoreType* store(std::string_view name) const;
  const LogType* log(std::string_view name) const;
  /// The one embedded store type, or null.
  const StoreType* embedded_store() const;
  /// Sorted by name.
  std::vector<const SourceType*> sources() const;
  std::vector<const StoreType*> stores() const;
  std::vector<const LogType*> logs() const;
  /// What config::load_project must know of them. Pointers stay this Registry's.
  config::Components components() const;

 private:
  std::map<std::string, SourceType, std::less<>> sources_;
  std::map<std::string, StoreType, std::less<>> stores_;
  std::map<std::string, LogType, std::less<>> logs_;
};

/// The host's files for config::load_project.
config::FileAccess file_access();
/// The process's variables, and files of secrets up to limits::kMaxSecretBytes; relative ones from
/// `dir`.
config::Environment process_environment(const std::string& dir,
                                        config::Environment::Missing missing);

}  // namespace leat::stream
