// What the registry keeps, and what is asked of it. Plain values; metadata, rules and settings that only clients
// understand stay the JSON that they came as.
//
// Names are those of the Confluent Schema Registry's REST contract.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/parsed_schema.h"
#include "schema/subject.h"

namespace leat::schema {

/// What an id stands for. Never changes.
struct Content {
  Format format = Format::kAvro;
  std::string text;
  std::vector<Reference> references;  // with the numbers of their versions
  std::string metadata, rules;        // JSON objects, compact; empty: none
  friend bool operator==(const Content&, const Content&) = default;
};

/// A UUID (RFC 9562, version 8) made of the content: the same in every registry.
std::string guid_of(const Content& content);

/// A schema that somebody wants registered, found or checked: its text is not parsed yet.
struct Candidate {
  Content content;
  std::optional<int32_t> id, version;  // given when it is imported
  bool normalize = false;
};

/// A version of a subject with what it holds.
struct Version {
  Subject subject;
  int32_t number = 0, id = 0;
  bool deleted = false;  // softly: it resolves, and is not listed
  std::shared_ptr<const Content> content;
};

enum class Level : uint8_t {
  kNone,
  kBackward,
  kBackwardTransitive,
  kForward,
  kForwardTransitive,
  kFull,
  kFullTransitive
};
std::string_view level_name(Level level);
std::optional<Level> level_named(std::string_view name);

enum class Mode : uint8_t { kReadWrite, kReadOnly, kReadOnlyOverride, kImport };
std::string_view mode_name(Mode mode);
std::optional<Mode> mode_named(std::string_view name);

/// The settings of a subject, of a context or of all; what is not set comes from the next of these.
struct Config {
  std::optional<Level> level;
  std::optional<bool> normalize;
  std::string alias;  // another subject, which is meant
  std::string
      group;  // compatibilityGroup: a property of the metadata; only versions alike in it are compared
  std::string default_metadata, override_metadata, default_rules, override_rules;  // JSON objects
  friend bool operator==(const Config&, const Config&) = default;
};

/// Which versions count: those there, these and the softly deleted ones, only those deleted.
enum class Which : uint8_t { kLive, kAll, kDeleted };
constexpr bool counts(Which which, bool deleted) {
  return which == Which::kAll || deleted == (which == Which::kDeleted);
}

/// A number of a version, or the latest one.
constexpr int32_t kLatest = -1;

}  // namespace leat::schema
