#include "runtime/dead_letter.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "base/strings.h"
#include "io/digest.h"
#include "stream/read_span.h"

namespace leat::runtime {
namespace {

constexpr size_t kRedriveBatch = 1000;
constexpr size_t kOwnHeaders = 20;  // leat-…: at most so many

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
      if (letter.key_length == 0) letter.key_length = static_cast<int64_t>(value.size());
    } else if (name == "leat-key-length") {
      letter.key_length = number<int64_t>(value);
    } else if (name == "leat-headers-cut") {
      letter.headers_cut = number<int64_t>(value);
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
  if (record.key) {
    letter.key_length = static_cast<int64_t>(record.key->size());
    letter.key = std::string(record.key->substr(0, limits::kDeadLetterBytes));
  }
  if (record.value) {
    letter.length = static_cast<int64_t>(record.value->size());
    letter.value = std::string(record.value->substr(0, limits::kDeadLetterBytes));
    if (!letter.whole()) letter.sha256 = io::sha256_hex(*record.value);
  }
  size_t header_bytes = 0;
  for (const auto& [name, value] : record.headers) {
    if (name.starts_with("leat-")) continue;
    header_bytes += name.size() + value.size();
    if (header_bytes > limits::kDeadLetterBytes ||
        letter.headers.size() + kOwnHeaders >= limits::kMaxHeaders) {
      ++letter.headers_cut;
      continue;
    }
    letter.headers.emplace_back(name.starts_with("h.") ? name.substr(2) : name, value);
  }
  letter.stage = reject.stage;
  letter.reason = reject.reason;
  letter.rule = reject.rule;
  letter.message = utf8_prefix(reject.message, limits::kDeadLetterMessageBytes);
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
  h.reserve(kOwnHeaders + letter.headers.size());
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
  if (letter.key && letter.key_length != static_cast<int64_t>(letter.key->size()))
    h.emplace_back("leat-key-length", std::to_string(letter.key_length));
  if (letter.headers_cut > 0)
    h.emplace_back("leat-headers-cut", std::to_string(letter.headers_cut));
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
    else if (name == "leat-time")
      origin.time_ms = number<int64_t>(value);
    else if (name == "leat-key")
      origin.key = value;
    else if (name == "leat-null")
      origin.null_value = true;
  }
  if (!identity) return std::nullopt;
  return origin;
}

namespace {

constexpr size_t kVisitLetters = 1000;             // at a time,
constexpr size_t kVisitBytes = 16 * limits::kMiB;  // and of their values

/// Calls `see(partition, record)` for every record that the topic has now.
template <typename See>
Result<void> for_each_entry(stream::Log& log, const stream::TopicInfo& topic, See see) {
  bool more = true;
  const auto each = [&](const stream::RecordBatch& batch) -> Result<bool> {
    for (const stream::Record& record : batch.records) {
      if (!record.key) continue;
      ASSIGN(more, see(batch.origin.partition, record));
      if (!more) break;
    }
    return more;
  };
  for (int32_t partition = 0; partition < topic.spec.partitions && more; ++partition) {
    ASSIGN(auto reader, log.reader(topic));
    ASSIGN(stream::PartitionBounds bounds, reader->bounds(partition));
    TRY(stream::read_span(*reader, partition, bounds.start, bounds.end, {}, {}, each));
  }
  return {};
}

/// By the key's hash, 64 bytes or so a letter: where its last entry stands.
using LastEntries = std::map<std::array<uint8_t, 16>, std::pair<int32_t, int64_t>>;

Result<LastEntries> last_entries(stream::Log& log, const stream::TopicInfo& topic) {
  LastEntries last;
  TRY(for_each_entry(log, topic,
                     [&](int32_t partition, const stream::Record& record) -> Result<bool> {
                       last[io::digest128(*record.key)] = {partition, record.offset};
                       return true;
                     }));
  return last;
}

}  // namespace

Result<void> visit_dead_letters(stream::Log& log, const std::string& topic,
                                const LetterVisitor& visit) {
  auto info = log.topics().find(topic);
  if (!info) {
    if (info.error().code() == ErrorCode::kNotFound) return {};
    return std::move(info).error();
  }
  ASSIGN(LastEntries last, last_entries(log, *info));
  std::vector<DeadLetter> letters;
  size_t bytes = 0;
  auto flush = [&]() -> Result<bool> {
    ASSIGN(bool more, visit(letters));
    letters.clear();
    bytes = 0;
    return more;
  };
  bool more = true;
  TRY(for_each_entry(
      log, *info, [&](int32_t partition, const stream::Record& record) -> Result<bool> {
        auto it = last.find(io::digest128(*record.key));
        // What was written since the first look is not of this visit.
        if (it == last.end() || it->second != std::pair(partition, record.offset)) return true;
        DeadLetter letter;
        letter.dlq_partition = partition;
        letter.dlq_offset = record.offset;
        if (!record.value || !read_headers(record, letter)) return true;
        bytes += record.value->size() + letter.message.size() + letter.key.value_or("").size();
        letters.push_back(std::move(letter));
        if (letters.size() < kVisitLetters && bytes < kVisitBytes) return true;
        ASSIGN(more, flush());
        return more;
      }));
  if (more && !letters.empty()) TRY(flush());
  return {};
}

Result<std::vector<DeadLetter>> read_dead_letters(stream::Log& log, const std::string& topic) {
  std::vector<DeadLetter> out;
  TRY(visit_dead_letters(log, topic, [&](std::span<DeadLetter> letters) -> Result<bool> {
    std::move(letters.begin(), letters.end(), std::back_inserter(out));
    return true;
  }));
  return out;
}

namespace {

/// Erases `letters` from the dead letter topic, and appends them to `retry` when it is given; one transaction.
Result<void> move_letters(stream::Log& log, const std::string& owner, const stream::TopicInfo& dlq,
                          const stream::TopicInfo* retry, std::span<const DeadLetter> letters) {
  ASSIGN(auto transaction, log.begin(owner));
  std::map<int32_t, DeadLetterWriter> writers;
  std::deque<std::string> keys;
  std::map<int32_t, std::vector<stream::OutRecord>> tombstones;
  for (const DeadLetter& letter : letters) {
    if (retry) {
      int32_t partition = std::min(letter.id.origin.partition, retry->spec.partitions - 1);
      writers.try_emplace(partition, "", "").first->second.add(letter);
    }
    keys.push_back(letter_key(letter.sink, letter.id));
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

/// Where a letter that was chosen stands; its bytes are fetched when it is moved.
struct LetterPlace {
  std::string sink;
  stream::RecordId id;
  int32_t partition = 0;
  int64_t offset = 0;
  explicit LetterPlace(const DeadLetter& letter)
      : sink(letter.sink),
        id(letter.id),
        partition(letter.dlq_partition),
        offset(letter.dlq_offset) {}
};

/// Reads letters by their place; near ones, in ascending order, cost one look into the log together. One thread.
class LetterReader {
 public:
  LetterReader(stream::Log& log, const stream::TopicInfo& dlq) : log_(log), dlq_(dlq) {}

  /// The letters of `places`, from `at` on, until a block is full; `at` moves on. Those that retention has deleted
  /// meanwhile are left out.
  Result<std::vector<DeadLetter>> block(std::span<const LetterPlace> places, size_t& at) {
    std::vector<DeadLetter> letters;
    for (size_t bytes = 0;
         at < places.size() && letters.size() < kRedriveBatch && bytes < kVisitBytes; ++at) {
      const LetterPlace& place = places[at];
      ASSIGN(const stream::Record* record, find(place));
      DeadLetter letter;
      letter.dlq_partition = place.partition;
      letter.dlq_offset = place.offset;
      if (record == nullptr || !read_headers(*record, letter)) continue;
      for (const auto& [name, value] : record->headers) bytes += name.size() + value.size();
      bytes += record->value.value_or("").size();
      letters.push_back(std::move(letter));
    }
    return letters;
  }

 private:
  struct Part {  // each partition has its own: a reader of several takes turns
    std::unique_ptr<stream::TopicReader> reader;
    stream::RecordBatch batch;
  };

  /// Null when it is not there any more.
  Result<const stream::Record*> find(const LetterPlace& place) {
    Part& part = parts_[place.partition];
    if (const stream::Record* held = held_in(part.batch, place.offset)) return held;
    if (!part.reader) {
      ASSIGN(part.reader, log_.reader(dlq_));
    }
    auto sought = part.reader->seek(place.partition, place.offset);
    if (!sought && sought.error().code() == ErrorCode::kDataLost) return nullptr;
    TRY(std::move(sought));
    part.batch.clear();
    ASSIGN(bool some, part.reader->poll(part.batch, {}, {},
                                        std::chrono::milliseconds(limits::kReadPatienceMs)));
    return some ? held_in(part.batch, place.offset) : nullptr;
  }

  static const stream::Record* held_in(const stream::RecordBatch& batch, int64_t offset) {
    auto it = std::lower_bound(
        batch.records.begin(), batch.records.end(), offset,
        [](const stream::Record& record, int64_t wanted) { return record.offset < wanted; });
    return it != batch.records.end() && it->offset == offset ? &*it : nullptr;
  }

  stream::Log& log_;
  const stream::TopicInfo& dlq_;
  std::map<int32_t, Part> parts_;
};

}  // namespace

Result<stream::TopicInfo> ensure_retry_topic(stream::Log& log, const std::string& name,
                                             int32_t partitions) {
  auto topic = log.topics().find(name);
  if (topic || topic.error().code() != ErrorCode::kNotFound) return topic;
  stream::TopicSpec spec;
  spec.name = name;
  spec.partitions = partitions;
  return log.topics().ensure(spec);
}

Result<RedriveReport> redrive(stream::Log& log, const std::string& project,
                              const std::string& pipeline, int32_t partitions,
                              std::span<const stream::Progress> rows,
                              const std::function<bool(const DeadLetter&)>& wanted, bool dry_run) {
  RedriveReport report;
  const std::string topic = fmt::format("{}.{}.dlq", project, pipeline);
  const std::string retry_topic = fmt::format("{}.{}.retry", project, pipeline);
  std::vector<LetterPlace> chosen;
  TRY(visit_dead_letters(log, topic, [&](std::span<DeadLetter> letters) -> Result<bool> {
    for (const DeadLetter& letter : letters) {
      if (!wanted(letter)) continue;
      ++report.matched;
      if (!letter.whole()) {
        ++report.truncated;
      } else if (!passed(letter, retry_topic, rows) && !is_gone(letter, log)) {
        ++report.waiting;
      } else {
        chosen.emplace_back(letter);
      }
    }
    return true;
  }));
  std::sort(chosen.begin(), chosen.end(),
            [](const LetterPlace& a, const LetterPlace& b) { return a.id < b.id; });
  report.moved = static_cast<int64_t>(chosen.size());
  if (dry_run || chosen.empty()) return report;
  ASSIGN(stream::TopicInfo dlq, log.topics().find(topic));
  ASSIGN(stream::TopicInfo retry, ensure_retry_topic(log, retry_topic, partitions));
  report.moved = 0;
  LetterReader reader(log, dlq);
  for (size_t at = 0; at < chosen.size();) {
    ASSIGN(std::vector<DeadLetter> letters, reader.block(chosen, at));
    TRY(move_letters(log, retry_topic, dlq, &retry, letters));
    report.moved += static_cast<int64_t>(letters.size());
  }
  return report;
}

Result<int64_t> purge(stream::Log& log, const std::string& project, const std::string& pipeline,
                      const std::function<bool(const DeadLetter&)>& wanted, bool dry_run) {
  const std::string topic = fmt::format("{}.{}.dlq", project, pipeline);
  std::vector<LetterPlace> chosen;
  TRY(visit_dead_letters(log, topic, [&](std::span<DeadLetter> letters) -> Result<bool> {
    for (const DeadLetter& letter : letters) {
      if (wanted(letter)) chosen.emplace_back(letter);
    }
    return true;
  }));
  if (!dry_run && !chosen.empty()) {
    ASSIGN(stream::TopicInfo dlq, log.topics().find(topic));
    for (size_t at = 0; at < chosen.size(); at += kRedriveBatch) {
      std::vector<DeadLetter> letters;  // their identity is all that it takes
      for (size_t i = at; i < std::min(at + kRedriveBatch, chosen.size()); ++i) {
        letters.emplace_back().sink = chosen[i].sink;
        letters.back().id = chosen[i].id;
      }
      TRY(move_letters(log, topic, dlq, nullptr, letters));
    }
  }
  return static_cast<int64_t>(chosen.size());
}

}  // namespace leat::runtime
