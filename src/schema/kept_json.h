// JSON that a registry has written, and reads again: what is of another type is taken for missing. Private to schema/.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace leat::schema {

/// One line.
inline std::string text_of(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// An empty object when it is none.
inline nlohmann::ordered_json object_of(std::string_view text) {
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  return json.is_object() ? json : nlohmann::ordered_json::object();
}

/// The member of that type, or nothing. Numbers are 0 to INT32_MAX.
template <typename T>
std::optional<T> member(const nlohmann::ordered_json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!found->is_boolean()) return std::nullopt;
  } else {
    if (!found->is_number_integer() || *found < 0 || *found > INT32_MAX) return std::nullopt;
  }
  return found->template get<T>();
}

}  // namespace leat::schema
