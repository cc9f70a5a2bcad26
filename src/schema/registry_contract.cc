#include "schema/registry_contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "schema/registry_error.h"

namespace leat::schema {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, 3> kRuleLists = {"migrationRules", "domainRules",
                                                   "encodingRules"};
constexpr std::array<std::string_view, 2> kKinds = {"CONDITION", "TRANSFORM"};
constexpr std::array<std::string_view, 6> kRuleModes = {"UPGRADE", "DOWNGRADE", "UPDOWN",
                                                        "READ",    "WRITE",     "WRITEREAD"};

Json object_of(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

std::string text_of(const Json& json) { return json.empty() ? std::string() : json.dump(); }

/// The member of that name, a list or an object; what is there of another kind gives way.
Json& member_of(Json& object, const std::string& key, Json::value_t kind) {
  Json& member = object[key];
  if (member.type() != kind) member = Json(kind);
  return member;
}

/// The members of a list of objects with a name; one of the same name takes the place of what is there.
void merge_rules(Json& out, const std::string& key, const Json& with) {
  const auto name_of = [](const Json& rule) {
    return rule.is_object() ? rule.value("name", Json()) : Json();
  };
  for (const Json& rule : with) {
    Json& list = member_of(out, key, Json::value_t::array);
    auto same = std::find_if(list.begin(), list.end(), [&](const Json& have) {
      return !name_of(rule).is_null() && name_of(have) == name_of(rule);
    });
    if (same == list.end())
      list.push_back(rule);
    else
      *same = rule;
  }
}

Error bad_rule(std::string message) { return refusal(Code::kInvalidRules, std::move(message)); }

template <size_t N>
Result<void> check_one_of(const Json& rule, const char* key,
                          const std::array<std::string_view, N>& values) {
  auto found = rule.find(key);
  if (found == rule.end() || found->is_null()) return {};
  const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
  if (std::find(values.begin(), values.end(), text) != values.end()) return {};
  return bad_rule(fmt::format("rule {}: {} is `{}`, expected one of {}", rule["name"].dump(), key,
                              text, fmt::join(values, ", ")));
}

Result<void> check_list(const char* list, const Json& rules) {
  if (!rules.is_array()) return bad_rule(fmt::format("{} is no list of rules", list));
  std::set<std::string> names;
  for (const Json& rule : rules) {
    auto name = rule.find("name");
    if (name == rule.end() || !name->is_string() || name->get<std::string>().empty())
      return bad_rule(fmt::format("a rule of {} has no name", list));
    if (!names.insert(name->get<std::string>()).second)
      return bad_rule(fmt::format("two rules of {} have the name {}", list, name->dump()));
    TRY(check_one_of(rule, "kind", kKinds));
    TRY(check_one_of(rule, "mode", kRuleModes));
  }
  return {};
}

}  // namespace

std::string merged_metadata(const std::string& defaults, const std::string& own,
                            const std::string& overrides) {
  if (defaults.empty() && overrides.empty()) return own;
  Json out = Json::object();
  for (const std::string* text : {&defaults, &own, &overrides}) {
    const Json from = object_of(*text);
    for (const auto& [key, value] : from.items()) {
      if (value.is_object()) {
        for (const auto& [name, member] : value.items())
          member_of(out, key, Json::value_t::object)[name] = member;
      } else if (value.is_array()) {
        for (const Json& one : value) {
          Json& list = member_of(out, key, Json::value_t::array);
          if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
        }
      } else {
        out[key] = value;
      }
    }
  }
  return text_of(out);
}

std::string merged_rules(const std::string& defaults, const std::string& own,
                         const std::string& overrides) {
  if (defaults.empty() && overrides.empty()) return own;
  Json out = Json::object();
  for (const std::string* text : {&defaults, &own, &overrides}) {
    const Json from = object_of(*text);
    for (const auto& [key, value] : from.items()) {
      if (value.is_array())
        merge_rules(out, key, value);
      else
        out[key] = value;
    }
  }
  return text_of(out);
}

Result<void> check_rules(const std::string& rules) {
  if (rules.empty()) return {};
  const Json json = Json::parse(rules, nullptr, false);
  if (!json.is_object()) return bad_rule("ruleSet is no object");
  for (const char* list : kRuleLists) {
    auto found = json.find(list);
    if (found != json.end() && !found->is_null()) TRY(check_list(list, *found));
  }
  return {};
}

}  // namespace leat::schema
