// leat export TABLE FILE: a table or a SELECT to Parquet or CSV. leat backup DIR: log and store,
// while they run.
#include "app/commands.h"
#include "app/console.h"
#include "app/session.h"
#include "io/file.h"

namespace leat::app {
namespace {

Result<int> export_to(const GlobalOptions& options, const std::string& table,
                      const std::string& file) {
  ASSIGN(Session session, open_session(options, false));
  // The process that answers may stand in another directory.
  ASSIGN(Json done,
         session.api.post("/api/v1/export", {{"table", table}, {"file", io::absolute_path(file)}}));
  TRY(print(fmt::format("{}: {} rows, {} bytes\n", file, server::dump(done["rows"]),
                        server::dump(done["bytes"]))));
  return 0;
}

Result<int> backup(const GlobalOptions& options, const std::string& directory) {
  ASSIGN(Session session, open_session(options, true));
  ASSIGN(Json done,
         session.api.post("/api/v1/backup", {{"directory", io::absolute_path(directory)}}));
  TRY(print(fmt::format("{}: {} copied; `leat run --data {}` goes on from it\n", directory,
                        server::dump(done["parts"]), directory)));
  return 0;
}

}  // namespace

void add_export(Cli& cli) {
  struct Args {
    std::string table, file;
  };
  auto args = std::make_shared<Args>();
  Command app = cli.add(
      "export", "Write a table or a SELECT to a Parquet or CSV file, also while running",
      "leat export created_users users.parquet\n"
      "leat export \"SELECT country, count(*) AS users FROM created_users GROUP BY ALL\" users.csv",
      [&cli, args] { return export_to(cli.options(), args->table, args->file); });
  app.add_option("table", args->table, "TABLE, STORE.TABLE or a SELECT")
      .type_name("TABLE")
      .required();
  app.add_option("file", args->file, "Ends in .parquet or .csv; must not exist yet")
      .type_name("FILE")
      .required();
}

void add_backup(Cli& cli) {
  auto directory = std::make_shared<std::string>();
  cli.add("backup", "Copy log and store, also while running",
          "leat backup /backups/users-2026-11-22",
          [&cli, directory] { return backup(cli.options(), *directory); })
      .add_option("directory", *directory, "Must not exist yet")
      .type_name("DIR")
      .required();
}

}  // namespace leat::app
