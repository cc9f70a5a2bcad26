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
#include "schema/parsed_schema.h"

namespace leat::clients {

struct SchemaRegistryOptions {
  std::vector<net::Url> urls;  // of one registry, tried in turn; at least one
  std::string username;        // empty: no login
  config::Secret password;     // read anew for each request
  std::string ca_file;         // authorities besides the host's (PEM)
  int64_t timeout_ms = 10'000;
  io::Clock* clock = nullptr;  // null: the host's; outlives the client
};

/// The text of a schema with what it refers to.
struct SchemaText {
  schema::Format format = schema::Format::kAvro;
  std::string text;
  std::vector<schema::Reference> references;
  friend bool operator==(const SchemaText&, const SchemaText&) = default;
};

/// One version of a subject.
struct SchemaVersion {
  std::string subject;
  int32_t version = 0, id = 0;
  SchemaText schema;
};

/// Any thread; one question at a time. Errors: kNotFound (404xx), kIncompatible (409, with what stands in the way),
/// kInvalidArgument (422xx), kPermission (401, 403), kUnavailable and kTimeout when nobody answered in time.
class SchemaRegistry {
 public:
  static constexpr int32_t kLatest = -1;

  explicit SchemaRegistry(SchemaRegistryOptions options);

  /// What an id of `subject`'s context stands for.
  Result<std::shared_ptr<const SchemaText>> schema(int32_t id, const std::string& subject);
  Result<std::vector<std::string>> subjects(const std::string& prefix = "");
  Result<std::vector<int32_t>> versions(const std::string& subject);
  Result<SchemaVersion> version(const std::string& subject, int32_t number);
  /// The id under the subject, registered when it is not there yet.
  Result<int32_t> add(const std::string& subject, const SchemaText& schema, bool normalize = false);
  /// The version of the subject that has this schema: kNotFound when none has.
  Result<SchemaVersion> find(const std::string& subject, const SchemaText& schema);
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
  Result<Json> ask_once(const net::HttpRequest& request);

  const SchemaRegistryOptions options_;
  io::Clock& clock_;
  std::stop_source stop_;
  Mutex mutex_;
  net::HttpClient http_ GUARDED_BY(mutex_);
  net::Backoff backoff_ GUARDED_BY(mutex_);
  size_t url_ GUARDED_BY(mutex_) = 0;  // the one that answered last
  Mutex kept_mutex_;
  std::map<std::pair<std::string, int32_t>, std::shared_ptr<const SchemaText>> kept_
      GUARDED_BY(kept_mutex_);  // by context and id
};

}  // namespace leat::clients
