#include "schema/registry_index.h"

#include "base/check.h"

namespace leat::schema {

Index::Place target_of(std::string_view context, const Reference& reference) {
  Subject subject = Subject::parse(reference.subject);
  // ":.:name" says that the default context is meant; "name" is one of the referring schema's own.
  if (!reference.subject.starts_with(":.")) subject.context = context;
  return {std::move(subject), reference.version};
}

Result<void> Index::apply(const Row& row) {
  const std::string name = row.key.substr(std::min<size_t>(1, row.key.size()));
  switch (row.key.empty() ? '\0' : row.key[0]) {
    case kFormatRow:
      return apply_format(row);
    case kConfigRow:
      return apply_config(row, name);
    case kModeRow:
      return apply_mode(row, name);
    case kLastIdRow: {
      ASSIGN(contexts_[name].last_id, decode_number(row));
      return {};
    }
    case kSchemaRow:
      return apply_schema(row);
    case kVersionRow:
      return apply_version(row);
  }
  return Error(ErrorCode::kCorrupt, "the registry has a row of an unknown kind")
      .with_hint("restore a backup of the data directory");
}

Result<void> Index::apply_format(const Row& row) {
  ASSIGN(const int32_t format, decode_number(row));
  if (format > kRowsFormat) {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("the schema registry has format {}, this leat knows up to {}", format,
                             kRowsFormat))
        .with_hint("use the newer leat that wrote it");
  }
  formatted_ = true;
  return {};
}

Result<void> Index::apply_config(const Row& row, const std::string& name) {
  if (!row.value) {
    configs_.erase(name);
    return {};
  }
  ASSIGN(configs_[name], decode_config(row));
  return {};
}

Result<void> Index::apply_mode(const Row& row, const std::string& name) {
  if (!row.value) {
    modes_.erase(name);
    return {};
  }
  ASSIGN(modes_[name], decode_mode(row));
  return {};
}

Result<void> Index::apply_schema(const Row& row) {
  ASSIGN(const NumberedKey key, parse_numbered_key(row.key));
  Context& context = contexts_[key.name];
  forget_schema(context, key.name, key.number);
  if (!row.value) return {};
  ASSIGN(Content content, decode_content(row));
  for (const Reference& reference : content.references)
    referrers_[target_of(key.name, reference)].insert({key.name, key.number});
  Schema& schema = context.schemas[key.number];
  schema.guid = guid_of(content);
  schema.content = std::make_shared<const Content>(std::move(content));
  context.by_guid.emplace(schema.guid, key.number);
  return {};
}

void Index::forget_schema(Context& context, const std::string& name, int32_t id) {
  auto found = context.schemas.find(id);
  if (found == context.schemas.end()) return;
  for (const Reference& reference : found->second.content->references) {
    auto target = referrers_.find(target_of(name, reference));
    if (target == referrers_.end()) continue;  // two references to one version
    target->second.erase({name, id});
    if (target->second.empty()) referrers_.erase(target);
  }
  auto [from, to] = context.by_guid.equal_range(found->second.guid);
  for (auto it = from; it != to; ++it) {
    if (it->second != id) continue;
    context.by_guid.erase(it);
    break;
  }
  context.schemas.erase(found);
}

Result<void> Index::apply_version(const Row& row) {
  ASSIGN(NumberedKey key, parse_numbered_key(row.key));
  const Place place{Subject::parse(key.name), key.number};
  forget_version(place);
  if (!row.value) return {};
  ASSIGN(const VersionValue value, decode_version(row));
  Context& context = contexts_[place.first.context];
  auto schema = context.schemas.find(value.id);
  if (schema == context.schemas.end()) {
    return Error(
               ErrorCode::kCorrupt,
               fmt::format("version {} of subject {} has the id {}, under which no schema is kept",
                           key.number, key.name, value.id))
        .with_hint("restore a backup of the data directory");
  }
  schema->second.versions.insert(place);
  subjects_[place.first][place.second] = value;
  return {};
}

void Index::forget_version(const Place& place) {
  auto subject = subjects_.find(place.first);
  if (subject == subjects_.end()) return;
  auto version = subject->second.find(place.second);
  if (version == subject->second.end()) return;
  Context& context = contexts_[place.first.context];
  if (auto schema = context.schemas.find(version->second.id); schema != context.schemas.end())
    schema->second.versions.erase(place);
  subject->second.erase(version);
  if (subject->second.empty()) subjects_.erase(subject);
}

namespace {

template <typename Map, typename Key>
auto* lookup(const Map& map, const Key& key) {
  auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

const Index::Context* Index::context(std::string_view name) const {
  return lookup(contexts_, name);
}

const Index::Schema* Index::schema(std::string_view context, int32_t id) const {
  const Context* in = lookup(contexts_, context);
  return in == nullptr ? nullptr : lookup(in->schemas, id);
}

const Index::Versions* Index::versions(const Subject& subject) const {
  return lookup(subjects_, subject);
}

const Config* Index::config(const std::string& qualified) const {
  return lookup(configs_, qualified);
}

const Mode* Index::mode(const std::string& qualified) const { return lookup(modes_, qualified); }

bool Index::has_settings(std::string_view context) const {
  const std::string prefix = fmt::format(":{}:", context);
  return configs_.contains(prefix) || modes_.contains(prefix);
}

std::vector<int32_t> Index::ids_of(std::string_view context, const std::string& guid) const {
  std::vector<int32_t> ids;
  const Context* in = lookup(contexts_, context);
  if (in == nullptr) return ids;
  auto [from, to] = in->by_guid.equal_range(guid);
  for (auto it = from; it != to; ++it) ids.push_back(it->second);
  return ids;
}

std::optional<Version> Index::version(const Subject& subject, int32_t number, Which which) const {
  const Versions* all = versions(subject);
  if (all == nullptr) return std::nullopt;
  auto found = all->find(number);
  if (number == kLatest) {
    for (found = all->end(); found != all->begin();) {
      --found;
      if (counts(which, found->second.deleted)) break;
    }
  }
  if (found == all->end() || !counts(which, found->second.deleted)) return std::nullopt;
  const Schema* of = schema(subject.context, found->second.id);
  CHECK(of != nullptr, "version {} of {} without its schema", number, subject.qualified());
  return Version{subject, found->first, found->second.id, found->second.deleted, of->content};
}

const std::set<std::pair<std::string, int32_t>>* Index::referrers(const Place& place) const {
  return lookup(referrers_, place);
}

}  // namespace leat::schema
