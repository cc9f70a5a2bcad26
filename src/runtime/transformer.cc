#include "runtime/transformer.h"

#include <algorithm>
#include <csignal>

#include "io/fault.h"

namespace leat::runtime {
namespace {

// What a log record may have, less what frames it.
constexpr size_t kMostBytes = limits::kMaxRecordBytes - limits::kKiB;
constexpr size_t kLetterBytes = 1 * limits::kKiB;  // of a dead letter beside value and key, roughly

constexpr size_t kRowBytes = 96;  // of a row in the log beside value and key, with its header

/// Of a record's headers in its dead letter, at most.
size_t header_bytes(const stream::Record& record) {
  size_t bytes = 0;
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size() + 12;
  return std::min(bytes, limits::kDeadLetterBytes);
}

size_t bytes_of(const stream::EncodedRows& rows, size_t at) {
  return (rows.keys[at] ? rows.keys[at]->size() : 0) +
         (rows.values[at] ? rows.values[at]->size() : 0);
}

}  // namespace

Transformer::Transformer(const PipelinePlan& plan, std::unique_ptr<sql::Query> query,
                         std::unique_ptr<stream::Decoder> decoder, std::vector<TopicTarget> topics,
                         bool to_store, std::unique_ptr<Tombstones> tombstones)
    : plan_(plan),
      query_(std::move(query)),
      decoder_(std::move(decoder)),
      topics_(std::move(topics)),
      to_store_(to_store),
      tombstones_(std::move(tombstones)) {}

Result<void> Transformer::run(Outcome& out, const Admit& admit) {
  drop_duplicates(out);
  std::vector<uint32_t> banned;
  if (admit) {
    ASSIGN(banned, try_each(out, admit));
  }
  return transform(out, banned);
}

Result<std::vector<uint32_t>> Transformer::try_each(const Outcome& out, const Admit& admit) {
  std::vector<uint32_t> banned;
  const auto& batch = out.input.records;
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    ASSIGN(bool admitted, admit(out.input.identity(i)));
    if (!admitted) {
      banned.push_back(i);
    } else if (batch.records.size() > 1) {
      Outcome alone;
      alone.input.records.origin = batch.origin;
      alone.input.records.records = {batch.records[i]};
      alone.input.records.versions = {batch.versions[i]};
      alone.input.originals = {out.input.identity(i)};
      TRY(transform(alone, {}));
    }
  }
  return banned;
}

Result<void> Transformer::transform(Outcome& out, const std::vector<uint32_t>& banned) {
  const stream::RecordBatch& batch = out.input.records;
  out.fates.assign(batch.records.size(), Fate::kFiltered);
  out.rule_hits.assign(plan_.rules.size(), 0);
  out.topics.resize(topics_.size());
  out.bytes = batch.bytes;

  if (!out.decoded) out.decoded.emplace(query_->read_schema());
  out.decoded->reset();
  rows_.clear();
  decode_rejects_.clear();
  if (banned.empty()) {
    decode(batch, *out.decoded);
  } else {
    stream::RecordBatch admitted = batch;
    for (uint32_t record : banned) {
      admitted.records[record].value = "";
      reject(
          out,
          {record,
           stream::Stage::kTransform,
           stream::Reason::kExpressionFailed,
           {},
           "the process ended each time this record was run; report it with the record's bytes"});
    }
    decode(admitted, *out.decoded);
  }
  for (const stream::Reject& refused : out.input.refused) reject(out, refused);
  for (stream::Reject& reject : decode_rejects_) {
    if (tombstones_ && reject.reason == stream::Reason::kNullValue) continue;
    this->reject(out, std::move(reject));
  }
  if (!rows_.empty()) {
    ASSIGN(out.query, query_->run(out.decoded->view(), rows_, batch));
    for (stream::Reject& reject : out.query.rejects) this->reject(out, std::move(reject));
    apply_rules(out);
    if (out.stop_rule) return {};
    if (tombstones_) check_keys(out);
    encode(out);
  }
  if (tombstones_) read_tombstones(out);
  if (to_store_) select_rows(out);
  out.count();
  weigh(out);
  return {};
}

/// What the outcome writes to the log.
void Transformer::weigh(Outcome& out) {
  out.output_bytes = 0;
  for (size_t t = 0; t < topics_.size(); ++t) {
    const TopicRows& rows = out.topics[t];
    for (const TopicRows::Row& row : rows.rows)
      out.output_bytes += bytes_of(rows.encoded, row.at) + kRowBytes;
  }
  for (const stream::Reject& reject : out.rejects) {
    const stream::Record& record = out.input.records.records[reject.record];
    out.output_bytes += std::min(record.value.value_or("").size(), limits::kDeadLetterBytes) +
                        std::min(record.key.value_or("").size(), limits::kDeadLetterBytes) +
                        std::min(reject.message.size(), limits::kDeadLetterMessageBytes) +
                        header_bytes(record) + kLetterBytes;
  }
  out.bytes += out.output_bytes;
}

void Transformer::decode(const stream::RecordBatch& batch, types::BatchBuffer& out) {
  if (io::planted_bug("transform_dies_of_poison")) {
    for (const stream::Record& record : batch.records) {
      if (record.value.value_or("").find("poison") != std::string_view::npos) std::raise(SIGKILL);
    }
  }
  decoder_->decode(batch, out, rows_, decode_rejects_);
}

void Transformer::drop_duplicates(Outcome& out) {
  auto& duplicate = out.input.duplicate;
  if (duplicate.empty()) return;
  auto& batch = out.input.records;
  size_t kept = 0;
  for (size_t i = 0; i < batch.records.size(); ++i) {
    if (duplicate[i]) continue;
    batch.records[kept] = batch.records[i];
    batch.versions[kept] = batch.versions[i];
    ++kept;
  }
  out.delta.deduplicated = static_cast<int64_t>(batch.records.size() - kept);
  batch.records.resize(kept);
  batch.versions.resize(kept);
  duplicate.clear();
}

void Transformer::reject(Outcome& out, stream::Reject reject) {
  if (out.fates[reject.record] == Fate::kRejected) return;
  out.fates[reject.record] = Fate::kRejected;
  out.rejects.push_back(std::move(reject));
}

void Transformer::apply_rules(Outcome& out) {
  broken_.assign(out.fates.size(), 0);  // a bit per rule; all rows of a record together
  for (size_t c = 0; c < out.query.chunks.size(); ++c) {
    for (size_t row = 0; row < out.query.records[c].size(); ++row) {
      const uint32_t record = out.query.records[c][row];
      if (out.fates[record] == Fate::kRejected) continue;
      out.fates[record] = Fate::kDelivered;
      if (!plan_.rules.empty()) broken_[record] |= out.query.violated[c][row];
    }
  }
  for (uint32_t record = 0; record < broken_.size(); ++record) {
    if (broken_[record] != 0) judge(out, record, broken_[record]);
  }
}

void Transformer::judge(Outcome& out, uint32_t record, uint64_t broken) {
  const RulePlan* quarantine = nullptr;
  bool drop = false;
  for (size_t r = 0; r < plan_.rules.size(); ++r) {
    if (!(broken >> r & 1)) continue;
    const RulePlan& rule = plan_.rules[r];
    ++out.rule_hits[r];
    switch (rule.on_fail) {
      case OnFail::kFail:
        if (!out.stop_rule) {
          out.stop_message =
              fmt::format("record {} violates rule {}: expected {}",
                          out.input.identity(record).to_string(), rule.name, rule.expect);
        }
        out.stop_rule = true;
        break;
      case OnFail::kQuarantine:
        if (!quarantine) quarantine = &rule;
        break;
      case OnFail::kDrop:
        drop = true;
        break;
      case OnFail::kWarn:
        break;
    }
  }
  if (quarantine) {
    reject(out, {record, stream::Stage::kQuality, stream::Reason::kRuleFailed, quarantine->name,
                 fmt::format("rule {} expects {}", quarantine->name, quarantine->expect)});
  } else if (drop) {
    out.fates[record] = Fate::kDropped;
  }
}

void Transformer::encode(Outcome& out) {
  record_bytes_.assign(out.fates.size(), 0);
  for (size_t t = 0; t < topics_.size(); ++t) {
    TopicRows& rows = out.topics[t];
    const auto limit = static_cast<size_t>(topics_[t].topic.max_record_bytes);
    const size_t most = limit > 0 ? std::min(limit, kMostBytes) : kMostBytes;
    for (size_t c = 0; c < out.query.chunks.size(); ++c) {
      const auto& records = out.query.records[c];
      const size_t base = rows.encoded.values.size();
      failures_.clear();
      topics_[t].encoder->encode(out.query.chunks[c], rows.encoded, failures_);
      for (auto& failure : failures_) {
        const uint32_t record = records[failure.row];
        if (out.fates[record] != Fate::kDelivered) continue;
        reject(out,
               {record, stream::Stage::kEncode, failure.reason, {}, std::move(failure.message)});
      }
      for (size_t row = 0; row < records.size(); ++row) {
        rows.rows.push_back({records[row], 0, base + row});
        const size_t bytes = bytes_of(rows.encoded, base + row);
        const size_t together = record_bytes_[records[row]] += bytes;
        if (bytes <= most && together <= limits::kMaxRecordOutputBytes) continue;
        if (out.fates[records[row]] != Fate::kDelivered) continue;
        reject(out,
               {records[row],
                stream::Stage::kEncode,
                stream::Reason::kTooLarge,
                {},
                bytes > most ? fmt::format("a row of {} bytes for topic {}, more than {}", bytes,
                                           topics_[t].topic.spec.name, most)
                             : fmt::format("its rows for topics are together longer than {} bytes",
                                           limits::kMaxRecordOutputBytes)});
      }
    }
  }
  // A record is all or nothing, over all topics: only now is known which records go.
  for (size_t t = 0; t < topics_.size(); ++t) {
    TopicRows& rows = out.topics[t];
    std::erase_if(rows.rows, [&](const TopicRows::Row& row) {
      return out.fates[row.record] != Fate::kDelivered;
    });
    const int32_t partitions = topics_[t].topic.spec.partitions;
    for (TopicRows::Row& row : rows.rows) {
      const auto& key = rows.encoded.keys[row.at];
      // Without a key the record's own offset spreads the rows, the same way in every replay.
      row.partition =
          key ? stream::partition_of(*key, partitions)
              : static_cast<int32_t>(out.input.identity(row.record).offset % partitions);
    }
  }
}

void Transformer::check_keys(Outcome& out) {
  decode_rejects_.clear();
  tombstones_->check_keys(out, decode_rejects_);
  for (stream::Reject& reject : decode_rejects_) this->reject(out, std::move(reject));
}

void Transformer::read_tombstones(Outcome& out) {
  decode_rejects_.clear();
  tombstones_->read(out, decode_rejects_);
  for (stream::Reject& reject : decode_rejects_) this->reject(out, std::move(reject));
}

void Transformer::select_rows(Outcome& out) {
  drop_.assign(out.fates.size(), false);
  for (size_t record = 0; record < out.fates.size(); ++record) {
    drop_[record] = out.fates[record] != Fate::kDelivered;
  }
  if (io::planted_bug("transform_drop_last_record") && !drop_.empty()) drop_.back() = true;
  out.query.drop(drop_);
  out.place_rows();
}

}  // namespace leat::runtime
