// Canonical text and JSON of any value: tables of the CLI, CSV, dead letters, API. Any thread.
#pragma once

#include <string>

#include "types/batch.h"

namespace leat::codec {

/// Appends the canonical text of a value: a string as it is, numbers as literals, uuids, times and intervals as
/// types/temporal.h writes them, blobs as base64, nested values as JSON. NULL appends nothing: ask valid() first.
void append_text(const types::Vector& vector, size_t row, std::string& out);

/// Appends the value as JSON; NULL as null; NaN and infinities, which JSON lacks, as the strings "nan", "inf", "-inf".
void append_json(const types::Vector& vector, size_t row, std::string& out);

/// Appends `text` as a JSON string.
void append_json_string(std::string_view text, std::string& out);

/// Appends a row as a JSON object; `schema` gives the columns' names.
void append_json_row(const types::Schema& schema, const types::Batch& batch, size_t row,
                     std::string& out);

}  // namespace leat::codec
