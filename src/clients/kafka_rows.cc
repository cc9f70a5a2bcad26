#include "clients/kafka_rows.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace leat::clients {

using Json = nlohmann::ordered_json;

std::string progress_key(const stream::Progress& row) {
  return Json({row.project, row.pipeline, row.sink, row.input.topic, row.input.topic_id.to_string(),
               row.input.partition})
      .dump();
}

std::string progress_value(const stream::Progress& row) {
  const stream::Ledger& sums = row.ledger;
  return Json({{"next", row.next},
               {"v_prev", row.v_prev},
               {"pipeline_hash", row.pipeline_hash},
               {"cursor", row.cursor},
               {"in", sums.in},
               {"delivered", sums.delivered},
               {"rejected", sums.rejected},
               {"dropped", sums.dropped},
               {"filtered", sums.filtered},
               {"deduplicated", sums.deduplicated},
               {"expired", sums.expired},
               {"rows", sums.rows}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<stream::Progress> parse_progress(std::string_view key, std::string_view value) {
  try {
    const Json names = Json::parse(key);
    const Json fields = Json::parse(value);
    stream::Progress row;
    row.project = names.at(0);
    row.pipeline = names.at(1);
    row.sink = names.at(2);
    row.input.topic = names.at(3);
    auto id = stream::TopicId::parse(names.at(4).get<std::string>());
    if (!id) return Error(ErrorCode::kCorrupt, fmt::format("no topic id in the key {}", key));
    row.input.topic_id = *id;
    row.input.partition = names.at(5);
    row.next = fields.at("next");
    row.v_prev = fields.at("v_prev");
    row.pipeline_hash = fields.at("pipeline_hash");
    row.cursor = fields.at("cursor");
    stream::Ledger& sums = row.ledger;
    sums.in = fields.at("in");
    sums.delivered = fields.at("delivered");
    sums.rejected = fields.at("rejected");
    sums.dropped = fields.at("dropped");
    sums.filtered = fields.at("filtered");
    sums.deduplicated = fields.at("deduplicated");
    sums.expired = fields.at("expired");
    sums.rows = fields.at("rows");
    return row;
  } catch (const nlohmann::json::exception& error) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("a progress row cannot be read: {} (key {})", error.what(), key));
  }
}

}  // namespace leat::clients
