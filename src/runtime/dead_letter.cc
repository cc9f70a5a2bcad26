#include "runtime/dead_letter.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "io/digest.h"

namespace leat::runtime {
namespace {

constexpr size_t kRedriveBatch = 1000;

std::string letter_key(std::string_view sink, const stream::RecordId& id) {
  return fmt::format("{}|{}|{}|{}|{}", sink, id.origin.topic, id.origin.topic_id.to_string(),
                     id.origin.partition, id.offset);
}

template <typename T>
T number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Fills the fields that are headers of an entry; false when it is no dead letter of ours.
bool read_headers(const stream::Record& record, DeadLetter& letter) {
  bool identity = false, was_null = false;
  for (const auto& [name, value] : record.headers) {
    if (name.starts_with("h.")) {
      letter.headers.emplace_back(name.substr(2), value);
    } else if (name == "leat-sink") {
      letter.sink = value;
    } else if (name == "leat-topic") {
      letter.id.origin.topic = value;
    } else if (name == "leat-topic-id") {
      letter.id.origin.topic_id = stream::TopicId::parse(value).value_or(stream::TopicId{});
    } else if (name == "leat-partition") {
      letter.id.origin.partition = number<int32_t>(value);
    } else if (name == "leat-offset") {
      letter.id.offset = number<int64_t>(value);
      identity = true;
    } else if (name == "leat-stage") {
      letter.stage = stream::parse_stage(value).value_or(stream::Stage::kDecode);
    } else if (name == "leat-reason") {
      letter.reason = stream::parse_reason(value).value_or(stream::Reason::kMalformed);
    } else if (name == "leat-rule") {
      letter.rule = value;
    } else if (name == "leat-message") {
      letter.message = value;
    } else if (name == "leat-version") {
      letter.version = number<int64_t>(value);
    } else if (name == "leat-pipeline-hash") {
      letter.pipeline_hash = value;
    } else if (name == "leat-time") {
      letter.time_ms = number<int64_t>(value);
    } else if (name == "leat-length") {
      letter.length = number<int64_t>(value);
    } else if (name == "leat-sha256") {
      letter.sha256 = value;
    } else if (name == "leat-key") {
      letter.key = std::string(value);
    } else if (name == "leat-retry") {
      const size_t slash = value.find('/');
      letter.retry = {number<int32_t>(value.substr(0, slash)),
                      number<int64_t>(value.substr(slash + 1))};
    } else if (name == "leat-null") {
      was_null = true;
    }
  }
  if (!was_null && record.value) letter.value = std::string(*record.value);
  return identity;
}

}  // namespace

DeadLetterWriter::DeadLetterWriter(std::string sink, std::string pipeline_hash)
    : sink_(std::move(sink)), pipeline_hash_(std::move(pipeline_hash)) {}

void DeadLetterWriter::add(const stream::RecordId& id, const stream::Record& record,
                           int64_t version, const stream::Reject& reject,
                           std::optional<RetryPlace> retry) {
  DeadLetter letter;
  letter.retry = retry;
  letter.sink = sink_;
  letter.id = id;
  if (record.key) letter.key = std::string(*record.key);
  if (record.value) {
    letter.length = static_cast<int64_t>(record.value->size());
    letter.value = std::string(record.value->substr(0, limits::kDeadLetterBytes));
    if (!letter.whole()) letter.sha256 = io::sha256_hex(*record.value);
  }
  for (const auto& [name, value] : record.headers) {
    if (name.starts_with("leat-")) continue;
    letter.headers.emplace_back(name.starts_with("h.") ? name.substr(2) : name, value);
  }
  letter.stage = reject.stage;
  letter.reason = reject.reason;
  letter.rule = reject.rule;
  letter.message = reject.message;
  letter.version = version;
  letter.time_ms = record.timestamp_ms;
  letter.pipeline_hash = pipeline_hash_;
  add(letter);
}

void DeadLetterWriter::add(const DeadLetter& letter) {
  Entry& entry = entries_.emplace_back();
  entry.key = letter_key(letter.sink, letter.id);
  entry.value = letter.value ? *letter.value : std::string();
  auto& h = entry.headers;
  h.reserve(16 + letter.headers.size());
  h.emplace_back("leat-sink", letter.sink);
  h.emplace_back("leat-topic", letter.id.origin.topic);
  h.emplace_back("leat-topic-id", letter.id.origin.topic_id.to_string());
  h.emplace_back("leat-partition", std::to_string(letter.id.origin.partition));
  h.emplace_back("leat-offset", std::to_string(letter.id.offset));
  h.emplace_back("leat-stage", stream::to_string(letter.stage));
  h.emplace_back("leat-reason", stream::to_string(letter.reason));
  if (!letter.rule.empty()) h.emplace_back("leat-rule", letter.rule);
  h.emplace_back("leat-message", letter.message);
  h.emplace_back("leat-version", std::to_string(letter.version));
  h.emplace_back("leat-pipeline-hash", letter.pipeline_hash);
  h.emplace_back("leat-time", std::to_string(letter.time_ms));
  h.emplace_back("leat-length", std::to_string(letter.length));
  if (!letter.sha256.empty()) h.emplace_back("leat-sha256", letter.sha256);
  if (letter.key) h.emplace_back("leat-key", *letter.key);
  if (!letter.value) h.emplace_back("leat-null", "1");
  if (letter.retry)
    h.emplace_back("leat-retry",
                   fmt::format("{}/{}", letter.retry->partition, letter.retry->offset));
  for (const auto& [name, value] : letter.headers) h.emplace_back("h." + name, value);
}

std::span<const stream::OutRecord> DeadLetterWriter::records() {
  records_.clear();
  for (Entry& entry : entries_) {
    entry.views.clear();
    for (const auto& [name, value] : entry.headers) entry.views.push_back({name, value});
    stream::OutRecord out;
    out.key = entry.key;
    if (entry.value) out.value = *entry.value;
    out.headers = entry.views;
    records_.push_back(out);
  }
  return records_;
}

std::optional<RetryOrigin> retry_origin(const stream::Record& record) {
  RetryOrigin origin;
  bool identity = false;
  for (const auto& [name, value] : record.headers) {
    if (name == "leat-sink")
      origin.sink = value;
    else if (name == "leat-topic")
      origin.id.origin.topic = value;
    else if (name == "leat-topic-id")
      origin.id.origin.topic_id = stream::TopicId::parse(value).value_or(stream::TopicId{});
    else if (name == "leat-partition")
      origin.id.origin.partition = number<int32_t>(value);
    else if (name == "leat-offset")
      origin.id.offset = number<int64_t>(value), identity = true;
    else if (name == "leat-version")
      origin.version = number<int64_t>(value);
  }
  if (!identity) return std::nullopt;
  return origin;
}

Result<std::vector<DeadLetter>> read_dead_letters(stream::Log& log, const std::string& topic) {
  auto info = log.topics().find(topic);
  if (!info) {
    if (info.error().code() == ErrorCode::kNotFound) return std::vector<DeadLetter>{};
    return std::move(info).error();
  }
  std::map<std::string, DeadLetter, std::less<>> letters;
  stream::RecordBatch batch;
  for (int32_t partition = 0; partition < info->spec.partitions; ++partition) {
    ASSIGN(auto reader, log.reader(*info));
    ASSIGN(stream::PartitionBounds bounds, reader->bounds(partition));
    if (bounds.start >= bounds.end) continue;
    TRY(reader->seek(partition, bounds.start));
    for (int64_t next = bounds.start; next < bounds.end; next = batch.next_offset) {
      batch.clear();
      ASSIGN(bool some, reader->poll(batch, {}, {}, std::chrono::milliseconds(0)));
      if (!some) break;
      for (const stream::Record& record : batch.records) {
        if (!record.key) continue;
        DeadLetter letter;
        letter.dlq_offset = record.offset;
        if (!record.value || !read_headers(record, letter)) {
          letters.erase(std::string(*record.key));
          continue;
        }
        letters.insert_or_assign(std::string(*record.key), std::move(letter));
      }
    }
  }
  std::vector<DeadLetter> out;
  out.reserve(letters.size());
  for (auto& [key, letter] : letters) out.push_back(std::move(letter));
  std::sort(out.begin(), out.end(),
            [](const DeadLetter& a, const DeadLetter& b) { return a.dlq_offset < b.dlq_offset; });
  return out;
}

namespace {

/// Erases `letters` from the dead letter topic, and appends them to `retry` when it is given; one transaction.
Result<void> move_letters(stream::Log& log, const std::string& owner, const stream::TopicInfo& dlq,
                          const stream::TopicInfo* retry,
                          std::span<const DeadLetter* const> letters) {
  ASSIGN(auto transaction, log.begin(owner));
  std::map<int32_t, DeadLetterWriter> writers;
  std::deque<std::string> keys;
  std::map<int32_t, std::vector<stream::OutRecord>> tombstones;
  for (const DeadLetter* letter : letters) {
    if (retry) {
      int32_t partition = std::min(letter->id.origin.partition, retry->spec.partitions - 1);
      writers.try_emplace(partition, "", "").first->second.add(*letter);
    }
    keys.push_back(letter_key(letter->sink, letter->id));
    stream::OutRecord tombstone;
    tombstone.key = keys.back();
    tombstones[stream::partition_of(keys.back(), dlq.spec.partitions)].push_back(tombstone);
  }
  for (auto& [partition, writer] : writers)
    TRY(transaction->append(*retry, partition, writer.records()));
  for (auto& [partition, records] : tombstones) TRY(transaction->append(dlq, partition, records));
  return transaction->commit();
}

}  // namespace

namespace {

/// True when the sink's position is behind the record where it was read last: in the retry topic when it has been
/// redriven before. Until then the lane may still write the record, or its letter, again.
bool passed(const DeadLetter& letter, const std::string& retry_topic,
            std::span<const stream::Progress> rows) {
  return std::any_of(rows.begin(), rows.end(), [&](const stream::Progress& row) {
    if (row.sink != letter.sink) return false;
    if (!letter.retry) return row.input == letter.id.origin && row.next > letter.id.offset;
    return row.input.topic == retry_topic && row.input.partition == letter.retry->partition &&
           row.next > letter.retry->offset;
  });
}

/// True when the topic that the record was read from is no more, or another one bears its name: no lane reads it again.
bool is_gone(const DeadLetter& letter, stream::Log& log) {
  const stream::TopicPartition& from = letter.id.origin;
  if (letter.retry || from.topic.find(':') != std::string::npos)
    return false;  // "file:NAME": a source
  auto topic = log.topics().find(from.topic);
  return topic ? topic->id != from.topic_id : topic.error().code() == ErrorCode::kNotFound;
}

}  // namespace

Result<RedriveReport> redrive(stream::Log& log, const std::string& project,
                              const std::string& pipeline, int32_t partitions,
                              std::span<const stream::Progress> rows,
                              const std::function<bool(const DeadLetter&)>& wanted, bool dry_run) {
  RedriveReport report;
  const std::string topic = fmt::format("{}.{}.dlq", project, pipeline);
  const std::string retry_topic = fmt::format("{}.{}.retry", project, pipeline);
  ASSIGN(std::vector<DeadLetter> letters, read_dead_letters(log, topic));
  std::vector<const DeadLetter*> chosen;
  for (const DeadLetter& letter : letters) {
    if (!wanted(letter)) continue;
    ++report.matched;
    if (!letter.whole()) {
      ++report.truncated;
      continue;
    }
    if (!passed(letter, retry_topic, rows) && !is_gone(letter, log)) {
      ++report.waiting;
      continue;
    }
    chosen.push_back(&letter);
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const DeadLetter* a, const DeadLetter* b) { return a->id < b->id; });
  report.moved = static_cast<int64_t>(chosen.size());
  if (dry_run || chosen.empty()) return report;
  ASSIGN(stream::TopicInfo dlq, log.topics().find(topic));
  stream::TopicSpec spec;
  spec.name = retry_topic;
  spec.partitions = partitions;
  ASSIGN(stream::TopicInfo retry, log.topics().ensure(spec));
  for (size_t at = 0; at < chosen.size(); at += kRedriveBatch) {
    size_t n = std::min(kRedriveBatch, chosen.size() - at);
    TRY(move_letters(log, spec.name, dlq, &retry, std::span(chosen).subspan(at, n)));
  }
  return report;
}

Result<int64_t> purge(stream::Log& log, const std::string& project, const std::string& pipeline,
                      const std::function<bool(const DeadLetter&)>& wanted, bool dry_run) {
  const std::string topic = fmt::format("{}.{}.dlq", project, pipeline);
  ASSIGN(std::vector<DeadLetter> letters, read_dead_letters(log, topic));
  std::vector<const DeadLetter*> chosen;
  for (const DeadLetter& letter : letters) {
    if (wanted(letter)) chosen.push_back(&letter);
  }
  if (!dry_run && !chosen.empty()) {
    ASSIGN(stream::TopicInfo dlq, log.topics().find(topic));
    for (size_t at = 0; at < chosen.size(); at += kRedriveBatch) {
      size_t n = std::min(kRedriveBatch, chosen.size() - at);
      TRY(move_letters(log, topic, dlq, nullptr, std::span(chosen).subspan(at, n)));
    }
  }
  return static_cast<int64_t>(chosen.size());
}

}  // namespace leat::runtime
