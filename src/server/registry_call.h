// RegistryCall: a request of the schema registry's contract, read; and what its answers are written with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/router.h"
#include "schema/registry.h"
#include "server/json.h"
#include "server/registry_users.h"

namespace leat::server {

class RegistryCall {
 public:
  /// `user`: who asks; null where nobody logs in, and everybody may do everything.
  RegistryCall(const net::Request& request, const schema::Registry& registry,
               const RegistryUser* user = nullptr)
      : request_(request), registry_(registry), user_(user) {}

  /// 40301 when the user has not the right that the operation needs of its subject, or may not read a subject that the
  /// body's schema refers to.
  Result<void> check(RegistryNeed need) const;
  bool may_read(const schema::Subject& subject) const {
    return user_ == nullptr || user_->may(Right::kRead, subject);
  }
  /// 40301 unless the user may read one of the subjects that have this schema.
  Result<void> check_readable(const schema::Registry::Identified& schema) const;
  bool may_read(const schema::Registry::Identified& schema) const;

  /// The subject of the path; the one that it is an alias of.
  schema::Subject subject() const { return registry_.aliased(named_subject()); }
  /// As it stands in the path.
  schema::Subject named_subject() const { return scoped(request_.param("subject")); }
  /// The subject that a query parameter names, in the path's context; without one the context.
  schema::Subject hint() const { return scoped(text("subject")); }
  /// The context of the path, or the default one.
  std::string context() const;
  /// `subjectPrefix`, within the path's context; any context without one.
  std::string prefix() const;
  const std::string& path(std::string_view name) const { return request_.param(name); }

  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  /// "true" in any case, "1", or the name alone.
  bool flag(std::string_view name) const;
  /// By `deleted` and `deletedOnly`.
  schema::Which which() const;
  /// 40403: no number.
  Result<int32_t> id() const;
  /// A number, or kLatest: 42202.
  Result<int32_t> version() const;
  /// The part of `items` that `offset` and `limit` ask for.
  template <typename T>
  Result<std::vector<T>> page(std::vector<T> items) const;

  /// The body as an object; 400.
  Result<Json> body() const;
  /// The schema of the body: 400, 42201.
  Result<schema::Candidate> candidate() const;

 private:
  schema::Subject scoped(std::string_view name) const;
  Error forbidden(Right right, std::string_view what) const;
  Result<void> check_references(const schema::Subject& subject) const;

  const net::Request& request_;
  const schema::Registry& registry_;
  const RegistryUser* user_;
};

/// JSON text that is kept, as a member; nothing when it is empty.
void add_kept(Json& object, const char* name, const std::string& text);
/// schemaType (not for AVRO), references, metadata, ruleSet, schema: as far as there are any.
void add_content(Json& object, const schema::Content& content);
Json to_json(const schema::Version& version);
/// Puts the text into the form that `format` of the query asks for; 501 for one that is not known here.
Result<void> present(const RegistryCall& call, const schema::Registry& registry,
                     const std::string& context, std::shared_ptr<const schema::Content>& content);

template <typename T>
Result<std::vector<T>> RegistryCall::page(std::vector<T> items) const {
  ASSIGN(const int64_t offset, request_.query_number("offset", 0, INT32_MIN, INT32_MAX));
  ASSIGN(const int64_t limit, request_.query_number("limit", -1, INT32_MIN, INT32_MAX));
  const auto size = static_cast<int64_t>(items.size());
  const int64_t from = std::clamp<int64_t>(offset, 0, size);
  const int64_t to = limit < 0 ? size : std::min(size, from + limit);
  return std::vector<T>(std::make_move_iterator(items.begin() + from),
                        std::make_move_iterator(items.begin() + to));
}

}  // namespace leat::server
