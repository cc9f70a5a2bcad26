// ShownValues: values of registered schemas as the JSON that they stand for, for whoever looks at records. One thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "codec/schema_id.h"
#include "codec/schema_text.h"
#include "schema/catalog.h"
#include "stream/record.h"

namespace leat::server {

class ShownValues {
 public:
  /// `catalog` outlives it; null: every value is shown as it is. `topic`: in whose subject's context ids are looked up.
  ShownValues(schema::Catalog* catalog, const std::string& topic)
      : catalog_(catalog), topic_(topic) {}

  /// The JSON of a value whose schema is known; nullopt: it has no frame, or these are no bytes of its schema.
  std::optional<std::string> show(std::string_view value, std::span<const stream::Header> headers);
  /// The text of a key of a registered schema, as it would be without one; nullopt likewise.
  std::optional<std::string> show_key(std::string_view key,
                                      std::span<const stream::Header> headers);
  /// Puts JSON in the place of each value that has some, and text in that of each key; they live until the next call.
  void show(stream::RecordBatch& batch);

 private:
  /// By the schema, and the indexes in a header. Null: unknown.
  using Texts =
      std::map<std::pair<codec::SchemaId, std::string>, std::unique_ptr<codec::SchemaText>>;
  std::optional<std::string> show(std::string_view bytes, std::span<const stream::Header> headers,
                                  bool key);

  schema::Catalog* catalog_;
  const std::string topic_;
  Texts values_, keys_;
  std::deque<std::string> shown_;
  bool away_ = false;  // the registry could not be asked: not again in this batch
};

}  // namespace leat::server
