#include "runtime/crash_guard.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

namespace leat::runtime {
namespace {

std::string name_of(const stream::TopicPartition& input) {
  return fmt::format("{}/{}/{}", input.topic, input.topic_id.to_string(), input.partition);
}

std::string name_of(const stream::RecordId& record) {
  return fmt::format("{}@{}", name_of(record.origin), record.offset);
}

}  // namespace

CrashGuard::CrashGuard(stream::Log& log, const std::string& project)
    : log_(log), owner_(project + ".guard"), key_("guard/" + project) {}

Result<void> CrashGuard::open() {
  ASSIGN(std::optional<std::string> text, log_.state(key_));
  if (!text) return {};
  MutexLock lock(mutex_);
  try {
    auto json = nlohmann::json::parse(*text);
    starts_ = json.value("starts", starts_);
    deaths_ = json.value("deaths", deaths_);
    trial_ = json.value("trial", trial_);
  } catch (const nlohmann::json::exception&) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("the stored start counter {} cannot be read", key_));
  }
  for (const auto& [lane, inputs] : starts_) {
    for (const auto& [input, start] : inputs) careful_ |= start.second >= kCareful - 1;
  }
  const auto [lane, record] = std::exchange(trial_, {});
  if (!lane.empty()) {
    careful_ = true;
    ++deaths_[lane][record];
    spdlog::warn("{}: the process has ended while record {} was run alone", lane, record);
    TRY(write());
  }
  if (careful_) {
    spdlog::warn(
        "the process has ended again and again at the same position; records are run one by one "
        "for a while, "
        "to find the one it dies of");
  }
  return {};
}

Result<void> CrashGuard::count(const std::string& lane, const Waiting& waiting, int64_t window) {
  MutexLock lock(mutex_);
  if (careful_) window_left_[lane] = window;
  if (waiting.empty() && !starts_.contains(lane)) return {};
  auto before = std::exchange(starts_[lane], {});
  for (const auto& [input, next] : waiting) {
    const std::string name = name_of(input);
    auto it = before.find(name);
    const bool same = it != before.end() && it->second.first == next;
    starts_[lane][name] = {next, same ? it->second.second + 1 : 1};
  }
  return write();
}

bool CrashGuard::careful(const std::string& lane) const {
  MutexLock lock(mutex_);
  if (!careful_) return false;
  auto it = window_left_.find(lane);
  return it != window_left_.end() && it->second > 0;
}

bool CrashGuard::take_turn(const std::string& lane) {
  MutexLock lock(mutex_);
  if (turn_.empty()) turn_ = lane;
  return turn_ == lane;
}

void CrashGuard::end_turn(const std::string& lane) {
  MutexLock lock(mutex_);
  if (turn_ == lane) turn_.clear();
}

Result<bool> CrashGuard::admit(const std::string& lane, const stream::RecordId& record) {
  const std::string name = name_of(record);
  MutexLock lock(mutex_);
  --window_left_[lane];
  if (auto of_lane = deaths_.find(lane); of_lane != deaths_.end()) {
    if (auto it = of_lane->second.find(name);
        it != of_lane->second.end() && it->second >= kDeaths) {
      spdlog::error(
          "{}: record {} has brought the process down {} times when run alone; it goes to the dead "
          "letter",
          lane, record.to_string(), it->second);
      return false;
    }
  }
  trial_ = {lane, name};
  TRY(write());
  return true;
}

Result<void> CrashGuard::acquit(const std::string& lane) {
  MutexLock lock(mutex_);
  if (trial_.first != lane) return {};
  trial_ = {};
  return write();
}

Result<void> CrashGuard::forget(const std::string& lane) {
  MutexLock lock(mutex_);
  window_left_.erase(lane);
  if (turn_ == lane) turn_.clear();
  size_t forgotten = starts_.erase(lane) + deaths_.erase(lane);
  if (trial_.first == lane) trial_ = {}, ++forgotten;
  return forgotten > 0 ? write() : Result<void>{};
}

Result<void> CrashGuard::write() {
  ASSIGN(auto transaction, log_.begin(owner_));
  if (starts_.empty() && deaths_.empty() && trial_.first.empty()) {
    TRY(transaction->put_state(key_, std::nullopt));
  } else {
    const nlohmann::json json = {{"starts", starts_}, {"deaths", deaths_}, {"trial", trial_}};
    TRY(transaction->put_state(key_, json.dump()));
  }
  return transaction->commit();
}

}  // namespace leat::runtime
