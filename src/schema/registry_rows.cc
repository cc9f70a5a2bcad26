#include "schema/registry_rows.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "schema/kept_json.h"

namespace leat::schema {
namespace {

using Json = nlohmann::ordered_json;

Error damaged(const Row& row, std::string_view expected) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("the registry's row {} is damaged: expected {}", hex(row.key), expected))
      .with_hint("restore a backup of the data directory");
}

std::string numbered_key(char kind, std::string_view name, int32_t number) {
  return fmt::format("{}{}{}{:08x}", kind, name, '\0', static_cast<uint32_t>(number));
}

Row row(std::string key, const Json& value) { return {std::move(key), text_of(value)}; }

Json value_of(const Row& from) { return object_of(*from.value); }

/// JSON text goes in as JSON, so that a row can be read.
void put_json(Json& into, const char* name, const std::string& text) {
  if (!text.empty()) into[name] = Json::parse(text, nullptr, false);
}
std::string take_json(const Json& from, const char* name) {
  auto found = from.find(name);
  return found == from.end() ? std::string() : found->dump();
}

}  // namespace

Row format_row() { return row(std::string(1, kFormatRow), {{"format", kRowsFormat}}); }

Row config_row(const std::string& qualified, const std::optional<Config>& config) {
  std::string key = kConfigRow + qualified;
  if (!config) return {std::move(key), std::nullopt};
  Json json = Json::object();
  if (config->level) json["level"] = level_name(*config->level);
  if (config->normalize) json["normalize"] = *config->normalize;
  if (!config->alias.empty()) json["alias"] = config->alias;
  if (!config->group.empty()) json["group"] = config->group;
  put_json(json, "defaultMetadata", config->default_metadata);
  put_json(json, "overrideMetadata", config->override_metadata);
  put_json(json, "defaultRules", config->default_rules);
  put_json(json, "overrideRules", config->override_rules);
  return row(std::move(key), json);
}

Result<Config> decode_config(const Row& from) {
  const Json json = value_of(from);
  Config config;
  if (auto level = member<std::string>(json, "level")) {
    config.level = level_named(*level);
    if (!config.level) return damaged(from, "a level");
  }
  config.normalize = member<bool>(json, "normalize");
  config.alias = member<std::string>(json, "alias").value_or("");
  config.group = member<std::string>(json, "group").value_or("");
  config.default_metadata = take_json(json, "defaultMetadata");
  config.override_metadata = take_json(json, "overrideMetadata");
  config.default_rules = take_json(json, "defaultRules");
  config.override_rules = take_json(json, "overrideRules");
  return config;
}

Row mode_row(const std::string& qualified, std::optional<Mode> mode) {
  std::string key = kModeRow + qualified;
  if (!mode) return {std::move(key), std::nullopt};
  return row(std::move(key), {{"mode", mode_name(*mode)}});
}

Result<Mode> decode_mode(const Row& from) {
  auto mode = mode_named(member<std::string>(value_of(from), "mode").value_or(""));
  if (!mode) return damaged(from, "a mode");
  return *mode;
}

Row last_id_row(const std::string& context, int32_t id) {
  return row(kLastIdRow + context, {{"id", id}});
}

Result<int32_t> decode_number(const Row& from) {
  auto number = member<int32_t>(value_of(from), from.key[0] == kFormatRow ? "format" : "id");
  if (!number) return damaged(from, "a number");
  return *number;
}

Row schema_row(const std::string& context, int32_t id, const Content* content) {
  std::string key = numbered_key(kSchemaRow, context, id);
  if (content == nullptr) return {std::move(key), std::nullopt};
  Json json = {{"type", format_name(content->format)}};
  for (const Reference& reference : content->references) {
    json["references"].push_back(
        {{"name", reference.name}, {"subject", reference.subject}, {"version", reference.version}});
  }
  put_json(json, "metadata", content->metadata);
  put_json(json, "ruleSet", content->rules);
  Row out = row(std::move(key), json);
  *out.value += '\n' + content->text;
  return out;
}

Result<Content> decode_content(const Row& from) {
  const std::string_view value = *from.value;
  const size_t newline = std::min(value.find('\n'), value.size());
  const Json json = object_of(value.substr(0, newline));
  Content content;
  auto format = format_named(member<std::string>(json, "type").value_or(""));
  if (!format || newline == value.size()) return damaged(from, "a schema");
  content.format = *format;
  content.text = value.substr(newline + 1);
  if (auto references = json.find("references"); references != json.end()) {
    for (const Json& one : *references) {
      auto name = member<std::string>(one, "name"), subject = member<std::string>(one, "subject");
      auto version = member<int32_t>(one, "version");
      if (!name || !subject || !version) return damaged(from, "references");
      content.references.push_back({*name, *subject, *version});
    }
  }
  content.metadata = take_json(json, "metadata");
  content.rules = take_json(json, "ruleSet");
  return content;
}

Row version_row(const Subject& subject, int32_t number, std::optional<VersionValue> value) {
  std::string key = numbered_key(kVersionRow, subject.qualified(), number);
  if (!value) return {std::move(key), std::nullopt};
  Json json = {{"id", value->id}};
  if (value->deleted) json["deleted"] = true;
  return row(std::move(key), json);
}

Result<VersionValue> decode_version(const Row& from) {
  const Json json = value_of(from);
  auto id = member<int32_t>(json, "id");
  if (!id) return damaged(from, "the id of a schema");
  return VersionValue{*id, member<bool>(json, "deleted").value_or(false)};
}

Result<NumberedKey> parse_numbered_key(std::string_view key) {
  NumberedKey out;
  const size_t zero = key.rfind('\0');
  if (zero == std::string_view::npos || key.size() != zero + 9)
    return damaged({std::string(key), {}}, "a name and a number in its key");
  out.name = key.substr(1, zero - 1);
  auto [end, code] =
      std::from_chars(key.data() + zero + 1, key.data() + key.size(), out.number, 16);
  if (code != std::errc() || end != key.data() + key.size())
    return damaged({std::string(key), {}}, "a number in its key");
  return out;
}

}  // namespace leat::schema
