#include "components/sink_cassandra.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "components/ask_store.h"
#include "components/chosen_rows.h"
#include "components/sink_cassandra_config.h"
#include "components/sink_cassandra_rows.h"
#include "components/sink_cassandra_store.h"
#include "components/sink_cassandra_table.h"
#include "components/sink_table.h"
#include "io/fault.h"

namespace leat::components {
namespace {

using clients::CassandraRowBytes;
using clients::CassandraSession;
using clients::CassandraStatement;

// Of one request with rows of one partition.
constexpr size_t kGroupRows = 50;
constexpr size_t kGroupBytes = 64 * 1024;
constexpr size_t kMaxKeyBytes = 65'535;
// A node throws larger requests away (native_transport_max_frame_size) and may leave the others of that connection
// without an answer.
constexpr size_t kMaxRowBytes = size_t{16 * 1024 - 64} * 1024;

/// Rows on their way to one statement, in requests. Kept between batches.
struct Writes {
  std::string bytes;
  std::vector<uint64_t> ends, groups;
  std::vector<size_t> chosen;  // of each row: which of the chosen ones it is
  size_t group_begin = 0;      // in bytes

  void clear() { bytes.clear(), ends.clear(), groups.clear(), chosen.clear(), group_begin = 0; }
  /// The bytes since the last row are one more; it goes with the one before when it `may_join`.
  void end_row(size_t which, bool may_join) {
    const size_t first = groups.empty() ? 0 : groups.back();
    const bool joins = may_join && ends.size() > first && ends.size() - first < kGroupRows &&
                       bytes.size() - group_begin <= kGroupBytes;
    if (!ends.empty() && !joins) {
      groups.push_back(ends.size());
      group_begin = ends.back();
    }
    ends.push_back(bytes.size());
    chosen.push_back(which);
  }
  void end() {
    if (!ends.empty()) groups.push_back(ends.size());
  }
};

class CassandraSink final : public stream::Sink {
 public:
  CassandraSink(CassandraCluster& cluster, CassandraTable plan, stream::SinkTable table,
                io::Clock& clock)
      : cluster_(cluster),
        plan_(std::move(plan)),
        table_(std::move(table)),
        clock_(clock),
        rows_(plan_.schema()) {}

  Result<std::vector<stream::Progress>> open() override {
    auto rows = open_table(nullptr);
    // Perhaps only this session is broken: its nodes have gone, or the password is another one now.
    if (!rows && rows.error().retry() == Retry::kReconnect && session_)
      rows = open_table(session_.get());
    // What is refused here and not by the user's mistake passes: a schema that not all nodes know yet, a keyspace that
    // was just dropped. No lane may end at it.
    if (!rows && rows.error().code() == ErrorCode::kIncompatible &&
        rows.error().blame() == Blame::kExternal)
      return Error(ErrorCode::kUnavailable, rows.error().message())
          .with_retry(Retry::kReconnect)
          .at(name());
    if (!rows) return std::move(rows).error().at(name());
    return rows;
  }

  Result<std::vector<stream::RefusedRow>> write(const stream::SinkBatch& batch) override {
    std::vector<stream::RefusedRow> refused;
    if (!session_)
      return Error(ErrorCode::kUnavailable, "not connected")
          .with_retry(Retry::kReconnect)
          .at(name());
    find_expired(batch, refused);
    if (!refused.empty()) return refused;
    const auto& places = chosen_.choose(
        batch, plan_.schema(), plan_.key(),
        [this](size_t part, const types::Vector& column, size_t row, std::string& out) {
          return append_key(part, column, row, out);
        },
        refused);
    if (!refused.empty()) return refused;
    order(places);
    encode(batch, places, refused);
    if (!refused.empty()) return refused;
    auto done = send(batch, places, refused);
    if (!done) return std::move(done).error().at(name());
    return refused;
  }

  Result<std::string> ddl() const override { return plan_.create() + ";\n"; }

  Result<void> reset(std::span<const stream::Progress> rows, bool truncate) override {
    auto done = rewrite(rows, truncate);
    if (!done) return std::move(done).error().at(name());
    return done;
  }

 private:
  std::string name() const { return "store " + table_.sink; }
  const std::string& keyspace() const { return cluster_.config().keyspace; }

  // ---- open

  Result<std::vector<stream::Progress>> open_table(const CassandraSession* broken) {
    ASSIGN(session_, cluster_.session(broken));
    TRY(cluster_.prepare(*session_));
    ASSIGN(auto before, cluster_.columns(*session_, plan_.name()));
    ASSIGN(const std::string change, wanted_change());
    if (!change.empty()) {
      auto changed = session_->change(change);
      // Another process may have done it in between.
      if (!changed) {
        ASSIGN(const std::string left, wanted_change());
        if (!left.empty()) return std::move(changed).error();
      }
    }
    ASSIGN(table_id_, cluster_.table_id(*session_, plan_.name()));
    ASSIGN(insert_, session_->prepare(plan_.insert()));
    if (plan_.grace_s()) {
      ASSIGN(remove_, session_->prepare(plan_.remove()));
      TRY(check_grace());
    }
    ASSIGN(move_, session_->prepare(insert_position(keyspace())));
    ASSIGN(place_, session_->prepare(select_position(keyspace())));
    ASSIGN(auto positions, mine());
    std::vector<stream::Progress> rows;
    places_.clear(), moving_.clear();
    for (CassandraPosition& position : positions) {
      places_[position.progress.input] = {position.progress.next, position.written_us};
      if (position.progress.next != kNoPosition) rows.push_back(std::move(position.progress));
    }
    if (before.empty() && !rows.empty())
      spdlog::warn(
          "store {}: its table was not there and is made anew, without the rows that were written; "
          "`leat "
          "reset {}/{} --to start` brings them back",
          table_.sink, table_.pipeline, table_.sink);
    return rows;
  }

  /// A table of the user's own keeps its options; that a deletion is forgotten too early is told.
  Result<void> check_grace() {
    ASSIGN(const int64_t seconds, cluster_.grace_s(*session_, plan_.name()));
    if (seconds < *plan_.grace_s())
      spdlog::warn(
          "store {}: Cassandra forgets what was deleted after {} s, and dead letters live longer: "
          "one that is redriven later brings its row back; `ALTER TABLE {} WITH gc_grace_seconds = "
          "{}` prevents it",
          table_.sink, seconds, plan_.table(), *plan_.grace_s());
    return {};
  }

  /// What makes the table or adds to it; nothing when it fits.
  Result<std::string> wanted_change() {
    ASSIGN(auto stored, cluster_.columns(*session_, plan_.name()));
    if (stored.empty()) return plan_.create();
    ASSIGN(auto dropped, cluster_.dropped_columns(*session_, plan_.name()));
    return plan_.evolve(stored, dropped);
  }

  Result<std::vector<CassandraPosition>> mine() {
    ASSIGN(auto positions, cluster_.positions(*session_, table_.project));
    std::erase_if(positions, [&](const CassandraPosition& position) {
      return position.progress.pipeline != table_.pipeline || position.progress.sink != table_.sink;
    });
    return positions;
  }

  // ---- write

  /// Whole seconds that a row of this version still has; 0 or less: none.
  int64_t seconds_left(int64_t version, int64_t now_us) const {
    return cluster_.config().ttl_s - (now_us - version) / 1'000'000;
  }

  void find_expired(const stream::SinkBatch& batch, std::vector<stream::RefusedRow>& refused) {
    now_us_ = clock_.now_us();
    if (cluster_.config().ttl_s == 0) return;
    for (size_t c = 0; c < batch.chunks.size(); ++c) {
      if (batch.deletes(c)) continue;  // what it deletes may live longer, by an earlier `ttl`
      for (size_t r = 0; r < batch.chunks[c].rows; ++r)
        if (seconds_left(batch.versions[c][r], now_us_) <= 0)
          refused.push_back({c, r, "it has outlived `ttl`", true});
    }
  }

  /// What the server is known to refuse is refused before anything is sent.
  std::optional<std::string> append_key(size_t part, const types::Vector& column, size_t row,
                                        std::string& out) const {
    const size_t begin = out.size();
    if (auto problem = rows_.append_key(column, row, out)) return problem;
    const size_t bytes = out.size() - begin;
    if (bytes > kMaxKeyBytes)
      return fmt::format("{} bytes, and Cassandra takes {} at most", bytes, kMaxKeyBytes);
    if (bytes == 0 && part == 0 && plan_.partition_columns() == 1)
      return "an empty value, which Cassandra takes for no partition";
    return {};
  }

  /// The order in which rows are sent: those of one partition together, partitions as they come.
  void order(const std::vector<Place>& places) {
    order_.resize(places.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    if (!plan_.clustered()) return;
    partitions_.clear();
    partition_of_.resize(places.size());
    for (size_t i = 0; i < places.size(); ++i) {
      const std::string_view key = chosen_.key(i, plan_.partition_columns());
      partition_of_[i] = partitions_.try_emplace(key, partitions_.size()).first->second;
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](size_t a, size_t b) { return partition_of_[a] < partition_of_[b]; });
  }

  void encode(const stream::SinkBatch& batch, const std::vector<Place>& places,
              std::vector<stream::RefusedRow>& refused) {
    inserts_.clear(), removes_.clear();
    for (size_t which : order_) {
      const auto [chunk, row] = places[which];
      const bool removes = batch.deletes(chunk);
      Writes& writes = removes ? removes_ : inserts_;
      const size_t begin = writes.bytes.size();
      if (auto problem = removes ? append_remove(batch, places[which], writes.bytes)
                                 : append_insert(batch, places[which], writes.bytes))
        refused.push_back({chunk, row, *problem});
      if (const size_t size = writes.bytes.size() - begin; size > kMaxRowBytes)
        refused.push_back({chunk, row,
                           fmt::format("a row of {} bytes, and Cassandra takes some {} at most",
                                       size, kMaxRowBytes)});
      const bool same = plan_.clustered() && !writes.chosen.empty() &&
                        partition_of_[which] == partition_of_[writes.chosen.back()];
      writes.end_row(which, same);
    }
    inserts_.end(), removes_.end();
  }

  std::optional<std::string> append_insert(const stream::SinkBatch& batch, Place at,
                                           std::string& out) const {
    const int64_t version = batch.versions[at.chunk][at.row];
    std::optional<int32_t> ttl;
    // A record from the future lives no longer than one of now.
    if (const int64_t all = cluster_.config().ttl_s; all > 0)
      ttl = static_cast<int32_t>(std::min(all, seconds_left(version, now_us_)));
    return rows_.append(batch.chunks[at.chunk], at.row, version, ttl, out);
  }

  std::optional<std::string> append_remove(const stream::SinkBatch& batch, Place at,
                                           std::string& out) const {
    return rows_.append_delete(batch.chunks[at.chunk], at.row, batch.versions[at.chunk][at.row],
                               plan_.key(), out);
  }

  Result<void> send(const stream::SinkBatch& batch, const std::vector<Place>& places,
                    std::vector<stream::RefusedRow>& refused) {
    TRY(check_table());
    TRY(check_place(batch.progress));
    if (io::planted_bug("store_commit_before_rows")) TRY(move(batch.progress));
    TRY(io::fault_point("store.write.begin"));
    TRY(write_rows(*insert_, inserts_, places, refused));
    if (!removes_.ends.empty()) TRY(write_rows(*remove_, removes_, places, refused));
    TRY(io::fault_point("store.write.after_rows"));
    if (!refused.empty()) return {};
    TRY(check_place(batch.progress));
    TRY(io::fault_point("store.write.before_commit"));
    TRY(move(batch.progress));
    return io::fault_point("store.write.after_commit");
  }

  /// A table that was dropped and made anew, with other columns perhaps: a node takes values for another type as they are.
  Result<void> check_table() {
    ASSIGN(const std::string id, cluster_.table_id(*session_, plan_.name()));
    return id == table_id_ ? Result<void>() : table_changed();
  }

  /// A process that was taken for dead, and one whose position a reset has moved, stop here. Not a compare-and-set:
  /// what slips through between this and the write is harmless by its timestamp.
  Result<void> check_place(const stream::Progress& progress) {
    ASSIGN(const auto found, stored_place(*session_, *place_, progress));
    const auto known = places_.find(progress.input);
    const bool same = known == places_.end() ? !found : found && *found == known->second;
    if (same) return {};
    // Written by move(), whose answer was lost.
    const auto moving = moving_.find(progress.input);
    if (found && moving != moving_.end() && *found == moving->second) {
      places_[progress.input] = *found;
      return {};
    }
    return Error(ErrorCode::kConflict, found ? fmt::format("its position is {}, expected {}",
                                                           found->next, progress.expected_next)
                                             : std::string("its position is gone"))
        .with_retry(Retry::kNever)
        .with_blame(Blame::kExternal);
  }

  /// Rows that are invalid twice are to blame themselves: the first time a table may just have been made anew, and not
  /// all nodes know it.
  Result<void> write_rows(const CassandraStatement& statement, const Writes& writes,
                          const std::vector<Place>& places,
                          std::vector<stream::RefusedRow>& refused) {
    const uint32_t concurrency = cluster_.config().concurrency;
    std::vector<size_t> again;
    TRY(session_->write(statement, {writes.bytes, writes.ends, writes.groups, concurrency},
                        [&](size_t row, const std::string&) { again.push_back(row); }));
    if (again.empty()) return {};
    TRY(check_table_again());
    std::string bytes;
    std::vector<uint64_t> ends, groups;
    for (size_t row : again) {
      const size_t begin = row == 0 ? 0 : writes.ends[row - 1];
      bytes.append(writes.bytes, begin, writes.ends[row] - begin);
      ends.push_back(bytes.size());
      groups.push_back(ends.size());
    }
    return session_->write(statement, {bytes, ends, groups, concurrency},
                           [&](size_t row, std::string message) {
                             const Place at = places[writes.chosen[again[row]]];
                             refused.push_back({at.chunk, at.row, std::move(message)});
                           });
  }

  /// A table that was dropped or changed makes all rows invalid.
  Result<void> check_table_again() {
    TRY(session_->settle());
    ASSIGN(const std::string change, wanted_change());
    return change.empty() ? Result<void>() : table_changed();
  }
  Error table_changed() const {
    return Error(ErrorCode::kIncompatible,
                 fmt::format("table {} was changed or dropped", plan_.table()))
        .with_blame(Blame::kExternal)
        .with_retry(Retry::kReconnect);
  }

  /// Writes the position so that it wins over the one this process knows, and loses against one of newer records.
  Result<void> move(const stream::Progress& progress) {
    const auto known = places_.find(progress.input);
    const int64_t after = known == places_.end() ? 0 : known->second.written_us + 1;
    const CassandraPlace place{progress.next, std::max(progress.v_prev, after)};
    position_.clear();
    put_position(position_, progress, place.written_us);
    moving_[progress.input] = place;
    TRY(write_one(*move_, position_));
    // An error here is an answer that came too late.
    if (auto late = io::fault_point("store.write.position"); !late)
      return std::move(late).error().with_retry(Retry::kBackoff);
    places_[progress.input] = place;
    return {};
  }

  Result<void> write_one(const CassandraStatement& statement, std::string_view row) {
    const uint64_t end = row.size(), group = 1;
    std::optional<std::string> refused;
    TRY(session_->write(statement, {row, {&end, 1}, {&group, 1}, 1},
                        [&](size_t, std::string message) { refused = std::move(message); }));
    if (!refused) return {};
    return Error(ErrorCode::kIncompatible,
                 fmt::format("{}.leat_progress: {}", keyspace(), *refused))
        .with_blame(Blame::kExternal);
  }

  // ---- reset

  /// The positions first: who dies in between finds rows that come again, never an empty table behind a position.
  Result<void> rewrite(std::span<const stream::Progress> rows, bool truncate) {
    ASSIGN(auto kept, open());
    ASSIGN(auto positions, mine());
    for (const stream::Progress& row : rows) TRY(move(row));
    if (!truncate) return {};
    for (CassandraPosition& position : positions) {
      const bool moved = std::any_of(rows.begin(), rows.end(), [&](auto& row) {
        return row.input == position.progress.input;
      });
      if (moved) continue;
      position.progress.next = kNoPosition;
      TRY(move(position.progress));
    }
    return session_->change("TRUNCATE " + plan_.table());
  }

  CassandraCluster& cluster_;
  const CassandraTable plan_;
  const stream::SinkTable table_;
  io::Clock& clock_;
  const CassandraRows rows_;
  std::shared_ptr<CassandraSession> session_;
  std::optional<CassandraStatement> insert_, remove_, move_, place_;
  std::map<stream::TopicPartition, CassandraPlace> places_;  // as read or written last
  std::map<stream::TopicPartition, CassandraPlace> moving_;  // written, perhaps without an answer
  std::string table_id_;
  int64_t now_us_ = 0;
  // Kept between batches.
  ChosenRows chosen_;
  std::vector<size_t> order_, partition_of_;
  std::unordered_map<std::string_view, size_t> partitions_;  // by bytes in chosen_
  Writes inserts_, removes_;
  std::string position_;
};

class CassandraStore final : public stream::Store {
 public:
  CassandraStore(CassandraConfig config, io::Clock& clock)
      : cluster_(std::move(config)), clock_(clock) {}
  Result<std::unique_ptr<stream::Sink>> make_sink(const stream::SinkTable& table) override {
    const CassandraConfig& config = cluster_.config();
    ASSIGN(CassandraTable plan, CassandraTable::make(config.keyspace, table, config.ttl_s > 0));
    return std::unique_ptr<stream::Sink>(
        std::make_unique<CassandraSink>(cluster_, std::move(plan), table, clock_));
  }
  Result<std::vector<stream::Progress>> progress(const std::string& project) override {
    ASSIGN(auto session, cluster_.session());
    ASSIGN(auto positions, cluster_.positions(*session, project));
    std::vector<stream::Progress> rows;
    for (CassandraPosition& position : positions)
      if (position.progress.next != kNoPosition) rows.push_back(std::move(position.progress));
    return rows;
  }
  Result<bool> maintain() override { return false; }
  Result<stream::StoreAnswer> ask(const stream::StoreQuery& query) override {
    ASSIGN(auto session, cluster_.session());
    TRY(session->use(cluster_.config().keyspace));
    return ask_cassandra(*session, query, clock_);
  }

 private:
  CassandraCluster cluster_;
  io::Clock& clock_;
};

}  // namespace

void register_sink_cassandra(stream::Registry& registry) {
  stream::StoreType type;
  type.name = "cassandra";
  type.summary = "Apache Cassandra 4.0 or newer: keyed tables.";
  type.promise = "effectively once: each row at its record's version, the position after all rows";
  type.guarantee =
      "Each row is written with its record's version as its timestamp, and the position when all "
      "rows are acknowledged: whatever dies when, rows may be written again and come out the same. "
      "An older version of a row never replaces a newer one, whoever writes it.";
  type.example_yaml =
      "{contact_points: [\"${CASSANDRA_HOST:-127.0.0.1}\"], keyspace: spark_streams, username: "
      "cassandra, password: \"${CASSANDRA_PASSWORD}\"}";
  type.spec = &cassandra_spec();
  type.open = [](const config::Node& node,
                 const stream::StoreContext& context) -> Result<std::unique_ptr<stream::Store>> {
    ASSIGN(auto config, read_cassandra_config(node, context));
    return std::unique_ptr<stream::Store>(
        std::make_unique<CassandraStore>(std::move(config), *context.clock));
  };
  registry.add(std::move(type));
}

}  // namespace leat::components
