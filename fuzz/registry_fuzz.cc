// Requests of strangers to the schema registry, on every path: registering, looking up, checking, settings, deleting, with
// Avro, JSON Schema and Protobuf. Input: requests parted by a line "---", each a line "METHOD TARGET" and a body. What must
// hold, whatever was asked before:
//   an answer is of the contract: a text, JSON or an error that the operation names, never trouble of our own
//   what was registered is registered again as the same
//   the rows alone, as after a restart, answer as memory does
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/headers.h"
#include "schema/memory_store.h"
#include "schema/registry.h"
#include "server/registry_api.h"

namespace {

using namespace leat;

constexpr size_t kMaxRequests = 12;
constexpr std::string_view kApart = "\n---\n";
constexpr std::string_view kMethods[] = {"GET", "POST", "PUT",
                                         "DELETE"};  // the server answers others

/// The registry as one process has it.
struct Server {
  explicit Server(schema::SchemaStore& store)
      : registry(schema::Registry::open(store, schema::parse).value()), api(*registry) {}
  net::Response ask(std::string method, std::string_view target, std::string body = {}) const {
    return api.router().call(std::move(method), target, std::move(body));
  }
  std::unique_ptr<schema::Registry> registry;
  server::RegistryApi api;
};

void check_error(const server::RegistryOperation* operation, const net::Response& response) {
  const auto error = server::Json::parse(response.body, nullptr, false);
  CHECK(error.is_object() && error.contains("message"), "{}", response.body);
  const int code = error.value("error_code", 0);
  CHECK(response.status == (code < 1000 ? code : code / 100), "{}", response.body);
  if (operation == nullptr) return;
  CHECK(operation->may_answer(static_cast<schema::Code>(code)) && response.status != 500,
        "{} {}: {}", operation->method, operation->path, response.body);
}

void ask(const Server& server, std::string_view request) {
  const size_t line = std::min(request.find('\n'), request.size());
  const std::string_view head = request.substr(0, line);
  const size_t blank = std::min(head.find(' '), head.size());
  const std::string method(head.substr(0, blank));
  const std::string target(head.substr(std::min(blank + 1, head.size())));
  const std::string body(request.substr(std::min(line + 1, request.size())));
  if (std::find(std::begin(kMethods), std::end(kMethods), method) == std::end(kMethods) ||
      !target.starts_with('/'))
    return;
  const net::Response response = server.ask(method, target, body);
  const auto* operation = server.api.find(method, target.substr(0, target.find('?')));
  for (const auto& [name, value] : response.headers) CHECK(net::is_safe_field(name, value));
  if (response.status != 200) return check_error(operation, response);
  CHECK(operation != nullptr, "{} {} is answered", method, target);
  if (!operation->path.ends_with("/schema"))
    CHECK(server::Json::accept(response.body), "{}", response.body);
  // Another version may be the latest of what it refers to by then.
  const bool refers = body.find("references") != body.npos;
  if (method == "POST" && operation->path == "/subjects/{subject}/versions" && !refers) {
    const net::Response again = server.ask(method, target, body);
    CHECK(again.body == response.body, "first {}, then {}", response.body, again.body);
  }
}

void check_restarted(const Server& server, schema::SchemaStore& store) {
  const Server restarted(store);
  for (const char* target :
       {"/schemas?deleted=true", "/subjects?deletedOnly=true", "/contexts", "/config", "/mode"}) {
    const std::string before = server.ask("GET", target).body,
                      after = restarted.ask("GET", target).body;
    CHECK(before == after, "{}: {} before, {} after a restart", target, before, after);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  schema::MemoryStore store;
  const Server server(store);
  for (size_t n = 0; n < kMaxRequests && !text.empty(); ++n) {
    const size_t end = text.find(kApart);
    ask(server, text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + kApart.size());
  }
  check_restarted(server, store);
  return 0;
}
