#include "schema/schemas_topic.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json_depth.h"
#include "base/limits.h"
#include "base/strings.h"
#include "schema/kept_json.h"
#include "schema/registry_rows.h"

namespace leat::schema {
namespace {

using Json = nlohmann::ordered_json;

struct Renamed {
  const char* row;
  const char* record;
};
constexpr std::array<Renamed, 8> kSettings = {{{"alias", "alias"},
                                               {"normalize", "normalize"},
                                               {"level", "compatibilityLevel"},
                                               {"group", "compatibilityGroup"},
                                               {"defaultMetadata", "defaultMetadata"},
                                               {"overrideMetadata", "overrideMetadata"},
                                               {"defaultRules", "defaultRuleSet"},
                                               {"overrideRules", "overrideRuleSet"}}};
constexpr std::array<const char*, 3> kBesideText = {"references", "metadata", "ruleSet"};
constexpr const char* kLastIdsKey = R"({"keytype":"NOOP","magic":1})";

Error damaged_record(std::string_view key, std::string_view expected) {
  return {ErrorCode::kCorrupt, fmt::format("record {}: expected {}", shown(key), expected)};
}

void copy(const Json& from, const char* name, Json& to, const char* as) {
  const auto found = from.find(name);
  if (found != from.end() && !found->is_null()) to[as] = *found;
}

/// A key as other registries write it; `subject` is null in those of all subjects.
std::string settings_key(const char* kind, const std::string& subject) {
  Json key = {{"keytype", kind}, {"subject", nullptr}, {"magic", 0}};
  if (!subject.empty()) key["subject"] = subject;
  return text_of(key);
}

std::string schema_key(const std::string& subject, int32_t version) {
  return text_of(
      Json{{"keytype", "SCHEMA"}, {"subject", subject}, {"version", version}, {"magic", 1}});
}

/// The settings of a row in the words of a record, or back.
std::string renamed(const Json& from, const char* Renamed::*was, const char* Renamed::*is) {
  Json out = Json::object();
  for (const Renamed& each : kSettings) copy(from, each.*was, out, each.*is);
  return text_of(out);
}

}  // namespace

Result<void> SchemasTopic::apply(std::string_view key, std::optional<std::string_view> value) {
  if (value && value->empty()) value.reset();
  if (is_deeper_than(key, limits::kSchemaDepth) ||
      is_deeper_than(value.value_or(""), limits::kSchemaDepth))
    return damaged_record(key, "JSON that nests less deep");
  const Json parsed = Json::parse(key, nullptr, false);
  if (!parsed.is_object()) return damaged_record(key, "a JSON object as its key");
  const Json content = value ? Json::parse(*value, nullptr, false) : Json::object();
  const std::string kind = member<std::string>(parsed, "keytype").value_or("");
  const Subject named = Subject::parse(member<std::string>(parsed, "subject").value_or(""));
  const std::string subject = named.qualified();
  const bool known = kind == "SCHEMA" || kind == "CONFIG" || kind == "MODE" ||
                     kind == "DELETE_SUBJECT" || kind == "CLEAR_SUBJECT";
  if (known && !content.is_object()) return damaged_record(key, "a JSON object as its value");
  if (known && !named.is_context() && !check_subject(named))
    return damaged_record(key, "the name of a subject");
  if (kind == "SCHEMA") {
    const auto number = member<int32_t>(parsed, "version");
    if (!number || named.is_context())
      return damaged_record(key, "a subject and a version in its key");
    note_spelling(key, schema_key(subject, *number));
    return apply_schema(subject, *number, value);
  }
  if (kind == "CONFIG") {
    Row row{kConfigRow + subject, std::nullopt};
    if (value) row.value = renamed(content, &Renamed::record, &Renamed::row);
    if (value) TRY(decode_config(row));
    note_spelling(key, settings_key("CONFIG", subject));
    take(row);
  } else if (kind == "MODE") {
    const auto mode = mode_named(member<std::string>(content, "mode").value_or(""));
    note_spelling(key, settings_key("MODE", subject));
    if (value && !mode)
      spdlog::warn("schemas: a mode that this leat does not know is not obeyed: {} {}", key,
                   *value);
    else
      take(mode_row(subject, mode));
  } else if (kind == "DELETE_SUBJECT") {
    return apply_deletion(subject, value.value_or(""));
  } else if (kind == "CLEAR_SUBJECT") {
    clear(subject);
  } else if (kind == "NOOP" && content.is_object() && content.contains("lastIds")) {
    for (const auto& [context, id] : content["lastIds"].items())
      if (id.is_number_integer() && id >= 0 && id <= INT32_MAX)
        raise_last_id(context, id.get<int32_t>());
  }
  return {};
}

bool SchemasTopic::says_nothing(std::string_view key, std::optional<std::string_view> value) {
  if (is_deeper_than(key, limits::kSchemaDepth)) return true;
  const std::string kind = member<std::string>(object_of(key), "keytype").value_or("");
  return kind.empty() || (kind == "NOOP" && (!value || value->empty()));
}

void SchemasTopic::note_spelling(std::string_view key, const std::string& ours) {
  if (key != ours) spellings_[ours].insert(std::string(key));
}

Result<void> SchemasTopic::apply_schema(const std::string& name, int32_t number,
                                        std::optional<std::string_view> value) {
  const Subject subject = Subject::parse(name);
  if (!value) {
    take(version_row(subject, number, std::nullopt));
    return {};
  }
  const Json json = object_of(*value);
  const std::string called = fmt::format("{} version {}", name, number);
  const auto id = member<int32_t>(json, "id");
  const auto text = member<std::string>(json, "schema");
  if (!id || !text) return damaged_record(called, "an id and a schema in its value");
  const std::string type = member<std::string>(json, "schemaType").value_or("AVRO");
  if (!format_named(type))
    return damaged_record(called,
                          fmt::format("a kind of schema that is known, not {}", shown(type)));
  Json beside = {{"type", type}};
  for (const char* each : kBesideText) copy(json, each, beside, each);
  Row content = schema_row(subject.context, *id, nullptr);
  content.value = text_of(beside) + "\n" + *text;
  TRY(decode_content(content));
  const auto kept = rows_.find(content.key);
  if (kept != rows_.end() && kept->second != *content.value && in_use(subject.context, *id)) {
    // Records that are written already are of the first. The version's number is taken all the same.
    spdlog::warn("schemas: {} is passed over: its id {} stands for another schema", called, *id);
    take(version_row(subject, number, VersionValue{*id, /*deleted=*/true}));
    return {};
  }
  take(content);
  take(version_row(subject, number,
                   VersionValue{*id, member<bool>(json, "deleted").value_or(false)}));
  raise_last_id(subject.context, *id);
  return {};
}

bool SchemasTopic::in_use(const std::string& context, int32_t id) const {
  return std::any_of(
      rows_.lower_bound(std::string(1, kVersionRow)), rows_.end(), [&](const auto& row) {
        return row.first[0] == kVersionRow &&
               decode_version({row.first, row.second}).value().id == id &&
               Subject::parse(parse_numbered_key(row.first).value().name).context == context;
      });
}

/// All versions up to the one that is named are softly deleted.
Result<void> SchemasTopic::apply_deletion(const std::string& subject, std::string_view value) {
  const int32_t last = member<int32_t>(object_of(value), "version").value_or(0);
  for (const std::string& key : versions_of(subject)) {
    ASSIGN(const NumberedKey numbered, parse_numbered_key(key));
    if (numbered.number > last) continue;
    ASSIGN(VersionValue version, decode_version({key, rows_[key]}));
    version.deleted = true;
    take(version_row(Subject::parse(subject), numbered.number, version));
  }
  return {};
}

/// Versions that were softly deleted go for good.
void SchemasTopic::clear(const std::string& subject) {
  for (const std::string& key : versions_of(subject))
    if (decode_version({key, rows_[key]}).value().deleted) rows_.erase(key);
}

std::vector<std::string> SchemasTopic::versions_of(const std::string& subject) const {
  const std::string prefix = kVersionRow + subject + '\0';
  std::vector<std::string> keys;
  for (auto it = rows_.lower_bound(prefix); it != rows_.end() && it->first.starts_with(prefix);
       ++it)
    keys.push_back(it->first);
  return keys;
}

void SchemasTopic::take(const Row& row) {
  if (row.value)
    rows_[row.key] = *row.value;
  else
    rows_.erase(row.key);
}

void SchemasTopic::raise_last_id(const std::string& context, int32_t id) {
  const Row row = last_id_row(context, id);
  const auto found = rows_.find(row.key);
  if (found != rows_.end() && decode_number({row.key, found->second}).value_or(0) >= id) return;
  take(row);
}

std::vector<Row> SchemasTopic::rows() const {
  // A tombstone says that a version goes, not that its schema does: another version may have it.
  std::set<std::string> used;
  for (auto it = rows_.lower_bound(std::string(1, kVersionRow));
       it != rows_.end() && it->first[0] == kVersionRow; ++it) {
    const Subject subject = Subject::parse(parse_numbered_key(it->first).value().name);
    const int32_t id = decode_version({it->first, it->second}).value().id;
    used.insert(schema_row(subject.context, id, nullptr).key);
  }
  std::vector<Row> out;
  if (!rows_.empty()) out.push_back(format_row());
  for (const auto& [key, value] : rows_) {
    if (key[0] == kFormatRow || (key[0] == kSchemaRow && !used.contains(key))) continue;
    out.push_back({key, value});
  }
  std::sort(out.begin(), out.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
  return out;
}

void SchemasTopic::take(std::span<const Row> rows) {
  for (const Row& row : rows) take(row);
}

std::vector<SchemasTopic::Record> SchemasTopic::records(std::span<const Row> rows) const {
  std::vector<Record> out;
  bool ids = false;
  for (const Row& row : rows) {
    const std::string name = row.key.substr(1);
    if (row.key[0] == kVersionRow) {
      out.push_back(version_record(row, row.value ? content_of(row, rows) : std::string()));
    } else if (row.key[0] == kConfigRow) {
      Record record{settings_key("CONFIG", name), std::nullopt};
      if (row.value) record.value = renamed(object_of(*row.value), &Renamed::row, &Renamed::record);
      out.push_back(std::move(record));
    } else if (row.key[0] == kModeRow) {
      out.push_back({settings_key("MODE", name), row.value});
    } else {
      ids |= row.key[0] == kLastIdRow;
      continue;
    }
    const auto others = spellings_.find(out.back().key);
    if (row.value || others == spellings_.end()) continue;
    for (const std::string& key : others->second) out.push_back({key, std::nullopt});
  }
  if (ids) out.push_back({kLastIdsKey, text_of(Json{{"lastIds", last_ids(rows)}})});
  return out;
}

/// The schema of a version: among the rows beside it, or there already.
const std::string& SchemasTopic::content_of(const Row& version, std::span<const Row> beside) const {
  const std::string name = parse_numbered_key(version.key).value().name;
  const int32_t id = decode_version(version).value().id;
  const std::string key = schema_row(Subject::parse(name).context, id, nullptr).key;
  for (const Row& row : beside)
    if (row.key == key && row.value) return *row.value;
  const auto found = rows_.find(key);
  CHECK(found != rows_.end(), "a version without its schema: {}", name);
  return found->second;
}

SchemasTopic::Record SchemasTopic::version_record(const Row& row, std::string_view kept) {
  const NumberedKey key = parse_numbered_key(row.key).value();
  Record record{schema_key(key.name, key.number), std::nullopt};
  if (!row.value) return record;
  const VersionValue version = decode_version(row).value();
  const size_t newline = kept.find('\n');
  const Json beside = object_of(kept.substr(0, newline));
  Json value = {{"subject", key.name}, {"version", key.number}, {"id", version.id}};
  // Older registries know schemas of Avro only, and no name for that.
  if (beside["type"] != "AVRO") value["schemaType"] = beside["type"];
  for (const char* each : kBesideText) copy(beside, each, value, each);
  value["schema"] = kept.substr(newline + 1);
  value["deleted"] = version.deleted;
  record.value = text_of(value);
  return record;
}

nlohmann::ordered_json SchemasTopic::last_ids(std::span<const Row> rows) const {
  Json ids = Json::object();
  for (auto it = rows_.lower_bound(std::string(1, kLastIdRow));
       it != rows_.end() && it->first[0] == kLastIdRow; ++it)
    ids[it->first.substr(1)] = decode_number({it->first, it->second}).value_or(0);
  for (const Row& row : rows)
    if (row.key[0] == kLastIdRow) ids[row.key.substr(1)] = decode_number(row).value_or(0);
  return ids;
}

SchemasTopic::Record SchemasTopic::takeover(const std::string& owner) const {
  return {kLastIdsKey, text_of(Json{{"lastIds", last_ids({})}, {"owner", owner}})};
}

}  // namespace leat::schema
