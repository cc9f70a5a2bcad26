// JSON records to columns: the hot path of every pipeline that reads JSON. Called by sql/ inside the compiled query
// (through stream::Decoder), on a lane's transform thread.
//
// Only what the schema names is decoded, so the caller narrows it to what the SQL reads, in structs too.
//
// What is checked of every record, whether read or not (else `malformed`, `invalid_utf8`, `too_deep`):
//   UTF-8; closed strings without raw control characters; that brackets, commas, colons and keys form one whole JSON
//   value with nothing behind it; depth <= limits::kMaxJsonDepth.
// What is checked of fields that are read, and of all with validate_all: the spelling of numbers and literals,
// escapes, type, range, presence, and that a key comes once per object. So in a field that no SQL reads, `truu`, `01`,
// "\q" and a second key of the same name pass, unless validate_all.
//
// How values become columns ("found" is what the record holds):
//   BOOLEAN          true, false
//   integers         a literal without fraction or exponent, within range
//   FLOAT, DOUBLE    any number; 1e400 is out_of_range, 1e-400 is 0
//   DECIMAL          any number, exactly: digits that do not fit are out_of_range
//   VARCHAR          a string; with Type::scalars() also the raw text of those scalars: 1234 and "AB1"
//   JSON             the raw text of any value but null, checked strictly
//   BLOB             a string: base64 (standard alphabet, padded)
//   UUID, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL    a string, as types/temporal.h parses it
//   LIST             an array        STRUCT    an object        MAP       an object; keys as text of the key's type
//   any              null, absent    -> NULL, or missing_field when the field is required
//   "NULL"           null, absent
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "codec/json_validate.h"
#include "stream/ports.h"
#include "types/type.h"

namespace leat::codec {

struct JsonDecodeOptions {
  /// The whole schema of the source: every field of it is decoded, checked and, unless the narrowed schema has it
  /// too, thrown away. `source: {validate: all}`.
  std::optional<types::Schema> validate_all = std::nullopt;
  /// Strings of more than 12 bytes point into the record instead of the BatchBuffer's arena: the RecordBatch must
  /// then outlive the rows, and whatever took them over without copying.
  bool borrow = false;
  /// Judges each record before it is decoded: what it refuses is schema_mismatch. The decoder's alone from now on.
  std::shared_ptr<JsonValidator> validator = nullptr;
};

/// A decoder of records into `schema`'s columns. kInvalidArgument for a type JSON cannot hold (a map whose key is
/// nested) or a `validate_all` that lacks a column. The schema itself is copied.
///
/// A row is appended only whole: after a reject the columns are as before it. When several things are wrong with a
/// record, broken JSON comes first, then the first other in the order of its bytes; required fields that are absent
/// come at the end of their object. Messages begin with the path: "/dob/date: expected a string, found a number".
Result<std::unique_ptr<stream::Decoder>> make_json_decoder(const types::Schema& schema,
                                                           JsonDecodeOptions options = {});

}  // namespace leat::codec
