// Headers: the header fields of one HTTP message, in order, with names that ignore case.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::net {

/// True when the two names are equal but for ASCII case.
bool same_name(std::string_view a, std::string_view b);

/// A short ordered list of fields: messages carry a few dozen, so a search from the front is the
/// fastest.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Replaces every field of that name by one.
  void set(std::string_view name, std::string value);
  void erase(std::string_view name);
  void clear() { fields_.clear(); }
  /// The first value of that name; valid until the list changes.
  std::optional<std::string_view> get(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  /// All values of that name, in order.
  std::vector<std::string_view> all(std::string_view name) const;

  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

/// True when neither part can end the line or smuggle another field: name is an RFC 9110 token,
/// value holds no control character but the tab.
bool is_safe_field(std::string_view name, std::string_view value);

}  // namespace leat::net
