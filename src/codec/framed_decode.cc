#include "codec/framed_decode.h"

#include <map>
#include <utility>

namespace leat::codec {
namespace {

using stream::Reason;

constexpr size_t kMostDecoders = 1'000;  // headers may invent indexes

class FramedDecoder final : public stream::Decoder {
 public:
  explicit FramedDecoder(DecoderOf decoder_of) : decoder_of_(std::move(decoder_of)) {}

  void decode(const stream::RecordBatch& batch, types::BatchBuffer& out,
              std::vector<uint32_t>& rows, std::vector<stream::Reject>& rejects) override {
    run_.records.clear();
    places_.clear();
    for (uint32_t i = 0; i < batch.records.size(); ++i) {
      const stream::Record& record = batch.records[i];
      if (!record.value) {
        reject(rejects, i, Reason::kNullValue, "the record has no value");
        continue;
      }
      auto framed = read_schema_frame(*record.value, record.headers, kValueSchemaHeader);
      if (!framed) {
        reject(rejects, i, Reason::kMalformed, framed.error().to_string());
        continue;
      }
      const bool same = framed->schema == schema_ && framed->indexes == indexes_;
      if (!places_.empty() && !same) decode_run(out, rows, rejects);
      schema_ = framed->schema;
      if (!same) indexes_ = framed->indexes;
      stream::Record& inner = run_.records.emplace_back(record);
      inner.value = framed->bytes;
      places_.push_back(i);
    }
    decode_run(out, rows, rejects);
  }

 private:
  /// What is known of one schema: its decoder, or why there is none.
  struct Known {
    std::unique_ptr<stream::Decoder> decoder;
    std::string mismatch;
  };

  static void reject(std::vector<stream::Reject>& rejects, uint32_t record, Reason reason,
                     std::string message) {
    stream::Reject& out = rejects.emplace_back();
    out.record = record, out.reason = reason, out.message = std::move(message);
  }

  void reject_run(std::vector<stream::Reject>& rejects, Reason reason, const std::string& message) {
    for (uint32_t place : places_) reject(rejects, place, reason, message);
  }

  /// Consecutive records of one schema.
  void decode_run(types::BatchBuffer& out, std::vector<uint32_t>& rows,
                  std::vector<stream::Reject>& rejects) {
    if (places_.empty()) return;
    if (auto known = find()) {
      const size_t row = rows.size(), rejected = rejects.size();
      if ((*known)->decoder)
        (*known)->decoder->decode(run_, out, rows, rejects);
      else
        reject_run(rejects, Reason::kSchemaMismatch, (*known)->mismatch);
      if ((*known)->decoder) {
        for (size_t i = row; i < rows.size(); ++i) rows[i] = places_[rows[i]];
        for (size_t i = rejected; i < rejects.size(); ++i)
          rejects[i].record = places_[rejects[i].record];
      }
    } else {
      reject_run(rejects, Reason::kUnknownSchema, known.error().to_string());
    }
    run_.records.clear();
    places_.clear();
  }

  Result<Known*> find() {
    const auto key = std::pair(schema_, indexes_);
    if (auto found = known_.find(key); found != known_.end()) return &found->second;
    auto made = decoder_of_(schema_, indexes_);
    if (!made && made.error().code() == ErrorCode::kNotFound) return std::move(made).error();
    Known known;
    if (made)
      known.decoder = std::move(*made);
    else
      known.mismatch = made.error().to_string();
    if (known_.size() >= kMostDecoders) known_.clear();
    return &known_.emplace(key, std::move(known)).first->second;
  }

  const DecoderOf decoder_of_;
  std::map<std::pair<SchemaId, std::string>, Known> known_;
  SchemaId schema_;      // of the run,
  std::string indexes_;  // and with which indexes
  stream::RecordBatch run_;
  std::vector<uint32_t> places_;  // of the run's records in the batch
};

}  // namespace

std::unique_ptr<stream::Decoder> make_framed_decoder(DecoderOf decoder_of) {
  return std::make_unique<FramedDecoder>(std::move(decoder_of));
}

}  // namespace leat::codec
