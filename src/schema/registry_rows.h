// The registry's rows, as bytes. A row's value is a JSON object; unknown keys in it are kept by nobody and refused by
// nobody. Names are written whole, numbers in 8 hexadecimal digits, so that keys sort as numbers do.
//
//   f                      {"format": 1}        of all rows; a newer one is refused
//   c QUALIFIED            a Config             of a subject, a context (":.c:") or all ("")
//   m QUALIFIED            {"mode": NAME}       likewise
//   n CONTEXT              {"id": N}            the last id given; never lower than one that was ever used
//   s CONTEXT 0 ID         a Content, newline, the schema's text: it is long, and so costs no start any time
//   v QUALIFIED 0 VERSION  {"id": N, "deleted": true|absent}
//
// Sorted so, everything comes after what it points to.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/registry_types.h"
#include "schema/schema_store.h"

namespace leat::schema {

constexpr int kRowsFormat = 1;
constexpr char kFormatRow = 'f', kConfigRow = 'c', kModeRow = 'm', kLastIdRow = 'n',
               kSchemaRow = 's', kVersionRow = 'v';

Row format_row();
/// nullopt: the settings go.
Row config_row(const std::string& qualified, const std::optional<Config>& config);
Row mode_row(const std::string& qualified, std::optional<Mode> mode);
Row last_id_row(const std::string& context, int32_t id);
Row schema_row(const std::string& context, int32_t id, const Content* content);
struct VersionValue {
  int32_t id = 0;
  bool deleted = false;
};
Row version_row(const Subject& subject, int32_t number, std::optional<VersionValue> value);

/// A key of kSchemaRow or kVersionRow taken apart: the name and the number behind it.
struct NumberedKey {
  std::string name;
  int32_t number = 0;
};
Result<NumberedKey> parse_numbered_key(std::string_view key);

// kCorrupt names the row.
Result<Config> decode_config(const Row& row);
Result<Mode> decode_mode(const Row& row);
/// Of a format row or a last id.
Result<int32_t> decode_number(const Row& row);
Result<Content> decode_content(const Row& row);
Result<VersionValue> decode_version(const Row& row);

}  // namespace leat::schema
