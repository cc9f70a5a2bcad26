#include "app/run_view.h"

#include <algorithm>
#include <cstdio>

#include "app/console.h"
#include "app/table.h"
#include "base/strings.h"

namespace leat::app {

void RunView::show(const runtime::RunSnapshot& snapshot) {
  if (!live_) return;
  std::string text;
  if (lines_ > 0) text += fmt::format("\x1b[{}A", lines_);
  lines_ = 0;
  for (const auto& pipeline : snapshot.pipelines) {
    stream::Ledger sum;
    double rate = 0;
    int64_t waiting = 0, lag_ms = 0;
    for (const auto& lane : pipeline.lanes) {
      sum += lane.ledger;
      rate += lane.rate;
      waiting += std::max<int64_t>(0, lane.waiting) + lane.in_flight;
      lag_ms = std::max(lag_ms, lane.lag_ms);
    }
    std::string line =
        fmt::format("{:<24} {:<11} {:>9.0f}/s  in {:>9}  lag {:>7} ({})  rejected {}",
                    pipeline.name, runtime::to_string(pipeline.state), rate, sum.in, waiting,
                    format_duration_ms(lag_ms), sum.rejected);
    for (const auto& lane : pipeline.lanes) {
      if (!lane.error.empty()) line += "  " + printable(lane.error, false);
    }
    text += "\r\x1b[K" + cut_to_width(line, 150) + "\n";
    ++lines_;
  }
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void RunView::clear() {
  if (lines_ == 0) return;
  std::fputs(fmt::format("\x1b[{}A\x1b[J", lines_).c_str(), stderr);
  std::fflush(stderr);
  lines_ = 0;
}

std::string ledger_text(const runtime::RunSnapshot& snapshot) {
  // Only a store with a time to live lets records expire.
  const bool expired =
      std::any_of(snapshot.pipelines.begin(), snapshot.pipelines.end(), [](const auto& pipeline) {
        return std::any_of(pipeline.lanes.begin(), pipeline.lanes.end(),
                           [](const auto& lane) { return lane.ledger.expired > 0; });
      });
  std::vector<std::string> titles = {"pipeline", "sink",    "state",    "in",          "delivered",
                                     "rejected", "dropped", "filtered", "deduplicated"};
  if (expired) titles.emplace_back("expired");
  titles.insert(titles.end(), {"in_flight", "balanced"});
  Table table(titles);
  int64_t rejected = 0;
  std::string notes, where;
  for (const auto& pipeline : snapshot.pipelines) {
    if (!pipeline.note.empty()) notes += pipeline.name + ": " + pipeline.note + "\n";
    int64_t here = 0;
    for (const auto& lane : pipeline.lanes) {
      const stream::Ledger& l = lane.ledger;
      here += l.rejected;
      std::vector<Cell> cells = {pipeline.name, lane.name.sink, runtime::to_string(lane.state),
                                 l.in,          l.delivered,    l.rejected,
                                 l.dropped,     l.filtered,     l.deduplicated};
      if (expired) cells.emplace_back(l.expired);
      cells.emplace_back(lane.in_flight);
      cells.emplace_back(l.balanced() ? "yes" : "NO");
      table.add(std::move(cells));
    }
    if (here > 0) where = pipeline.name;
    rejected += here;
  }
  std::string text = table.render(Format::kTable, terminal_width()) + notes;
  if (rejected > 0) {
    const std::string were =
        rejected == 1 ? "1 record was" : fmt::format("{} records were", rejected);
    text += fmt::format("{} rejected so far; what is kept: `leat dlq ls`, `leat dlq show {}`\n",
                        were, where);
  }
  return text;
}

}  // namespace leat::app
