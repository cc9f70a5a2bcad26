#include "schema/catalog.h"

#include <set>
#include <utility>

#include "base/limits.h"

namespace leat::schema {
namespace {

class Resolver {
 public:
  explicit Resolver(Catalog& catalog) : catalog_(catalog) {}

  Result<void> add(const std::vector<Reference>& references) {
    for (const Reference& reference : references) {
      if (!seen_.emplace(reference.subject, reference.version).second) continue;
      if (seen_.size() > limits::kSchemaReferences)
        return Error(ErrorCode::kLimit,
                     fmt::format("more than {} references", limits::kSchemaReferences));
      ASSIGN(const SchemaVersion found, catalog_.version(reference.subject, reference.version));
      TRY(add(found.schema.references));
      out_.push_back({reference, found.schema.text});
    }
    return {};
  }
  std::vector<Resolved> take() { return std::move(out_); }

 private:
  Catalog& catalog_;
  std::set<std::pair<std::string, int32_t>> seen_;
  std::vector<Resolved> out_;
};

}  // namespace

Result<std::vector<Resolved>> resolve(Catalog& catalog, const std::vector<Reference>& references) {
  Resolver resolver(catalog);
  TRY(resolver.add(references));
  return resolver.take();
}

}  // namespace leat::schema
