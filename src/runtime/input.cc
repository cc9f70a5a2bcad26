#include "runtime/input.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "base/limits.h"
#include "base/mutex.h"
#include "io/digest.h"
#include "io/fault.h"
#include "runtime/dead_letter.h"

namespace leat::runtime {

int64_t carried_version(const stream::Record& record) {
  for (const auto& [name, value] : record.headers) {
    if (name != "leat-version") continue;
    // Anybody may write headers: a version of no possible time would keep a key as it is for ever.
    int64_t version = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), version);
    const bool whole = error == std::errc() && end == value.data() + value.size();
    return whole && stream::is_version(version) ? version : 0;
  }
  return 0;
}

int64_t inherited_version(std::span<const stream::Progress> rows, const stream::TopicInfo& topic,
                          std::string_view retry) {
  int64_t highest = 0;
  for (const stream::Progress& row : rows) {
    if (row.input.topic_id == topic.id || row.input.topic == retry) continue;
    highest = std::max(highest, row.v_prev);
  }
  return highest;
}

void InputBatch::split(InputBatch& rest) {
  CHECK(cursor.empty() && records.records.size() > 1, "only a topic's batch has two halves");
  const size_t half = records.records.size() / 2;
  auto cut = [&](auto& from, auto& into) {
    into.assign(from.begin() + static_cast<ptrdiff_t>(std::min(half, from.size())), from.end());
    from.resize(std::min(half, from.size()));
  };
  rest.records.clear();
  rest.records.origin = records.origin;
  rest.records.storage = records.storage;
  rest.records.next_offset = records.next_offset;
  records.next_offset = retry_offsets.empty() ? records.records[half].offset : retry_offsets[half];
  cut(records.records, rest.records.records);
  cut(records.versions, rest.records.versions);
  cut(originals, rest.originals);
  cut(retry_offsets, rest.retry_offsets);
  const auto later =
      std::stable_partition(refused.begin(), refused.end(),
                            [&](const stream::Reject& reject) { return reject.record < half; });
  rest.refused.assign(std::make_move_iterator(later), std::make_move_iterator(refused.end()));
  refused.erase(later, refused.end());
  for (stream::Reject& reject : rest.refused) reject.record -= static_cast<uint32_t>(half);
  rest.records.bytes = records.bytes -= records.bytes / 2;  // roughly: for the queues' bounds
  // The first half may be gone, with what its records' headers point to, before the second is.
  auto& headers = rest.records.header_storage;
  size_t count = 0;
  for (const stream::Record& record : rest.records.records) count += record.headers.size();
  headers.reserve(count);
  for (stream::Record& record : rest.records.records) {
    const size_t at = headers.size();
    headers.insert(headers.end(), record.headers.begin(), record.headers.end());
    record.headers = {headers.data() + at, record.headers.size()};
  }
  rest.v_first = v_first;
  rest.v_last = v_last;
  rest.skipped = 0;
  rest.read_at_ns = read_at_ns;
  // A retry topic's records carry their versions: its v_prev is of no use to them.
  v_last = v_first;
  if (!originals.empty()) return;
  for (const stream::Record& record : records.records)
    v_last = stream::next_version(v_last, record.timestamp_ms);
  rest.v_first = v_last;
}

namespace {

class TopicInput final : public LaneInput {
 public:
  TopicInput(std::unique_ptr<stream::TopicReader> reader, stream::TopicInfo topic,
             stream::ReadLimits limits, std::string retry_sink, BatchDelay delay)
      : reader_(std::move(reader)),
        topic_(std::move(topic)),
        limits_(limits),
        retry_sink_(std::move(retry_sink)),
        delay_(delay) {}

  Result<void> start(const StartPositions& positions, std::optional<std::vector<int32_t>> ours) {
    for (int32_t p = 0; p < topic_.spec.partitions; ++p) {
      if (ours && std::find(ours->begin(), ours->end(), p) == ours->end()) continue;
      auto it = positions.find({topic_.spec.name, topic_.id, p});
      StartAt at = it == positions.end() ? StartAt{} : it->second;
      if (it == positions.end()) {
        ASSIGN(stream::PartitionBounds bounds, reader_->bounds(p));
        at.next = bounds.start;
      }
      if (io::planted_bug("input_off_by_one_seek") && at.next > 0) ++at.next;
      TRY(reader_->seek(p, at.next));
      next_[p] = at;
    }
    return {};
  }

  Result<bool> next(InputBatch& out, std::stop_token stop,
                    std::chrono::milliseconds timeout) override {
    out.records.clear();
    out.originals.clear();
    out.retry_offsets.clear();
    out.skipped = 0;
    ASSIGN(bool later, fills_up(timeout, stop));
    if (later) return false;
    stream::ReadLimits limits = limits_;
    if (one_by_one_) limits.max_records = 1;
    ASSIGN(bool some, reader_->poll(out.records, limits, stop, timeout));
    if (!some) return false;
    StartAt& at = next_[out.records.origin.partition];
    if (out.records.records
            .empty()) {  // nothing to deliver: the position is stored with the next record
      at.next = out.records.next_offset;
      return false;
    }
    out.v_first = at.v_prev;
    at.next = out.records.next_offset;
    stamp(out, at);
    if (!retry_sink_.empty()) keep_ours(out);
    out.v_last = at.v_prev;
    return true;
  }

  void one_by_one(bool on) override { one_by_one_ = on; }
  std::string trouble() const override { return reader_->trouble(); }
  StartPositions positions() const override {
    StartPositions out;
    for (const auto& [p, at] : next_) out[{topic_.spec.name, topic_.id, p}] = at;
    return out;
  }

  Result<void> fix_end() override {
    if (fixed_) return {};
    for (auto& [p, at] : next_) {
      ASSIGN(stream::PartitionBounds bounds, reader_->bounds(p));
      ends_[p] = bounds.end;
    }
    fixed_ = true;
    return {};
  }

  Result<bool> at_end() override {
    for (auto& [p, end] : ends_) {
      if (next_[p].next < end) return false;
    }
    return fixed_;
  }

  Result<int64_t> waiting() override {
    int64_t records = 0;
    for (auto& [p, at] : next_) records += std::max<int64_t>(0, reader_->end_seen(p) - at.next);
    return records;
  }

 private:
  static void stamp(InputBatch& out, StartAt& at) {
    auto& batch = out.records;
    batch.versions.resize(batch.records.size());
    for (size_t i = 0; i < batch.records.size(); ++i) {
      const stream::Record& record = batch.records[i];
      at.v_prev = stream::next_version(at.v_prev, record.timestamp_ms);
      int64_t carried = record.headers.empty() ? 0 : carried_version(record);
      batch.versions[i] = carried > 0 ? carried : at.v_prev;
    }
  }

  /// The headers that the record had when it was read first; its letter keeps them as h.NAME.
  static void restore_headers(stream::RecordBatch& batch, stream::Record& record) {
    if (record.headers.empty()) return;
    const auto first = static_cast<size_t>(record.headers.data() - batch.header_storage.data());
    CHECK(first + record.headers.size() <= batch.header_storage.size());
    size_t kept = first;
    for (const stream::Header header : record.headers) {
      if (header.key.starts_with("h."))
        batch.header_storage[kept++] = {header.key.substr(2), header.value};
    }
    record.headers = {batch.header_storage.data() + first, kept - first};
  }

  void keep_ours(InputBatch& out) {
    auto& batch = out.records;
    size_t kept = 0;
    for (size_t i = 0; i < batch.records.size(); ++i) {
      auto origin = retry_origin(batch.records[i]);
      if (!origin || origin->sink != retry_sink_) continue;
      if (kept != i)
        batch.records[kept] = batch.records[i], batch.versions[kept] = batch.versions[i];
      stream::Record& record = batch.records[kept];
      out.originals.push_back(origin->id);
      out.retry_offsets.push_back(record.offset);
      record.offset = origin->id.offset;
      record.timestamp_ms = origin->time_ms;
      record.key = origin->key;
      if (origin->null_value) record.value.reset();
      restore_headers(batch, record);
      ++kept;
    }
    out.skipped = static_cast<int64_t>(batch.records.size() - kept);
    batch.records.resize(kept);
    batch.versions.resize(kept);
  }

  /// True when what waits is less than a batch, and may wait longer; sleeps meanwhile.
  Result<bool> fills_up(std::chrono::milliseconds timeout, std::stop_token stop) {
    if (delay_.ms == 0 || one_by_one_ || fixed_) return false;
    size_t most = 0;
    for (auto& [p, at] : next_)
      most =
          std::max(most, static_cast<size_t>(std::max<int64_t>(0, reader_->end_seen(p) - at.next)));
    const int64_t now = delay_.clock->steady_ms();
    if (most == 0 || waits_since_ms_ < 0) waits_since_ms_ = now;
    const int64_t left = waits_since_ms_ + delay_.ms - now;
    if (most >= limits_.max_records || left <= 0) {
      waits_since_ms_ = -1;
      return false;
    }
    delay_.clock->sleep_ms(std::min({left, int64_t{timeout.count()}, kFillStepMs}), stop);
    return true;
  }

  std::unique_ptr<stream::TopicReader> reader_;
  stream::TopicInfo topic_;
  stream::ReadLimits limits_;
  std::string retry_sink_;
  static constexpr int64_t kFillStepMs = 10;  // between two looks whether a batch has filled
  const BatchDelay delay_;
  int64_t waits_since_ms_ = -1;  // when the first of the waiting records was seen; -1: none
  bool one_by_one_ = false;
  std::map<int32_t, StartAt> next_;
  std::map<int32_t, int64_t> ends_;
  bool fixed_ = false;  // the ends are known
};

class SourceInput final : public LaneInput {
 public:
  SourceInput(std::unique_ptr<stream::Source> source, io::Clock& clock, IdWindow ids,
              SourceInputOptions options)
      : source_(std::move(source)),
        clock_(clock),
        ids_(std::move(ids)),
        options_(std::move(options)),
        at_(options_.start),
        jitter_(options_.jitter_seed),
        handed_(options_.cursor),
        ended_(options_.exhausted) {}

  Result<void> open() { return ended_ ? Result<void>{} : source_->open(options_.cursor); }

  Result<bool> next(InputBatch& out, std::stop_token stop,
                    std::chrono::milliseconds timeout) override {
    if (ended_) {
      clock_.sleep_ms(timeout.count(), stop);
      return false;
    }
    int64_t wait = wait_until_ms_ - clock_.steady_ms();
    if (wait > 0) {
      clock_.sleep_ms(std::min<int64_t>(wait, timeout.count()), stop);
      if (wait > timeout.count() || stop.stop_requested()) return false;
    }
    // A read that failed may have taken records on its way: back to where the last page ended.
    if (reopen_) {
      if (auto opened = source_->open(handed_); !opened) return ride_out(std::move(opened).error());
      reopen_ = false;
    }
    auto page = source_->read(stop);
    if (!page) {
      reopen_ = source_->rereadable();
      return ride_out(std::move(page).error());
    }
    handed_ = page->cursor;
    failures_ = 0;
    set_trouble({});
    if (page->next_poll_ms > 0) wait_until_ms_ = clock_.steady_ms() + page->next_poll_ms;
    const bool pass_over = page->exhausted || (page->next_poll_ms > 0 && options_.drain);
    ended_ = page->exhausted ? source_->bounded() || options_.drain : pass_over;
    out.pass_ended = ended_;
    fill(out, *page);
    return true;
  }

  Result<void> fix_end() override {
    options_.drain = true;
    return {};
  }
  Result<bool> at_end() override { return ended_; }
  Result<int64_t> waiting() override { return 0; }
  std::string trouble() const override {
    MutexLock lock(mutex_);
    return trouble_;
  }

 private:
  void set_trouble(std::string text) {
    MutexLock lock(mutex_);
    trouble_ = std::move(text);
  }

  Result<bool> ride_out(Error error) {
    if (error.code() == ErrorCode::kCancelled) return false;
    if (error.retry() != Retry::kBackoff && error.retry() != Retry::kReconnect) return error;
    int64_t bound = limits::kFirstBackoffMs << std::min(failures_, 20);
    bound = std::min(bound, limits::kMaxBackoffMs);
    ++failures_;
    wait_until_ms_ =
        clock_.steady_ms() + static_cast<int64_t>(jitter_.below(static_cast<uint64_t>(bound) + 1));
    set_trouble(fmt::format("{} (try {})", error.to_string(), failures_));
    return false;
  }

  void fill(InputBatch& out, stream::SourcePage& page) {
    auto& batch = out.records;
    batch.clear();
    out.originals.clear();
    out.retry_offsets.clear();
    out.ids_to_forget.clear();
    out.duplicate.clear();
    out.refused = std::move(page.refused);
    CHECK(out.refused.empty() || page.ids.empty(), "a source that gives ids refuses no records");
    out.skipped = 0;
    batch.origin = options_.origin;
    batch.records = std::move(page.records);
    batch.storage = std::move(page.storage);
    const int64_t now_ms = clock_.now_ms();
    const int64_t first = at_.next;
    batch.versions.reserve(batch.records.size());
    for (stream::Record& record : batch.records) {
      record.offset = at_.next++;
      if (record.timestamp_ms == 0) record.timestamp_ms = now_ms;
      at_.v_prev = stream::next_version(at_.v_prev, record.timestamp_ms);
      batch.versions.push_back(at_.v_prev);
      batch.bytes += record.value ? record.value->size() : 0;
    }
    batch.next_offset = at_.next;
    if (!page.ids.empty()) {
      out.duplicate.resize(batch.records.size());
      for (size_t i = 0; i < batch.records.size(); ++i) {
        // A record that shows no id is known by all its bytes.
        const std::string& id = page.ids[i];
        bool fresh =
            ids_.insert(id.empty() ? batch.records[i].value.value_or("") : std::string_view(id));
        out.duplicate[i] = !fresh && !io::planted_bug("input_no_dedup");
      }
      out.id_key = ids_.page_key(first);
      out.id_page = ids_.take_page(first, out.ids_to_forget);
    } else {
      out.id_page.clear();
    }
    out.cursor = std::move(page.cursor);
    out.v_last = at_.v_prev;
  }

  std::unique_ptr<stream::Source> source_;
  io::Clock& clock_;
  IdWindow ids_;
  SourceInputOptions options_;
  StartAt at_;
  io::Random jitter_;
  std::string handed_;  // cursor of the last page that was handed out
  bool reopen_ = false;
  bool ended_;
  int failures_ = 0;
  int64_t wait_until_ms_ = 0;
  mutable Mutex mutex_;
  std::string trouble_ GUARDED_BY(mutex_);
};

class JoinedInput final : public LaneInput {
 public:
  explicit JoinedInput(std::vector<std::unique_ptr<LaneInput>> inputs)
      : inputs_(std::move(inputs)) {}

  Result<bool> next(InputBatch& out, std::stop_token stop,
                    std::chrono::milliseconds timeout) override {
    for (size_t i = 1; i < inputs_.size(); ++i) {
      ASSIGN(bool some, inputs_[i]->next(out, stop, std::chrono::milliseconds(0)));
      if (some) return true;
    }
    return inputs_[0]->next(out, stop, timeout);
  }
  void one_by_one(bool on) override {
    for (auto& input : inputs_) input->one_by_one(on);
  }
  Result<void> fix_end() override {
    for (auto& input : inputs_) TRY(input->fix_end());
    return {};
  }
  Result<bool> at_end() override {
    for (auto& input : inputs_) {
      ASSIGN(bool done, input->at_end());
      if (!done) return false;
    }
    return true;
  }
  Result<int64_t> waiting() override {
    int64_t sum = 0;
    for (auto& input : inputs_) {
      ASSIGN(int64_t n, input->waiting());
      sum += n;
    }
    return sum;
  }
  std::string trouble() const override {
    for (const auto& input : inputs_)
      if (std::string trouble = input->trouble(); !trouble.empty()) return trouble;
    return {};
  }
  StartPositions positions() const override {
    StartPositions out;
    for (const auto& input : inputs_) out.merge(input->positions());
    return out;
  }

 private:
  std::vector<std::unique_ptr<LaneInput>> inputs_;
};

}  // namespace

Result<std::unique_ptr<LaneInput>> make_topic_input(
    stream::Log& log, const stream::TopicInfo& topic, const StartPositions& positions,
    stream::ReadLimits limits, std::string retry_sink, BatchDelay delay,
    std::optional<std::vector<int32_t>> partitions) {
  ASSIGN(auto reader, log.reader(topic));
  auto input =
      std::make_unique<TopicInput>(std::move(reader), topic, limits, std::move(retry_sink), delay);
  TRY(input->start(positions, std::move(partitions)));
  return std::unique_ptr<LaneInput>(std::move(input));
}

Result<std::unique_ptr<LaneInput>> make_source_input(std::unique_ptr<stream::Source> source,
                                                     io::Clock& clock, IdWindow ids,
                                                     SourceInputOptions options) {
  auto input =
      std::make_unique<SourceInput>(std::move(source), clock, std::move(ids), std::move(options));
  TRY(input->open());
  return std::unique_ptr<LaneInput>(std::move(input));
}

std::unique_ptr<LaneInput> join_inputs(std::vector<std::unique_ptr<LaneInput>> inputs) {
  return std::make_unique<JoinedInput>(std::move(inputs));
}

size_t IdWindow::Hasher::operator()(const IdHash& hash) const {
  size_t value;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

std::string IdWindow::page_key(int64_t sequence) const {
  return fmt::format("{}{:016x}", prefix_, sequence);
}

Result<IdWindow> IdWindow::load(stream::Log& log, const std::string& prefix) {
  IdWindow window;
  window.prefix_ = prefix;
  ASSIGN(auto pages, log.states(prefix));
  for (auto& [key, value] : pages) {
    std::vector<IdHash> hashes(value.size() / sizeof(IdHash));
    if (!hashes.empty()) std::memcpy(hashes.data(), value.data(), hashes.size() * sizeof(IdHash));
    window.seen_.insert(hashes.begin(), hashes.end());
    window.pages_.emplace_back(key, std::move(hashes));
  }
  return window;
}

bool IdWindow::insert(std::string_view id) {
  IdHash hash = io::digest128(id);
  if (!seen_.insert(hash).second) return false;
  building_.push_back(hash);
  return true;
}

std::string IdWindow::take_page(int64_t sequence, std::vector<std::string>& forget) {
  std::string value(building_.size() * sizeof(IdHash), '\0');
  if (!building_.empty()) std::memcpy(value.data(), building_.data(), value.size());
  if (!building_.empty()) pages_.emplace_back(page_key(sequence), std::move(building_));
  building_.clear();
  while (seen_.size() > kMaxIds && pages_.size() > 1) {
    for (const IdHash& hash : pages_.front().second) seen_.erase(hash);
    forget.push_back(std::move(pages_.front().first));
    pages_.pop_front();
  }
  return value;
}

}  // namespace leat::runtime
