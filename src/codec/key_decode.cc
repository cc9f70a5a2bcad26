#include "codec/key_decode.h"

#include <fmt/core.h>

#include <cstring>
#include <utility>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/json_decode.h"
#include "codec/json_index.h"
#include "codec/text.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Kind;

/// Kinds whose canonical text is their JSON; the others' is what stands between the quotes.
bool is_literal(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
    case Kind::kInt8:
    case Kind::kInt16:
    case Kind::kInt32:
    case Kind::kInt64:
    case Kind::kInt128:
    case Kind::kUint8:
    case Kind::kUint16:
    case Kind::kUint32:
    case Kind::kUint64:
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kDecimal:
      return true;
    default:
      return false;
  }
}

/// Makes a JSON object of each key, which the decoder of values then checks and converts.
class KeyDecoder final : public stream::Decoder {
 public:
  KeyDecoder(const types::Schema& key, std::unique_ptr<stream::Decoder> objects)
      : literal_(is_literal(key.fields[0].type.kind())), objects_(std::move(objects)) {
    for (const types::Field& field : key.fields) {
      std::string label = labels_.empty() ? "{" : ",";
      append_json_string(field.name, label);
      labels_.push_back(label + ":");
    }
  }

  void decode(const stream::RecordBatch& batch, types::BatchBuffer& out,
              std::vector<uint32_t>& rows, std::vector<stream::Reject>& rejects) override {
    texts_.clear(), ends_.clear(), places_.clear();
    for (uint32_t i = 0; i < batch.records.size(); ++i) {
      const size_t begin = texts_.size();
      if (append_object(batch.records[i].key)) {
        places_.push_back(i);
        ends_.push_back(texts_.size());
        continue;
      }
      texts_.resize(begin);
      rejects.push_back({i, stream::Stage::kDecode, reason_, {}, std::move(message_)});
    }
    decode_objects(out, rows, rejects);
  }

 private:
  void decode_objects(types::BatchBuffer& out, std::vector<uint32_t>& rows,
                      std::vector<stream::Reject>& rejects) {
    stream::RecordBatch objects;
    objects.records.resize(places_.size());
    for (size_t i = 0; i < places_.size(); ++i) {
      const size_t begin = i == 0 ? 0 : ends_[i - 1];
      objects.records[i].value = std::string_view(texts_).substr(begin, ends_[i] - begin);
    }
    const size_t first_row = rows.size(), first_reject = rejects.size();
    objects_->decode(objects, out, rows, rejects);
    for (size_t i = first_row; i < rows.size(); ++i) rows[i] = places_[rows[i]];
    for (size_t i = first_reject; i < rejects.size(); ++i) {
      stream::Reject& reject = rejects[i];
      reject.record = places_[reject.record];
      if (reject.reason == Reason::kMissingField) reject.reason = Reason::kNullKey;
      reject.message = "the message's key: " + reject.message;
    }
  }

  bool reject(Reason reason, std::string message) {
    reason_ = reason;
    message_ = std::move(message);
    return false;
  }

  bool append_object(const std::optional<std::string_view>& key) {
    if (!key) return reject(Reason::kNullKey, "the message has neither a key nor a value");
    if (!is_utf8(*key)) return reject(Reason::kInvalidUtf8, "the message's key is no UTF-8");
    return labels_.size() == 1 ? append_one(*key) : append_several(*key);
  }

  bool append_one(std::string_view key) {
    texts_ += labels_[0];
    if (!literal_) {
      append_json_string(key, texts_);
    } else if (index_.build(key) && index_.check(true) && !std::strchr("{[\"", index_.kind(0))) {
      texts_ += key;
    } else {
      return reject(
          Reason::kWrongType,
          fmt::format("the message's key: expected a number or a boolean, found `{}`", shown(key)));
    }
    texts_ += '}';
    return true;
  }

  bool append_several(std::string_view key) {
    const auto wrong = [&] {
      return reject(Reason::kWrongType,
                    fmt::format("the message's key: expected a JSON array of {}, found `{}`",
                                labels_.size(), shown(key)));
    };
    if (!index_.build(key) || !index_.check(true) || index_.kind(0) != '[') return wrong();
    uint32_t token = 1;
    for (size_t i = 0; i < labels_.size(); ++i) {
      if (index_.kind(token) == ']') return wrong();
      const uint32_t end = index_.skip(token, 1, false);
      texts_ += labels_[i];
      texts_ += index_.value(token, end);
      const bool last = i + 1 == labels_.size();
      if (index_.kind(end) != (last ? ']' : ',')) return wrong();
      token = end + 1;
    }
    texts_ += '}';
    return true;
  }

  const bool literal_;
  const std::unique_ptr<stream::Decoder> objects_;
  std::vector<std::string> labels_;  // `{"first":`, then `,"second":`
  JsonIndex index_;
  std::string texts_;  // the objects, one after the other
  std::vector<size_t> ends_;
  std::vector<uint32_t> places_;  // of each object: its record
  Reason reason_ = Reason::kNullKey;
  std::string message_;
};

}  // namespace

Result<std::unique_ptr<stream::Decoder>> make_key_decoder(const types::Schema& key) {
  CHECK(!key.fields.empty(), "a key of no column");
  types::Schema columns = key;
  for (types::Field& field : columns.fields) {
    const Kind kind = field.type.kind();
    if (field.type.is_nested() || kind == Kind::kJson || kind == Kind::kSqlNull)
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("column {} is a {}, which no message's key gives back", field.name,
                               field.type.to_sql()))
          .with_blame(Blame::kUser)
          .with_hint("select the plain value that is the message's key");
    field.required = true;
  }
  ASSIGN(auto objects, make_json_decoder(columns));
  return std::unique_ptr<stream::Decoder>(std::make_unique<KeyDecoder>(key, std::move(objects)));
}

}  // namespace leat::codec
