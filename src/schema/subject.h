// Subject: the name under which versions of a schema are kept, within a context.
//
//   qualified = ":." context-rest ":" name | name         ":.test:users", "users"; context "." is the default
//
// After the contract of the Confluent Schema Registry, schema contexts.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::schema {

constexpr std::string_view kDefaultContext = ".";

struct Subject {
  std::string context{kDefaultContext};  // begins with '.'
  std::string name;                      // empty: the context itself, which has settings too

  /// Takes a qualified name apart. Text that is no context in front belongs to the name: "a:b".
  static Subject parse(std::string_view qualified);
  /// As it is stored and shown: without the default context.
  std::string qualified() const;
  bool is_context() const { return name.empty(); }
  auto operator<=>(const Subject&) const = default;
};

/// 42208 when no schema can stand under it: empty, too long, with control characters, or a name that the contract keeps.
Result<void> check_subject(const Subject& subject);

}  // namespace leat::schema
