#include "schema/registry.h"

#include "base/check.h"
#include "base/limits.h"
#include "schema/registry_error.h"

namespace leat::schema {

Result<std::unique_ptr<Registry>> Registry::open(SchemaStore& store, Parse parse) {
  std::unique_ptr<Registry> registry(new Registry(store, std::move(parse)));
  ASSIGN(const std::vector<Row> rows, store.scan());
  MutexLock lock(registry->mutex_);
  for (const Row& row : rows) TRY(registry->index_.apply(row));
  return registry;
}

/// A write that failed may have happened. It is written again before any other, so that memory and disk agree before
/// the next number is given.
Result<void> Registry::settle() {
  if (unsettled_.empty()) return {};
  std::vector<Row> rows = std::move(unsettled_);
  unsettled_.clear();
  return commit(std::move(rows));
}

Result<void> Registry::commit(std::vector<Row> rows) {
  {
    MutexLock lock(mutex_);
    if (index_.empty() && rows.front().key != format_row().key)
      rows.insert(rows.begin(), format_row());
  }
  if (auto written = store_.write(rows); !written) {
    Error error = std::move(written).error();
    if (error.contract_code() != 0) return error;  // refused before it was tried
    unsettled_ = std::move(rows);
    return std::move(error).with_contract_code(static_cast<int>(Code::kStore));
  }
  MutexLock lock(mutex_);
  for (const Row& row : rows) index_.apply(row).value();
  return {};
}

/// The texts that `references` stand for, each behind those that it needs itself.
Result<std::vector<Resolved>> Registry::resolve(const std::string& context,
                                                const std::vector<Reference>& references) const {
  struct Pending {
    std::string context;
    Reference reference;
    bool opened = false;  // what it needs stands above it already
  };
  std::vector<Resolved> out;
  std::set<std::string> names;
  std::vector<Pending> open;
  for (auto it = references.rbegin(); it != references.rend(); ++it) open.push_back({context, *it});
  MutexLock lock(mutex_);
  while (!open.empty()) {
    Pending step = open.back();
    open.pop_back();
    if (names.contains(step.reference.name)) continue;
    const auto [subject, number] = target_of(step.context, step.reference);
    const auto version = index_.version(subject, number, Which::kAll);
    if (!version) {
      return refusal(Code::kInvalidSchema,
                     fmt::format("no schema is registered as subject {} version {}, to which the "
                                 "reference {} points",
                                 subject.qualified(), number, step.reference.name));
    }
    if (step.opened) {
      names.insert(step.reference.name);
      out.push_back({step.reference, version->content->text});
      continue;
    }
    step.opened = true;
    open.push_back(step);
    const auto& needs = version->content->references;
    for (auto it = needs.rbegin(); it != needs.rend(); ++it) open.push_back({subject.context, *it});
    if (open.size() + out.size() > limits::kSchemaReferences) {
      return refusal(Code::kInvalidSchema,
                     fmt::format("the schema needs more than {} references, those of its "
                                 "references included",
                                 limits::kSchemaReferences));
    }
  }
  return out;
}

Result<Registry::Proposal> Registry::propose(const Subject& subject, const Candidate& candidate,
                                             Which references) {
  Proposal proposal;
  proposal.content = candidate.content;
  Content& content = proposal.content;
  if (content.text.size() > limits::kSchemaBytes) {
    return refusal(Code::kTooLarge, fmt::format("the schema has {} bytes, at most {} are legal",
                                                content.text.size(), limits::kSchemaBytes));
  }
  for (Reference& reference : content.references) {
    const auto [target, number] = target_of(subject.context, reference);
    MutexLock lock(mutex_);
    const auto found = index_.version(target, number, references);
    if (!found) {
      return refusal(Code::kInvalidSchema,
                     fmt::format("no schema is registered as subject {} version {}, to which the "
                                 "reference {} points; register it first",
                                 target.qualified(), number, reference.name));
    }
    reference.version = found->number;
  }
  ASSIGN(const auto resolved, resolve(subject.context, content.references));
  auto parsed = parse_(content.format, content.text, resolved);
  if (!parsed)
    return std::move(parsed).error().with_contract_code(static_cast<int>(Code::kInvalidSchema));
  proposal.parsed = std::move(*parsed);
  proposal.normalize = candidate.normalize || config(subject).normalize.value_or(false);
  content.text = proposal.normalize ? proposal.parsed->normalized() : proposal.parsed->canonical();
  return proposal;
}

Result<ParsedPointer> Registry::parsed(const Version& version) {
  const ParsedCache::Key key{version.subject.context, version.id};
  if (ParsedPointer known = cache_.get(key)) return known;
  ASSIGN(const auto resolved, resolve(version.subject.context, version.content->references));
  auto made = parse_(version.content->format, version.content->text, resolved);
  if (!made) {
    return std::move(made).error().context(fmt::format(
        "the schema kept as version {} of {}", version.number, version.subject.qualified()));
  }
  cache_.put(key, *made);
  return *made;
}

}  // namespace leat::schema
