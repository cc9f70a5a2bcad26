#include "components/progress_row.h"

#include <fmt/core.h>

#include <charconv>

namespace leat::components {

ProgressTexts progress_texts(const stream::Progress& p) {
  const auto number = [](int64_t value) { return std::to_string(value); };
  const stream::Ledger& l = p.ledger;
  return {p.project,
          p.pipeline,
          p.sink,
          p.input.topic,
          p.input.topic_id.to_string(),
          number(p.input.partition),
          number(p.next),
          number(p.v_prev),
          p.pipeline_hash,
          p.cursor,
          number(l.in),
          number(l.delivered),
          number(l.rejected),
          number(l.dropped),
          number(l.filtered),
          number(l.deduplicated),
          number(l.expired),
          number(l.rows)};
}

Result<stream::Progress> progress_of(std::span<const std::optional<std::string>> texts) {
  if (texts.size() != kProgressColumns)
    return Error(ErrorCode::kCorrupt, fmt::format("a progress row of {} columns", texts.size()));
  std::optional<size_t> bad;
  const auto text = [&](size_t c) { return texts[c].value_or(""); };
  const auto number = [&](size_t c) {
    const std::string digits = text(c);
    int64_t value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) bad = c;
    return value;
  };
  stream::Progress row;
  row.project = text(0), row.pipeline = text(1), row.sink = text(2), row.input.topic = text(3);
  const auto id = stream::TopicId::parse(text(4));
  if (id)
    row.input.topic_id = *id;
  else
    bad = 4;
  row.input.partition = static_cast<int32_t>(number(5));
  row.next = number(6), row.v_prev = number(7), row.pipeline_hash = text(8), row.cursor = text(9);
  row.ledger = {number(10), number(11), number(12), number(13),
                number(14), number(15), number(16), number(17)};
  row.expected_next = row.next;
  if (bad)
    return Error(ErrorCode::kCorrupt,
                 fmt::format("progress row: {} is `{}`", kProgressNames[*bad], text(*bad)));
  return row;
}

}  // namespace leat::components
