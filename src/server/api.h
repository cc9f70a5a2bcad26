// Api: the table of everything that HTTP and the command line can ask for. One entry per endpoint
// says what it is called, what it takes and what it gives; from the table come the routes, the
// checking of arguments and the OpenAPI document, so they cannot disagree.
//
// One file per resource adds its entries (backend.h lists them). Filled once by app/, then read by
// any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/router.h"
#include "server/json.h"

namespace leat::server {

enum class ValueType : uint8_t { kString, kInteger, kBoolean };

/// An argument: a parameter of the query or, for POST, a field of the JSON object in the body.
struct Argument {
  std::string name;
  ValueType type = ValueType::kString;
  std::string description;
  bool required = false;
};

/// One request whose arguments have been checked against the endpoint's list.
class Call {
 public:
  Call(const net::Request& request, Json arguments)
      : request_(request), arguments_(std::move(arguments)) {}

  /// A `{name}` of the path.
  const std::string& path(std::string_view name) const { return request_.param(name); }
  std::optional<std::string> text(std::string_view name) const;
  std::string text_or(std::string_view name, std::string_view otherwise) const;
  /// kInvalidArgument outside of [least, most].
  Result<int64_t> number(std::string_view name, int64_t otherwise, int64_t least,
                         int64_t most) const;
  bool flag(std::string_view name) const;
  const std::stop_token& stop() const { return request_.stop; }
  const net::Request& request() const { return request_; }

 private:
  const net::Request& request_;
  const Json arguments_;
};

struct Endpoint {
  std::string method, path, tag, summary;
  std::vector<Argument> arguments;
  std::string response;  // what an answer of 200 carries, in a sentence
  std::string media_type = "application/json";
  net::Access access = net::Access::kToken;
  std::function<Result<net::Response>(const Call&)> handler;
};

class Api {
 public:
  Api() = default;
  Api(const Api&) = delete;  // handlers are in the router
  Api& operator=(const Api&) = delete;

  void add(Endpoint endpoint);
  const net::Router& router() const { return router_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  /// OpenAPI 3.1, indented by two, deterministic.
  std::string openapi() const;

 private:
  std::vector<Endpoint> endpoints_;
  net::Router router_;
};

/// An answer of 200.
net::Response ok(const Json& json);

}  // namespace leat::server
