#include "components/sink_duckdb_fold.h"

#include <algorithm>
#include <charconv>

#include "components/sink_duckdb_catalog.h"
#include "io/fault.h"

namespace leat::components {

void Folder::add(std::shared_ptr<KeyedTable> table) {
  MutexLock lock(mutex_);
  std::string name = table->plan.table();
  tables_.insert_or_assign(std::move(name), std::move(table));
}

std::vector<std::shared_ptr<KeyedTable>> Folder::tables() {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<KeyedTable>> all;
  for (auto& [name, table] : tables_) all.push_back(table);
  return all;
}

bool Folder::due(const KeyedTable& table, int64_t factor) const {
  const int64_t share = table.base_rows.load() / 100 * file_.options().tail_percent;
  return table.tail_rows.load() > factor * std::max(file_.options().tail_rows, share);
}

Result<void> Folder::run(sql::Connection& connection, KeyedTable& table) {
  TRY(connection.run("BEGIN"));
  TRY(io::fault_point("store.fold"));
  ASSIGN(std::string end, one_text(connection, table.plan.oldest(2 * table.tail_rows.load())));
  std::vector<int64_t> changed;
  for (const std::string& statement : table.plan.fold()) {
    ASSIGN(sql::QueryResult result, connection.query(statement));
    changed.push_back(result.rows_changed());
  }
  int64_t forgotten = 0;
  if (const std::string forget = table.plan.forget(file_.options().clock->now_us());
      !forget.empty()) {
    ASSIGN(sql::QueryResult result, connection.query(forget));
    forgotten = result.rows_changed();
  }
  if (!end.empty()) {
    for (const std::string& statement : table.plan.move(end)) TRY(connection.run(statement));
  }
  ASSIGN(sql::QueryResult result, connection.query("DELETE FROM " + table.plan.tail()));
  const int64_t folded = result.rows_changed();
  result.reset();
  TRY(connection.run("DROP TABLE leat_fold; DROP TABLE leat_found"));
  TRY(io::fault_point("store.fold"));
  if (auto committed = connection.run("COMMIT"); !committed)
    return Error(ErrorCode::kIo, committed.error().message())
        .context("cannot commit")
        .with_blame(Blame::kExternal);
  table.tail_rows.fetch_sub(folded);
  table.base_rows.fetch_add(changed[3] - changed[2] - forgotten);
  return io::fault_point("store.fold");
}

Result<void> Folder::fold(KeyedTable& table) {
  if (file_.poisoned()) return {};  // the next open() mends it
  auto connection = session_.connection();
  if (!connection) return std::move(connection).error();
  auto done = run(**connection, table);
  if (done) return {};
  (void)(*connection)
      ->run("ROLLBACK")
      .has_value();  // fails when nothing is open any more: then it is done
  return file_.judge(std::move(done).error()).context("folding " + table.plan.table());
}

}  // namespace leat::components
