// Result<T>: a value or an Error, with std::expected's member names, [[nodiscard]].
// Our own because GCC 12's std::expected is neither nodiscard nor monadic and clang 14 cannot use it.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace leat {

/// A value of T or an Error. T may not be a reference; use T*.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  template <typename U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> &&
           !std::is_same_v<std::remove_cvref_t<U>, T>) Result(U&& value)  // NOLINT: constrained
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}         // NOLINT

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    CHECK(has_value(), "{}", std::get<1>(state_).to_string());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(has_value(), "{}", std::get<1>(state_).to_string());
    return std::get<0>(state_);
  }
  /// By value, so that `for (auto& x : f().value())` keeps what it walks.
  T value() && {
    CHECK(has_value(), "{}", std::get<1>(state_).to_string());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & {
    CHECK(!has_value());
    return std::get<1>(state_);
  }
  const Error& error() const& {
    CHECK(!has_value());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!has_value());
    return std::get<1>(std::move(state_));
  }

  T value_or(T other) && { return has_value() ? std::get<0>(std::move(state_)) : std::move(other); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { CHECK(has_value(), "{}", error_->to_string()); }
  Error& error() & {
    CHECK(!has_value());
    return *error_;
  }
  const Error& error() const& {
    CHECK(!has_value());
    return *error_;
  }
  Error&& error() && {
    CHECK(!has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace leat

#define LEAT_CONCAT_INNER(a, b) a##b
#define LEAT_CONCAT(a, b) LEAT_CONCAT_INNER(a, b)

/// TRY(expression): returns its Error from this function, if it has one. For Result<void>.
#define TRY(...)                             \
  do {                                       \
    auto leat_result = (__VA_ARGS__);        \
    if (!leat_result) [[unlikely]]           \
      return std::move(leat_result).error(); \
  } while (false)

/// ASSIGN(auto x, expression): declares or assigns x from a Result<T>, or returns its Error.
#define ASSIGN(target, ...)                                        \
  auto LEAT_CONCAT(leat_result_, __LINE__) = (__VA_ARGS__);        \
  if (!LEAT_CONCAT(leat_result_, __LINE__)) [[unlikely]]           \
    return std::move(LEAT_CONCAT(leat_result_, __LINE__)).error(); \
  target = std::move(LEAT_CONCAT(leat_result_, __LINE__)).value()
