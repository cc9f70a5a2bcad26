// What the commands of `leat schema` that ask a registry have in common: which registry, which schema, which version.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/cli.h"
#include "clients/schema_registry.h"
#include "schema/parsed_schema.h"
#include "schema/registry_types.h"

namespace leat::app {

using clients::SchemaRegistry;
using schema::SchemaText;
using schema::SchemaVersion;

struct SchemaArgs {
  std::string registry, username, subject, file, type, version, level, topic;
  std::vector<std::string> references, sides;
  int64_t records = -1;  // not said
  bool normalize = false, allow_plaintext = false;
};

void add_registry_options(Command& command, SchemaArgs& args);
void add_type_options(Command& command, SchemaArgs& args);
/// The subject, the file and how it is read.
void add_file_options(Command& command, SchemaArgs& args);

/// --registry, else $SCHEMA_REGISTRY_URL, else what the project's profile says, else this host's.
Result<std::unique_ptr<SchemaRegistry>> open_registry(const GlobalOptions& global,
                                                      const SchemaArgs& args);
/// The text of args.file with what --reference names.
Result<SchemaText> read_schema(const SchemaArgs& args);
/// A number, or "latest" or nothing: SchemaRegistry::kLatest.
Result<int32_t> version_of(const std::string& text);

using Parsed = std::shared_ptr<const schema::ParsedSchema>;
/// With what it refers to, asked of the registry.
Result<Parsed> parsed(SchemaRegistry& registry, const SchemaText& text);

/// What stands in the way of readers: of the new schema's, to whom the old one's records come, and of the old one's.
struct Comparison {
  std::string with;  // the old one, "version 2"
  std::vector<schema::Difference> backward, forward;
  bool fits(schema::Level level) const;
  /// A line for each.
  std::string reasons() const;
};
Comparison compare(std::string with, const schema::ParsedSchema& old,
                   const schema::ParsedSchema& fresh);

/// Says where registries come from when nobody answered.
Result<int> advised(Result<int> done);

}  // namespace leat::app
