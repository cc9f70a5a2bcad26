// WriterSchemas: the schemas that wrote a topic's records, by what stands in their frames. The read stage fetches those of
// a batch before it hands the batch on, so that the transform stage, which does no I/O, finds them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "codec/schema_id.h"
#include "runtime/input.h"
#include "schema/catalog.h"

namespace leat::runtime {

/// The part of a record that a schema is of.
enum class RecordPart : uint8_t { kValue, kKey };

/// Of one lane. Any thread.
class WriterSchemas {
 public:
  /// `catalog` and `clock` outlive it. `subject`: in whose context ids are looked up.
  WriterSchemas(schema::Catalog& catalog, io::Clock& clock, std::string subject,
                RecordPart part = RecordPart::kValue)
      : catalog_(catalog), clock_(clock), subject_(std::move(subject)), part_(part) {}

  /// Asks for what the batch's frames name and is not known. False: not yet, call again; waiting() says for what. A
  /// registry that cannot be asked is waited for without end; a schema that it does not have, or does not give,
  /// limits::kUnknownSchemaWaitMs, and less each time that it was in vain.
  bool learn(const stream::RecordBatch& batch);
  /// What has been learnt; kNotFound: the registry does not have it; kInvalidArgument: it is no schema.
  Result<std::shared_ptr<const schema::ParsedSchema>> find(const codec::SchemaId& id) const;
  /// Empty: for nothing.
  std::string waiting() const;

 private:
  using Parsed = Result<std::shared_ptr<const schema::ParsedSchema>>;
  struct Missing {
    int64_t since = -1;     // the first answer that there is none, steady ms; -1: no answer yet
    int64_t ask_at = 0;     // again
    bool given_up = false;  // nobody waits any more
  };
  Result<void> ask(const codec::SchemaId& id);
  bool settled(const codec::SchemaId& id, const stream::RecordId& record);
  bool wait(std::string reason);
  static bool is_away(const Error& error);

  schema::Catalog& catalog_;
  io::Clock& clock_;
  const std::string subject_;
  const RecordPart part_;
  mutable Mutex mutex_;
  std::map<codec::SchemaId, Parsed> known_ GUARDED_BY(mutex_);
  std::string waiting_ GUARDED_BY(mutex_);
  // Of the reading thread alone.
  std::map<codec::SchemaId, Missing> missing_;
  int64_t patience_ms_ = limits::kUnknownSchemaWaitMs;
  bool away_ = false;  // the last question
};

/// The schema of an id in the context of `subject`, with what it refers to, parsed.
Result<std::shared_ptr<const schema::ParsedSchema>> fetch_schema(schema::Catalog& catalog,
                                                                 const codec::SchemaId& id,
                                                                 const std::string& subject);

/// "17", or a GUID as text.
std::string schema_id_text(const codec::SchemaId& id);

/// Hands on what `input` gives, once the schemas of its records have been learnt. Until then it holds the batch. With
/// `keys`, those of kKey: keys are handed on as the text that they would be without a schema (codec/schema_text.h), so that
/// nobody behind the input knows of it. A record whose key names a schema that is not given, or is none of its bytes, is
/// refused (InputBatch::refused): taken for text it would be another key. A key that names no schema stays as it is.
std::unique_ptr<LaneInput> make_schema_input(std::unique_ptr<LaneInput> input, io::Clock& clock,
                                             std::shared_ptr<WriterSchemas> schemas,
                                             std::shared_ptr<WriterSchemas> keys = nullptr);

}  // namespace leat::runtime
