#include "runtime/cursor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace leat::runtime {

std::optional<int64_t> RunCursor::ended_at(const std::string& id) const {
  if (ended && run_id == id) return ended_ms;
  auto it = finished.find(id);
  return it == finished.end() ? std::nullopt : std::optional(it->second);
}

RunCursor RunCursor::next(const std::string& id, std::string page_cursor, bool page_ended,
                          int64_t now_ms) const {
  RunCursor out;
  out.run_id = id;
  out.cursor = std::move(page_cursor);
  out.ended = page_ended;
  out.ended_ms = page_ended ? now_ms : 0;
  out.finished = finished;
  out.finished.erase(id);
  if (ended && run_id != id) out.finished[run_id] = ended_ms;
  while (out.finished.size() > kMaxFinished) {
    auto oldest =
        std::min_element(out.finished.begin(), out.finished.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    out.finished.erase(oldest);
  }
  return out;
}

std::string RunCursor::to_json() const {
  nlohmann::json json = {
      {"run", run_id}, {"cursor", cursor}, {"ended", ended}, {"ended_ms", ended_ms}};
  if (!finished.empty()) json["finished"] = finished;
  return json.dump();
}

Result<RunCursor> RunCursor::parse(std::string_view text) {
  RunCursor out;
  if (text.empty()) return out;
  try {
    auto json = nlohmann::json::parse(text);
    out.run_id = json.value("run", "");
    out.cursor = json.value("cursor", "");
    out.ended = json.value("ended", false);
    out.ended_ms = json.value("ended_ms", int64_t{0});
    out.finished = json.value("finished", out.finished);
  } catch (const nlohmann::json::exception&) {
    return Error(ErrorCode::kCorrupt, "the stored cursor of the source cannot be read")
        .with_hint("`leat reset PIPELINE --to start` begins anew");
  }
  return out;
}

}  // namespace leat::runtime
