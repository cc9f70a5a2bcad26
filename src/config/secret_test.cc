#include "config/secret.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

namespace leat::config {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<std::string, Secret>);

TEST(Secret, CurrentIsWhatItsFileHoldsNow) {
  std::string file = "one";
  std::optional<Secret> rotated(std::in_place, "one",
                                [&file]() -> Result<std::string> { return file; });
  const Secret copy = *rotated;
  rotated.reset();
  file = "two";
  EXPECT_EQ(copy.current().value(), "two");
  EXPECT_EQ(copy.reveal(), "one");
  EXPECT_EQ(Secret("fixed").current().value(), "fixed");
}

TEST(Redactor, TakesLongerSecretsOutFirst) {
  Redactor redactor;
  redactor.add(Secret("pass"));
  redactor.add(Secret("password1"));
  redactor.add(Secret("abc"));  // too short to keep
  EXPECT_EQ(redactor.redact("u:password1@h pass abc"), "u:***@h *** abc");
  EXPECT_EQ(redactor.redact("passpass"), "******");
  EXPECT_EQ(redactor.redact(""), "");
}

}  // namespace
}  // namespace leat::config
