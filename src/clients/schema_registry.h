// SchemaRegistry: a schema registry somewhere else, by the REST contract of the Confluent Schema Registry: leat's own
// (`leat registry`), Confluent's, and others that speak it.
//
// What has an id never changes, so an answer is kept: pipelines go on while the registry is away. Everything else is
// asked anew. A question that fails by the network, or by a server that is busy or broken (429, 5xx), is put again with
// back-off, at the next of the URLs, until `timeout_ms` have passed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "config/secret.h"
#include "io/clock.h"
#include "net/http_client.h"
#include "net/retry.h"
#include "schema/catalog.h"

namespace leat::clients {

struct SchemaRegistryOptions {
  std::vector<net::Url> urls;    // of one registry, tried in turn; at least one
  std::string username;          // empty: no login
  config::Secret password;       // read anew for each request
  bool allow_plaintext = false;  // the login over http, away from loopback
  std::string ca_file;           // authorities besides the host's (PEM)
  int64_t timeout_ms = 10'000;
  io::Clock* clock = nullptr;  // null: the host's; outlives the client
};

using schema::SchemaText;
using schema::SchemaVersion;

/// Any thread; one question at a time.
class SchemaRegistry final : public schema::Catalog {
 public:
  static constexpr int32_t kLatest = schema::kLatest;

  explicit SchemaRegistry(SchemaRegistryOptions options);

  std::string name() const override { return options_.urls.front().origin(); }
  Result<std::shared_ptr<const SchemaText>> schema(int32_t id, const std::string& subject) override;
  Result<std::shared_ptr<const SchemaText>> schema(const std::string& guid) override;
  Result<std::vector<std::string>> subjects(const std::string& prefix = "");
  Result<std::vector<int32_t>> versions(const std::string& subject);
  Result<SchemaVersion> version(const std::string& subject, int32_t number) override;
  Result<int32_t> add(const std::string& subject, const SchemaText& schema,
                      bool normalize) override;
  Result<SchemaVersion> find(const std::string& subject, const SchemaText& schema) override;
  /// What stands in the way of the schema beside one version (kLatest), or (nullopt) beside those that the subject's level
  /// asks for. Empty: nothing.
  Result<std::vector<std::string>> differences(const std::string& subject, const SchemaText& schema,
                                               std::optional<int32_t> version);
  /// The compatibility level that applies to the subject; empty: the registry's own.
  Result<std::string> level(const std::string& subject);
  Result<void> set_level(const std::string& subject, const std::string& level);

  /// Ends questions that wait.
  void stop() { stop_.request_stop(); }

 private:
  using Json = nlohmann::ordered_json;
  Result<Json> ask(std::string method, const std::string& target, const std::string& body = "");
  Result<void> check_private(const net::Url& url) const;
  Result<Json> ask_once(const net::HttpRequest& request);
  using Kept = std::pair<std::string, int32_t>;  // a context and an id; a GUID and 0
  Result<std::shared_ptr<const SchemaText>> keep(const Kept& key, const std::string& target);

  const SchemaRegistryOptions options_;
  io::Clock& clock_;
  std::stop_source stop_;
  Mutex mutex_;
  net::HttpClient http_ GUARDED_BY(mutex_);
  net::Backoff backoff_ GUARDED_BY(mutex_);
  size_t url_ GUARDED_BY(mutex_) = 0;  // the one that answered last
  Mutex kept_mutex_;
  std::map<Kept, std::shared_ptr<const SchemaText>> kept_ GUARDED_BY(kept_mutex_);
};

}  // namespace leat::clients
