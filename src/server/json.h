// Json: how the API writes its answers. One dialect for every resource: ordered keys, ISO 8601
// times in UTC, nothing thrown whatever bytes a record holds. Called by handlers on any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "stream/record.h"

namespace leat::server {

using Json = nlohmann::ordered_json;

/// Compact text. Bytes that are not UTF-8 become U+FFFD.
std::string dump(const Json& json);

/// "2026-11-22T10:00:00.123Z"; null for 0, which stands for no time.
Json time_json(int64_t ms);

/// The counts of a lane and whether they balance.
Json to_json(const stream::Ledger& ledger);

/// One progress row: {"topic", "topic_id", "partition", "next", "v_prev", "pipeline_hash"}.
Json to_json(const stream::Progress& progress);

/// Adds `bytes` to `object` under the name that says what they are: `NAME` when they are JSON (the
/// very text, so that numbers stay exact, spliced in by splice()), `NAME_text` when UTF-8, else
/// `NAME_base64`.
void append_bytes(std::string& object, std::string_view name, std::string_view bytes);

/// The text as a JSON string, quotes included.
std::string json_text(std::string_view text);

}  // namespace leat::server
