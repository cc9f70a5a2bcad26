#include "server/json.h"

#include "base/strings.h"
#include "types/temporal.h"

namespace leat::server {

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_text(std::string_view text) { return dump(Json(std::string(text))); }

Json time_json(int64_t ms) {
  if (ms == 0) return nullptr;
  char text[types::kMaxText];
  char* end = types::write_timestamp_tz(text, ms * 1000);
  // Milliseconds are all there is: "…:05.123000Z" loses its three zeros.
  std::string out(text, end);
  if (out.ends_with("000Z")) out.replace(out.size() - 4, 4, "Z");
  return out;
}

Json to_json(const stream::Ledger& ledger) {
  return {{"in", ledger.in},
          {"delivered", ledger.delivered},
          {"rejected", ledger.rejected},
          {"dropped", ledger.dropped},
          {"filtered", ledger.filtered},
          {"deduplicated", ledger.deduplicated},
          {"expired", ledger.expired},
          {"rows", ledger.rows},
          {"balanced", ledger.balanced()}};
}

Json to_json(const stream::Progress& progress) {
  return {{"topic", progress.input.topic},
          {"topic_id", progress.input.topic_id.to_string()},
          {"partition", progress.input.partition},
          {"next", progress.next},
          {"v_prev", progress.v_prev},
          {"pipeline_hash", progress.pipeline_hash}};
}

void append_bytes(std::string& object, std::string_view name, std::string_view bytes) {
  const bool utf8 = is_utf8(bytes);
  if (utf8 && Json::accept(bytes)) {
    object += fmt::format(",\"{}\":", name);
    // A line of NDJSON must stay a line: outside of strings, line ends are mere blanks in JSON.
    for (char c : bytes) object += c == '\n' || c == '\r' ? ' ' : c;
  } else if (utf8) {
    object += fmt::format(",\"{}_text\":{}", name, json_text(bytes));
  } else {
    object += fmt::format(",\"{}_base64\":\"{}\"", name, base64(bytes));
  }
}

}  // namespace leat::server
