#include "components/sink_postgres.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "clients/postgres.h"
#include "components/ask_store.h"
#include "components/chosen_rows.h"
#include "components/progress_row.h"
#include "components/sink_postgres_rows.h"
#include "components/sink_postgres_table.h"
#include "config/spec.h"
#include "io/fault.h"

namespace leat::components {
namespace {

using clients::PostgresConnection;

constexpr int64_t kForgetEveryMs = 3600 * 1000;  // old deletions are taken out so often
using Params = std::vector<std::optional<std::string_view>>;

struct Config {
  config::Secret dsn;
  std::string schema = "public";
  int64_t connect_ms = 10'000, timeout_ms = 60'000;
};

const config::Spec<Config>& spec() {
  static const auto spec = [] {
    config::Spec<Config> s("postgres", "A PostgreSQL database.");
    s.field("dsn", &Config::dsn)
        .required()
        .doc(
            "Where and as whom: a URI or `key=value ...` of libpq. Away from loopback its "
            "certificate and host name "
            "are checked unless `sslmode` says otherwise.")
        .example("${WAREHOUSE_DSN}");
    s.field("schema", &Config::schema).doc("Schema of the tables; made when it is missing.");
    s.field("connect_timeout", &Config::connect_ms)
        .unit(config::Unit::kDuration)
        .range(100, 600'000)
        .doc("How long a connection may take.");
    s.field("timeout", &Config::timeout_ms)
        .unit(config::Unit::kDuration)
        .range(1'000, 3'600'000)
        .doc("How long one statement may take; then the server ends it, and it is tried again.");
    return s;
  }();
  return spec;
}

std::string quoted_progress_names() {
  std::string text;
  for (std::string_view name : kProgressNames)
    text += (text.empty() ? "" : ", ") + quote_identifier(name);
  return text;
}

std::string progress_table_of(const Config& config) {
  return quote_identifier(config.schema) + ".leat_progress";
}

Result<PostgresConnection> connect_to(const Config& config, std::string application,
                                      io::Clock& clock) {
  clients::PostgresOptions options;
  options.dsn = config.dsn;
  options.connect_ms = config.connect_ms;
  options.statement_ms = config.timeout_ms;
  options.application = std::move(application);
  return PostgresConnection::open(options, clock);
}

Result<std::vector<stream::Progress>> read_rows(PostgresConnection& connection,
                                                const Config& config, std::string_view where,
                                                const Params& params) {
  ASSIGN(auto found,
         connection.query(fmt::format("SELECT {} FROM {} WHERE {} ORDER BY topic, topic_id, "
                                      "\"partition\"",
                                      quoted_progress_names(), progress_table_of(config), where),
                          params));
  std::vector<stream::Progress> rows;
  for (const clients::PostgresRow& row : found) {
    ASSIGN(stream::Progress progress, progress_of(row));
    rows.push_back(std::move(progress));
  }
  return rows;
}

class PostgresSink final : public stream::Sink {
 public:
  PostgresSink(const Config& config, PostgresTable plan, stream::SinkTable table, io::Clock& clock)
      : config_(config),
        plan_(std::move(plan)),
        table_(std::move(table)),
        clock_(clock),
        rows_(plan_.schema()) {}

  Result<std::vector<stream::Progress>> open() override {
    auto rows = open_table();
    if (!rows) {
      if (connection_) connection_->roll_back();
      return std::move(rows).error().at(name());
    }
    return rows;
  }

  Result<std::vector<stream::RefusedRow>> write(const stream::SinkBatch& batch) override {
    std::vector<stream::RefusedRow> refused;
    const std::vector<Place>& places = chosen_.choose(
        batch, plan_.schema(), plan_.key(),
        [this](size_t, const types::Vector& column, size_t row, std::string& out) {
          return rows_.append_value(column, row, out);
        },
        refused);
    if (!refused.empty()) return refused;
    encode(batch, places, 0, places.size(), refused);
    if (!refused.empty()) return refused;
    auto done = transaction(batch, places.size());
    if (done) return refused;
    if (!connection_ || !clients::blames_row(connection_->sqlstate()))
      return std::move(done).error().at(name());
    connection_->roll_back();
    auto found = isolate(batch, places);
    if (!found && connection_) connection_->roll_back();
    if (!found) return std::move(found).error().at(name());
    // No row by itself is to blame (a trigger that looks at the position, say): the first error tells.
    if (found->empty()) return std::move(done).error().with_retry(Retry::kNever).at(name());
    return found;
  }

  Result<std::string> ddl() const override {
    return plan_.create() + ";\n" + (plan_.deletes() ? plan_.create_deletions() + ";\n" : "");
  }

  Result<void> reset(std::span<const stream::Progress> rows, bool truncate) override {
    auto done = rewrite(rows, truncate);
    if (!done) {
      if (connection_) connection_->roll_back();
      return std::move(done).error().at(name());
    }
    return done;
  }

 private:
  std::string name() const { return "store " + table_.sink; }
  std::string progress_table() const { return progress_table_of(config_); }

  // ---- open

  Result<std::vector<stream::Progress>> open_table() {
    TRY(connect());
    PostgresConnection& c = *connection_;
    // Several processes may start at once: one makes the table, the others find it.
    TRY(c.run("BEGIN"));
    TRY(c.query("SELECT pg_advisory_xact_lock(hashtext('leat'), hashtext($1))",
                Params{config_.schema}));
    TRY(make_progress_table());
    ASSIGN(std::optional<StoredPostgresTable> stored, find_table());
    std::string change = plan_.create();
    if (stored) {
      ASSIGN(change, plan_.evolve(*stored));
    }
    if (!change.empty()) TRY(c.run(change));
    if (plan_.deletes()) TRY(make_deletions(stored.has_value()));
    TRY(c.run("COMMIT"));
    TRY(forget_deletions(true));
    if (plan_.keyed()) TRY(c.run(plan_.stage()));
    TRY(prepare());
    return read_progress();
  }

  Result<void> connect() {
    if (connection_ && connection_->alive()) {
      connection_->roll_back();
      if (connection_->alive()) return {};
    }
    connection_.reset();
    ASSIGN(PostgresConnection made,
           connect_to(config_, fmt::format("leat {}/{}", table_.pipeline, table_.sink), clock_));
    connection_.emplace(std::move(made));
    return {};
  }

  Result<bool> exists(const std::string& table) {
    ASSIGN(auto found, connection_->query("SELECT to_regclass($1) IS NOT NULL", Params{table}));
    return !found.empty() && found[0][0] == "t";
  }

  /// Only what is missing is made: a role that may not create anything can use what is there.
  Result<void> make_progress_table() {
    ASSIGN(auto found, connection_->query("SELECT to_regnamespace($1) IS NOT NULL",
                                          Params{quote_identifier(config_.schema)}));
    if (found[0][0] != "t")
      TRY(connection_->run("CREATE SCHEMA " + quote_identifier(config_.schema)));
    ASSIGN(bool there, exists(progress_table()));
    if (there) return {};
    std::string columns, keys;
    for (size_t i = 0; i < kProgressColumns; ++i) {
      const ProgressType type = progress_type(i);
      const std::string name = quote_identifier(kProgressNames[i]);
      columns += fmt::format("{} {} NOT NULL, ", name,
                             type == ProgressType::kText  ? "text"
                             : type == ProgressType::kInt ? "integer"
                                                          : "bigint");
      if (i < kProgressIdentity) keys += (keys.empty() ? "" : ", ") + name;
    }
    return connection_->run(
        fmt::format("CREATE TABLE {} ({}PRIMARY KEY ({}))", progress_table(), columns, keys));
  }

  /// A table that is made anew has none.
  Result<void> make_deletions(bool table_was_there) {
    ASSIGN(bool there, exists(plan_.deletions()));
    if (there && table_was_there) return {};
    if (there) TRY(connection_->run("DROP TABLE " + plan_.deletions()));
    return connection_->run(plan_.create_deletions());
  }

  /// In a statement of its own, so that it holds no lock that another process's rows wait for.
  Result<void> forget_deletions(bool now) {
    if (!plan_.deletes() || plan_.forget().empty()) return {};
    if (!now && clock_.steady_ms() - forgotten_ms_ < kForgetEveryMs) return {};
    forgotten_ms_ = clock_.steady_ms();
    return connection_->run(plan_.forget());
  }

  Result<std::optional<StoredPostgresTable>> find_table() {
    ASSIGN(auto kinds,
           connection_->query("SELECT relkind FROM pg_class WHERE oid = to_regclass($1)",
                              Params{plan_.table()}));
    if (kinds.empty()) return std::optional<StoredPostgresTable>();
    if (kinds[0][0] != "r" && kinds[0][0] != "p")
      return Error(ErrorCode::kIncompatible, fmt::format("{} is no table (its kind is `{}`)",
                                                         plan_.table(), kinds[0][0].value_or("")))
          .with_blame(Blame::kUser)
          .with_hint("name another table, or drop it");
    StoredPostgresTable stored;
    ASSIGN(auto columns,
           connection_->query(
               "SELECT attname, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND "
               "attidentity = '', attgenerated <> '' OR attidentity = 'a' FROM pg_attribute WHERE "
               "attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
               Params{plan_.table()}));
    for (auto& column : columns)
      stored.columns.push_back(
          {column[0].value_or(""), column[1].value_or(""), column[2] == "t", column[3] == "t"});
    ASSIGN(
        auto indexes,
        connection_->query(
            "SELECT i.indexrelid::text, a.attname FROM pg_index i JOIN pg_attribute a ON "
            "a.attrelid "
            "= i.indrelid AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1]) WHERE "
            "i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate "
            "AND "
            "i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 1",
            Params{plan_.table()}));
    for (size_t i = 0; i < indexes.size(); ++i) {
      if (i == 0 || indexes[i][0] != indexes[i - 1][0]) stored.unique.emplace_back();
      stored.unique.back().push_back(indexes[i][1].value_or(""));
    }
    return std::optional(std::move(stored));
  }

  Result<void> prepare() {
    std::string same, set, values;
    for (size_t i = 0; i < kProgressColumns; ++i) {
      const std::string name = quote_identifier(kProgressNames[i]),
                        param = "$" + std::to_string(i + 1);
      values += (values.empty() ? "" : ", ") + param;
      std::string& list = i < kProgressIdentity ? same : set;
      const std::string_view between = i < kProgressIdentity ? " AND " : ", ";
      list += (list.empty() ? "" : std::string(between)) + name + " = " + param;
    }
    TRY(connection_->run("DEALLOCATE ALL"));
    TRY(connection_->prepare(
        "move", fmt::format("UPDATE {} SET {} WHERE {} AND next = ${}::bigint", progress_table(),
                            set, same, kProgressColumns + 1)));
    return connection_->prepare(
        "first", fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
                             progress_table(), quoted_progress_names(), values));
  }

  Result<std::vector<stream::Progress>> read_progress() {
    return read_rows(*connection_, config_, "project = $1 AND pipeline = $2 AND sink = $3",
                     Params{table_.project, table_.pipeline, table_.sink});
  }

  // ---- write

  /// Rows [from, to) of `places` as COPY takes them, into copy_.
  void encode(const stream::SinkBatch& batch, const std::vector<Place>& places, size_t from,
              size_t to, std::vector<stream::RefusedRow>& refused) {
    copy_.clear();
    begin_copy(copy_);
    for (size_t i = from; i < to; ++i) {
      const auto [chunk, row] = places[i];
      const auto version = plan_.keyed() ? std::optional(batch.versions[chunk][row]) : std::nullopt;
      const auto deleted = plan_.deletes() ? std::optional(batch.deletes(chunk)) : std::nullopt;
      if (auto problem = rows_.append(batch.chunks[chunk], row, version, deleted, copy_))
        refused.push_back({chunk, row, *problem});
    }
    end_copy(copy_);
  }

  Result<void> put_rows() {
    TRY(connection_->copy_in(plan_.copy(), copy_));
    if (plan_.keyed()) TRY(connection_->run(plan_.upsert()));
    return {};
  }

  Result<void> transaction(const stream::SinkBatch& batch, size_t rows) {
    if (!connection_ || !connection_->alive()) {
      return Error(ErrorCode::kUnavailable, "not connected").with_retry(Retry::kReconnect);
    }
    TRY(forget_deletions(false));
    TRY(io::fault_point("store.write.begin"));
    auto done = commit(batch, rows);
    if (!done) {
      connection_->roll_back();
      return done;
    }
    return io::fault_point("store.write.after_commit");
  }

  Result<void> commit(const stream::SinkBatch& batch, size_t rows) {
    // A deferred constraint would else speak at COMMIT, where no row can be found.
    TRY(connection_->run("BEGIN; SET CONSTRAINTS ALL IMMEDIATE"));
    if (rows > 0) TRY(put_rows());
    TRY(io::fault_point("store.write.after_rows"));
    TRY(move(batch.progress));
    TRY(io::fault_point("store.write.before_commit"));
    return connection_->run("COMMIT");
  }

  Result<void> move(const stream::Progress& progress) {
    const ProgressTexts texts = progress_texts(progress);
    Params params(texts.begin(), texts.end());
    const bool first = progress.expected_next < 0;
    const std::string expected = std::to_string(progress.expected_next);
    if (!first) params.emplace_back(expected);
    ASSIGN(int64_t changed, connection_->execute(first ? "first" : "move", params));
    if (changed == 1) return {};
    return Error(ErrorCode::kConflict, first
                                           ? "its position is there already, expected none yet"
                                           : fmt::format("its position is no longer {}", expected))
        .with_retry(Retry::kNever)
        .with_blame(Blame::kExternal);
  }

  /// Finds the rows that are refused by halving, from left to right in one transaction that is rolled back at the
  /// end: what went in stays in, so that of two rows with one unique value the second is to blame.
  Result<std::vector<stream::RefusedRow>> isolate(const stream::SinkBatch& batch,
                                                  const std::vector<Place>& places) {
    std::vector<stream::RefusedRow> refused;
    std::vector<std::pair<size_t, size_t>> open = {{0, places.size()}};
    TRY(connection_->run("BEGIN; SET CONSTRAINTS ALL IMMEDIATE"));
    while (!open.empty()) {
      const auto [from, to] = open.back();
      open.pop_back();
      encode(batch, places, from, to, refused);
      TRY(connection_->run("SAVEPOINT leat"));
      if (plan_.keyed()) TRY(connection_->run(plan_.empty_stage()));
      auto done = put_rows();
      if (done) {
        TRY(connection_->run("RELEASE SAVEPOINT leat"));
        continue;
      }
      if (!clients::blames_row(connection_->sqlstate())) return std::move(done).error();
      TRY(connection_->run("ROLLBACK TO SAVEPOINT leat; RELEASE SAVEPOINT leat"));
      if (to - from == 1) {
        refused.push_back({places[from].chunk, places[from].row, done.error().message()});
        continue;
      }
      const size_t middle = from + (to - from) / 2;
      open.emplace_back(middle, to);  // the left half is looked at first
      open.emplace_back(from, middle);
    }
    connection_->roll_back();
    return refused;
  }

  // ---- reset

  Result<void> rewrite(std::span<const stream::Progress> rows, bool truncate) {
    TRY(connect());
    TRY(connection_->run("BEGIN"));
    const Params mine = {table_.project, table_.pipeline, table_.sink};
    if (truncate) {
      ASSIGN(bool there, exists(plan_.table()));
      if (there) TRY(connection_->run("DELETE FROM " + plan_.table()));
      ASSIGN(bool deletions, exists(plan_.deletions()));
      if (deletions) TRY(connection_->run("DELETE FROM " + plan_.deletions()));
      TRY(connection_->query(
          fmt::format("DELETE FROM {} WHERE project = $1 AND pipeline = $2 AND sink = $3",
                      progress_table()),
          mine));
    }
    for (const stream::Progress& row : rows) {
      const ProgressTexts texts = progress_texts(row);
      const Params params(texts.begin(), texts.end());
      TRY(connection_->query(fmt::format("DELETE FROM {} WHERE project = $1 AND pipeline = $2 AND "
                                         "sink = $3 AND topic = $4 AND topic_id = "
                                         "$5 AND \"partition\" = $6",
                                         progress_table()),
                             std::span(params).first(kProgressIdentity)));
      TRY(connection_->execute("first", params));
    }
    return connection_->run("COMMIT");
  }

  const Config config_;
  const PostgresTable plan_;
  const stream::SinkTable table_;
  io::Clock& clock_;
  PostgresRows rows_;
  std::optional<PostgresConnection> connection_;
  int64_t forgotten_ms_ = 0;  // when old deletions were taken out last, on the steady clock
  ChosenRows chosen_;
  std::string copy_;  // kept between batches
};

class PostgresStore final : public stream::Store {
 public:
  PostgresStore(Config config, io::Clock& clock) : config_(std::move(config)), clock_(clock) {}
  Result<std::unique_ptr<stream::Sink>> make_sink(const stream::SinkTable& table) override {
    ASSIGN(PostgresTable plan, PostgresTable::make(config_.schema, table));
    return std::unique_ptr<stream::Sink>(
        std::make_unique<PostgresSink>(config_, std::move(plan), table, clock_));
  }
  Result<std::vector<stream::Progress>> progress(const std::string& project) override {
    ASSIGN(PostgresConnection c, connect_to(config_, "leat", clock_));
    ASSIGN(auto there,
           c.query("SELECT to_regclass($1) IS NOT NULL", Params{progress_table_of(config_)}));
    if (there[0][0] != "t") return std::vector<stream::Progress>();
    return read_rows(c, config_, "project = $1", Params{project});
  }
  Result<bool> maintain() override { return false; }
  Result<stream::StoreAnswer> ask(const stream::StoreQuery& query) override {
    Config bounded = config_;
    bounded.timeout_ms = query.deadline_ms;
    ASSIGN(PostgresConnection c, connect_to(bounded, "leat sql", clock_));
    return ask_postgres(c, config_.schema, query);
  }

 private:
  const Config config_;
  io::Clock& clock_;
};

}  // namespace

void register_sink_postgres(stream::Registry& registry) {
  stream::StoreType type;
  type.name = "postgres";
  type.summary = "A PostgreSQL database: keyed tables by upsert, others by COPY.";
  type.guarantee =
      "Rows and position are written in one transaction: whatever dies when, each record's rows "
      "are there once. An "
      "older version of a key never replaces a newer one; a process that was taken for dead writes "
      "nothing.";
  type.example_yaml = "{dsn: \"${WAREHOUSE_DSN}\"}";
  type.spec = &spec();
  type.open = [](const config::Node& node,
                 const stream::StoreContext& context) -> Result<std::unique_ptr<stream::Store>> {
    ASSIGN(auto config, spec().parse(node, context.environment, "stores." + context.store));
    TRY(clients::check_postgres_dsn(config.dsn.reveal()));
    return std::unique_ptr<stream::Store>(
        std::make_unique<PostgresStore>(std::move(config), *context.clock));
  };
  registry.add(std::move(type));
}

}  // namespace leat::components
