#include "runtime/cursor.h"

#include <nlohmann/json.hpp>

namespace leat::runtime {

std::string RunCursor::to_json() const {
  return nlohmann::json{{"run", run_id}, {"cursor", cursor}, {"ended", ended}, {"ended_ms", ended_ms}}.dump();
}

Result<RunCursor> RunCursor::parse(std::string_view text) {
  RunCursor out;
  if (text.empty()) return out;
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Error(ErrorCode::kCorrupt, "the stored cursor of the source is not a JSON object")
        .with_hint("leat reset PIPELINE --to start begins anew");
  }
  out.run_id = json.value("run", "");
  out.cursor = json.value("cursor", "");
  out.ended = json.value("ended", false);
  out.ended_ms = json.value("ended_ms", int64_t{0});
  return out;
}

}  // namespace leat::runtime
