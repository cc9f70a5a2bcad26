#include "runtime/lane.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "io/fault.h"
#include "runtime/cursor.h"

namespace leat::runtime {
namespace {

constexpr auto kPollTimeout = std::chrono::milliseconds(100);
constexpr int64_t kRateWindowMs = 5000;
constexpr int64_t kTurnMs = 1;  // between two looks: is another lane's trial over, or a commit

}  // namespace

std::string_view to_string(LaneState state) {
  switch (state) {
    case LaneState::kStarting:
      return "starting";
    case LaneState::kStandby:
      return "standby";
    case LaneState::kRunning:
      return "running";
    case LaneState::kPaused:
      return "paused";
    case LaneState::kBackingOff:
      return "backing_off";
    case LaneState::kDraining:
      return "draining";
    case LaneState::kEnded:
      return "ended";
    case LaneState::kStopped:
      return "stopped";
    case LaneState::kFailed:
      return "failed";
  }
  return "unknown";
}

Lane::Lane(LaneOptions options, io::Clock& clock, std::unique_ptr<LaneInput> input,
           std::unique_ptr<Transformer> transformer, std::unique_ptr<Delivery> delivery,
           ProgressMap committed, LaneMetrics& metrics)
    : options_(std::move(options)),
      clock_(clock),
      input_(std::move(input)),
      transformer_(std::move(transformer)),
      delivery_(std::move(delivery)),
      metrics_(metrics),
      jitter_(options_.jitter_seed),
      read_queue_(limits::kLaneQueueBytes, limits::kLaneQueueItems),
      write_queue_(limits::kLaneQueueBytes, limits::kLaneQueueItems),
      drift_watch_(options_.input),
      committed_(std::move(committed)),
      rule_hits_(options_.rules.size(), 0) {}

Result<bool> Lane::step_read(std::stop_token stop, std::chrono::milliseconds timeout) {
  if (paused_.load()) {
    set_state(LaneState::kPaused);
    clock_.sleep_ms(timeout.count(), stop);
    return false;
  }
  if (drain_.load()) {
    TRY(input_->fix_end());
    ASSIGN(bool done, input_->at_end());
    if (done) {
      ended_.store(true);
      return false;
    }
  }
  ASSIGN(bool busy, on_trial(timeout, stop));
  if (busy) return false;
  ASSIGN(bool later, gathers(timeout, stop));
  if (later) return false;
  std::unique_ptr<Outcome> outcome = take_spare();
  const int64_t start = clock_.steady_ns();
  ASSIGN(bool some, input_->next(outcome->input, stop, timeout));
  if (auto waiting = input_->waiting()) waiting_.store(*waiting);
  std::string trouble = input_->trouble();
  if (trouble != told_trouble_) {
    if (!trouble.empty()) {
      spdlog::warn("pipeline {}: {}", options_.name.pipeline, trouble);
    } else {
      spdlog::info("pipeline {}: the source answers again", options_.name.pipeline);
    }
    told_trouble_ = trouble;
  }
  if (!trouble.empty()) {
    set_state(LaneState::kBackingOff, trouble);
  } else if (!sink_trouble_.load()) {
    set_state(drain_.load() ? LaneState::kDraining : LaneState::kRunning);
  }
  if (!some && careful_ && in_flight_.load() == 0)
    TRY(options_.guard->acquit(options_.name.owner()));
  if (!some) return false;
  left_ = true;
  outcome->input.read_at_ns = clock_.steady_ns();
  metrics_.read_seconds(outcome->input.read_at_ns - start);
  while (careful_ && !options_.guard->take_turn(options_.name.owner())) {
    if (!clock_.sleep_ms(kTurnMs, stop)) return false;
  }
  const size_t bytes = outcome->input.records.bytes + 1;
  in_flight_.fetch_add(static_cast<int64_t>(outcome->input.records.records.size()));
  left_ = !read_queue_.push(std::move(outcome), bytes, stop);
  return !left_;
}

/// True while a record that is run alone is on its way, or another lane's: nothing is to be read.
Result<bool> Lane::on_trial(std::chrono::milliseconds timeout, std::stop_token stop) {
  CrashGuard* guard = options_.guard;
  if (!guard) return false;
  if (careful_ && (in_flight_.load() == 0 || sink_trouble_.load()))
    guard->end_turn(options_.name.owner());
  const bool careful = guard->careful(options_.name.owner());
  // The window's last record is waited for too, or the next batch would run, and die, in its name.
  if (in_flight_.load() == 0 || !(careful || careful_)) {
    if (careful_ && !careful) TRY(guard->acquit(options_.name.owner()));
    if (careful != careful_) input_->one_by_one(careful_ = careful);
    return false;
  }
  clock_.sleep_ms(std::min<int64_t>(kTurnMs, timeout.count()), stop);
  return true;
}

/// True while a batch is on its way and less than another one waits: read now, small batches would fill the queues,
/// each with a commit of its own, and the newest record would stand behind them all.
Result<bool> Lane::gathers(std::chrono::milliseconds timeout, std::stop_token stop) {
  if (options_.gather == 0 || in_flight_.load() == 0) return false;
  ASSIGN(int64_t waiting, input_->waiting());
  if (waiting >= static_cast<int64_t>(options_.gather)) return false;
  waiting_.store(waiting);
  clock_.sleep_ms(std::min<int64_t>(kTurnMs, timeout.count()), stop);
  return true;
}

Result<bool> Lane::step_transform(std::stop_token stop) {
  auto outcome = read_queue_.pop(stop);
  if (!outcome) return false;
  TRY(io::fault_point("lane.transform"));
  return transform(std::move(*outcome), stop);
}

/// One outcome for one batch, or several when a batch makes more than one transaction should hold.
Result<bool> Lane::transform(std::unique_ptr<Outcome> outcome, std::stop_token stop) {
  const int64_t start = clock_.steady_ns();
  Transformer::Admit admit;
  if (options_.guard && options_.guard->careful(options_.name.owner())) {
    admit = [this](const stream::RecordId& record) {
      return options_.guard->admit(options_.name.owner(), record);
    };
  }
  // A source's page is committed with its cursor, whole; what it reads from its retry topic is not.
  const bool of_topic = options_.run_id.empty() || !outcome->input.originals.empty();
  const bool divisible = of_topic && outcome->input.records.records.size() > 1;
  auto ran = transformer_->run(*outcome, admit);
  if (!ran && ran.error().code() == ErrorCode::kIncompatible && divisible)
    return transform_halves(std::move(outcome), stop);
  TRY(std::move(ran));
  metrics_.transform_seconds(clock_.steady_ns() - start);
  if (outcome->stop_rule) {
    return Error(ErrorCode::kRuleFailed, outcome->stop_message)
        .with_hint(
            "the rule says on_fail: fail, so the pipeline stays stopped until the data or the rule "
            "is mended");
  }
  if (divisible && outcome->output_bytes > limits::kMaxOutcomeBytes)
    return transform_halves(std::move(outcome), stop);
  if (outcome->output_bytes > limits::kMaxLogTransactionBytes) {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("a page of {} records makes {} bytes of rows and dead letters, more "
                             "than the {} of one transaction",
                             outcome->input.records.records.size(), outcome->output_bytes,
                             limits::kMaxLogTransactionBytes))
        .with_hint(
            "ask the source for smaller pages (files: `batch: {records: N}`), or select less of "
            "each record");
  }
  watch_drift(*outcome);
  const size_t bytes = outcome->bytes + 1;
  return write_queue_.push(std::move(outcome), bytes, stop);
}

Result<bool> Lane::transform_halves(std::unique_ptr<Outcome> outcome, std::stop_token stop) {
  std::unique_ptr<Outcome> rest = take_spare();
  outcome->clear_results();
  outcome->input.split(rest->input);
  ASSIGN(bool pushed, transform(std::move(outcome), stop));
  if (!pushed) return false;
  return transform(std::move(rest), stop);
}

void Lane::watch_drift(const Outcome& outcome) {
  if (!options_.drift) return;
  for (std::string& line : drift_watch_.look(outcome)) {
    spdlog::warn(
        "pipeline {}: records differ from the expected types: {}; `leat schema infer {}` writes "
        "the types anew",
        options_.name.pipeline, line, options_.name.pipeline);
    metrics_.drift();
    MutexLock lock(mutex_);
    drift_.push_back(std::move(line));
  }
}

Result<bool> Lane::step_write(std::stop_token stop) {
  auto popped = write_queue_.pop(stop);
  if (!popped) return false;
  Outcome& outcome = **popped;
  const int64_t start = clock_.steady_ns();
  stream::Progress progress = progress_after(outcome);
  TRY(write_patiently(outcome, progress, stop));
  metrics_.write_seconds(clock_.steady_ns() - start);
  committed(progress, outcome);
  outcome.clear();
  MutexLock lock(mutex_);
  spare_.push_back(std::move(*popped));
  return true;
}

std::unique_ptr<Outcome> Lane::take_spare() {
  MutexLock lock(mutex_);
  if (spare_.empty()) return std::make_unique<Outcome>();
  auto outcome = std::move(spare_.back());
  spare_.pop_back();
  return outcome;
}

stream::Progress Lane::progress_after(const Outcome& outcome) const {
  MutexLock lock(mutex_);
  const auto& records = outcome.input.records;
  auto it = committed_.find(records.origin);
  stream::Progress progress;
  if (it == committed_.end()) {
    progress.project = options_.name.project;
    progress.pipeline = options_.name.pipeline;
    progress.sink = options_.name.sink;
    progress.input = records.origin;
    progress.expected_next = -1;
  } else {
    progress = it->second;
    progress.expected_next = it->second.next;
  }
  progress.next = records.next_offset;
  progress.v_prev = outcome.input.v_last;
  progress.pipeline_hash = options_.pipeline_hash;
  progress.ledger += outcome.delta;
  if (!options_.run_id.empty() && outcome.input.originals.empty() &&
      !outcome.input.cursor.empty()) {
    auto before = RunCursor::parse(progress.cursor);
    const RunCursor cursor =
        (before ? *before : RunCursor())
            .next(options_.run_id, outcome.input.cursor, outcome.input.pass_ended, clock_.now_ms());
    progress.cursor = cursor.to_json();
  }
  return progress;
}

Result<void> Lane::write_patiently(Outcome& outcome, stream::Progress& progress,
                                   std::stop_token stop) {
  bool reopen = false;
  std::string told;
  for (int failures = 0;; ++failures) {
    auto written = write_once(outcome, progress, reopen);
    sink_trouble_.store(!written);
    if (written) {
      if (failures > 0) {
        spdlog::info("pipeline {}: sink {}: works again after {} failures", options_.name.pipeline,
                     options_.name.sink, failures);
      }
      return {};
    }
    Error error = std::move(written).error();
    // The same outcome would pass the same limit after every restart.
    if (error.code() == ErrorCode::kLimit && error.retry() == Retry::kNever)
      return Error(ErrorCode::kIncompatible, error.message());
    if (error.retry() != Retry::kBackoff && error.retry() != Retry::kReconnect) return error;
    if (error.retry() == Retry::kReconnect) reopen = true;
    std::string reason = error.to_string();
    set_state(LaneState::kBackingOff, reason);
    metrics_.sink_error();
    if (reason != told) {
      spdlog::warn("pipeline {}: sink {}: {}; trying until it works", options_.name.pipeline,
                   options_.name.sink, reason);
      told = std::move(reason);
    }
    int64_t bound =
        std::min(limits::kFirstBackoffMs << std::min(failures, 20), limits::kMaxSinkBackoffMs);
    if (!clock_.sleep_ms(static_cast<int64_t>(jitter_.below(static_cast<uint64_t>(bound) + 1)),
                         stop))
      return error;
  }
}

Result<void> Lane::write_once(Outcome& outcome, stream::Progress& progress, bool& reopen) {
  if (!reopen) return delivery_->write(outcome, progress);
  ASSIGN(auto rows, delivery_->open());
  reopen = false;
  // The write that failed may have happened: the store's own row is the truth.
  for (const stream::Progress& row : rows) {
    if (row.input != progress.input) continue;
    if (row.next == progress.next) return {};
    if (row.next != progress.expected_next) {
      return Error(ErrorCode::kConflict, fmt::format("the store's position is {}, expected {}",
                                                     row.next, progress.expected_next));
    }
  }
  return delivery_->write(outcome, progress);
}

void Lane::committed(const stream::Progress& progress, const Outcome& outcome) {
  const int64_t now = clock_.steady_ms();
  const auto& records = outcome.input.records.records;
  in_flight_.fetch_sub(outcome.delta.in);
  const bool redriven = !outcome.input.originals.empty();  // their times are those of long ago
  const int64_t oldest_ms =
      records.empty() || redriven ? 0 : clock_.now_us() / 1000 - records.front().timestamp_ms;
  metrics_.committed(outcome.delta, outcome.rejects, clock_.steady_ns() - outcome.input.read_at_ns,
                     std::max<int64_t>(oldest_ms, 0));
  if (options_.report) options_.report(progress.input, progress.next);
  MutexLock lock(mutex_);
  committed_[progress.input] = progress;
  for (size_t i = 0; i < rule_hits_.size() && i < outcome.rule_hits.size(); ++i) {
    rule_hits_[i] += outcome.rule_hits[i];
    metrics_.rule(i, outcome.rule_hits[i]);
  }
  if (!records.empty() && !redriven) last_record_ms_ = records.back().timestamp_ms;
  history_.emplace_back(now, outcome.delta.in);
  while (!history_.empty() && history_.front().first < now - kRateWindowMs) history_.pop_front();
}

void Lane::settle() {
  for (const auto& [input, at] : input_->positions()) {
    stream::Progress row;
    {
      MutexLock lock(mutex_);
      auto it = committed_.find(input);
      if (it == committed_.end() || it->second.next >= at.next) continue;
      row = it->second;
    }
    row.expected_next = std::exchange(row.next, at.next);
    Outcome nothing;
    nothing.input.records.origin = input;
    nothing.topics.resize(options_.sinks);
    if (auto written = delivery_->write(nothing, row); !written) {
      // The next start reads the same nothing again.
      spdlog::debug("pipeline {}: sink {}: {}", options_.name.pipeline, options_.name.sink,
                    written.error().to_string());
      return;
    }
    if (options_.report) options_.report(input, row.next);
    MutexLock lock(mutex_);
    committed_[input] = row;
  }
}

void Lane::set_state(LaneState state, std::string error) {
  MutexLock lock(mutex_);
  state_ = state;
  error_ = std::move(error);
}

LaneSnapshot Lane::snapshot() const {
  LaneSnapshot s;
  s.name = options_.name;
  s.in_flight = in_flight_.load();
  s.waiting = waiting_.load();
  const int64_t now = clock_.steady_ms();
  MutexLock lock(mutex_);
  s.state = state_;
  s.error = error_;
  int64_t recent = 0;
  for (auto& [at, n] : history_) {
    if (at >= now - kRateWindowMs) recent += n;
  }
  if (!history_.empty()) {
    s.rate =
        static_cast<double>(recent) * 1000.0 /
        static_cast<double>(std::clamp<int64_t>(now - history_.front().first, 1000, kRateWindowMs));
  }
  for (auto& [input, progress] : committed_) {
    s.ledger += progress.ledger;
    s.progress.push_back(progress);
  }
  if ((s.waiting > 0 || s.in_flight > 0) && last_record_ms_ > 0) {
    s.lag_ms = std::max<int64_t>(0, clock_.now_ms() - last_record_ms_);
  }
  s.drift = drift_;
  for (size_t i = 0; i < rule_hits_.size(); ++i)
    s.rule_hits.emplace_back(options_.rules[i], rule_hits_[i]);
  return s;
}

Result<void> Lane::run(std::stop_token stop) {
  std::stop_source abort;  // an error, or the deadline of a stop: everything ends now
  Mutex mutex;
  std::optional<Error> first_error;
  auto fail = [&](Error error, bool at_once = true) {
    MutexLock lock(mutex);
    if (!first_error && !abort.stop_requested()) first_error = std::move(error);
    if (at_once) abort.request_stop();
  };

  std::jthread transform([&] {
    for (;;) {
      auto did = step_transform(abort.get_token());
      if (!did) return fail(std::move(did).error());
      if (!*did) break;
    }
    write_queue_.close();
  });
  std::jthread write([&] {
    for (;;) {
      auto did = step_write(abort.get_token());
      if (!did) return fail(std::move(did).error());
      if (!*did) break;
    }
  });
  // A stop ends the reading at once; what has been read has until the deadline to be delivered.
  std::atomic<bool> done{false};
  std::jthread deadline([&](std::stop_token over) {
    std::stop_source wake;
    std::stop_callback on_over(over, [&] { wake.request_stop(); });
    std::stop_callback on_stop(stop, [&] { wake.request_stop(); });
    while (!wake.stop_requested()) clock_.sleep_ms(3'600'000, wake.get_token());
    if (over.stop_requested() || !clock_.sleep_ms(limits::kDrainOnStopMs, over)) return;
    abort.request_stop();
    transformer_->interrupt();  // a query may take longer than anybody waits for a stop
  });

  std::stop_source reading;
  std::stop_callback stop_reading(stop, [&] { reading.request_stop(); });
  std::stop_callback abort_reading(abort.get_token(), [&] { reading.request_stop(); });
  while (!reading.stop_requested() && !ended_.load()) {
    auto did = step_read(reading.get_token(), kPollTimeout);
    if (did) continue;
    // What has been read before a gap is delivered; nothing comes behind it.
    const ErrorCode code = did.error().code();
    const bool gap = code == ErrorCode::kCorrupt || code == ErrorCode::kDataLost;
    fail(std::move(did).error(), !gap);
    break;
  }
  if (io::planted_bug("drop_on_shutdown")) abort.request_stop();
  read_queue_.close();
  transform.join();
  write.join();
  done.store(true);
  deadline.request_stop();
  deadline.join();
  // A position may move past what has been delivered only.
  if (!abort.stop_requested() && !left_ && in_flight_.load() == 0) settle();
  MutexLock lock(mutex);
  if (first_error) {
    set_state(LaneState::kFailed, first_error->to_string());
    return std::move(*first_error);
  }
  set_state(ended_.load() ? LaneState::kEnded : LaneState::kStopped);
  return {};
}

}  // namespace leat::runtime
