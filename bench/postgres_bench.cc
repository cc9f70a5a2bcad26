// What PostgreSQL takes by itself: user records that are encoded beforehand, one connection. Called by bench/cluster.py.
//   bench_postgres_bench copy DSN TABLE RECORDS           one binary COPY into the table
//   bench_postgres_bench upsert DSN TABLE RECORDS BATCH   per batch: COPY into a temporary table, INSERT ON CONFLICT
//   bench_postgres_bench wait DSN TABLE                   prints "ready", then the clock when a first row can be selected
// The table has the columns of User, `id uuid PRIMARY KEY`. The last line is JSON.
#include <libpq-fe.h>

#include <vector>

#include "bench/cluster_program.h"
#include "bench/users.h"

namespace leat::bench {
namespace {

constexpr const char* kColumns =
    "id, first_name, last_name, gender, address, post_code, email, username, dob, registered_date, "
    "phone, picture, country";
constexpr int64_t kEpochUs = 946'684'800'000'000;  // PostgreSQL counts from 2000
constexpr size_t kPiece = size_t{256} * 1024;
constexpr double kWaitS = 60;

template <typename T>
void put(std::string& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xFF);
}
void put(std::string& out, const std::string& text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}
void put_time(std::string& out, int64_t us) {
  put(out, uint32_t{8});
  put(out, static_cast<uint64_t>(us - kEpochUs));
}

void put_row(std::string& out, const User& u) {
  put(out, uint16_t{13});
  put(out, uint32_t{16}), put(out, u.id_upper), put(out, u.id_lower);
  for (const std::string* text :
       {&u.first_name, &u.last_name, &u.gender, &u.address, &u.post_code, &u.email, &u.username})
    put(out, *text);
  put_time(out, u.dob_us), put_time(out, u.registered_us);
  for (const std::string* text : {&u.phone, &u.picture, &u.country}) put(out, *text);
}

/// Records [from, to) as COPY's binary format has them.
std::string encoded(int64_t from, int64_t to) {
  std::string out("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  for (int64_t n = from; n < to; ++n) put_row(out, user(static_cast<uint64_t>(n)));
  put(out, static_cast<uint16_t>(-1));
  return out;
}

class Session {
 public:
  explicit Session(const char* dsn) : connection_(PQconnectdb(dsn)) {
    if (PQstatus(connection_) != CONNECTION_OK) die(PQerrorMessage(connection_));
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { PQfinish(connection_); }

  /// How many rows it gave.
  int run(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
      die(sql + ": " + PQerrorMessage(connection_));
    const int rows = PQntuples(result);
    PQclear(result);
    return rows;
  }
  void copy(const std::string& into, std::string_view bytes) {
    run("COPY " + into + " (" + kColumns + ") FROM STDIN (FORMAT binary)");
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      const std::string_view piece = bytes.substr(at, kPiece);
      if (PQputCopyData(connection_, piece.data(), static_cast<int>(piece.size())) != 1)
        die(PQerrorMessage(connection_));
    }
    if (PQputCopyEnd(connection_, nullptr) != 1) die(PQerrorMessage(connection_));
    while (PGresult* result = PQgetResult(connection_)) {
      if (PQresultStatus(result) != PGRES_COMMAND_OK) die(PQresultErrorMessage(result));
      PQclear(result);
    }
  }

 private:
  PGconn* connection_;
};

void copy(Session& session, const std::string& table, int64_t records) {
  const std::string bytes = encoded(0, records);
  const double start = now_s(), cpu = cpu_s();
  session.copy(table, bytes);
  tell(records, now_s() - start, cpu_s() - cpu, static_cast<int64_t>(bytes.size()));
}

void upsert(Session& session, const std::string& table, int64_t records, int64_t batch) {
  std::vector<std::string> batches;
  int64_t bytes = 0;
  for (int64_t at = 0; at < records; at += batch) {
    batches.push_back(encoded(at, std::min(at + batch, records)));
    bytes += static_cast<int64_t>(batches.back().size());
  }
  session.run("CREATE TEMPORARY TABLE stage (LIKE " + table + ") ON COMMIT DELETE ROWS");
  std::string set;
  for (std::string_view left = kColumns; !left.empty();) {
    const std::string_view name = left.substr(0, left.find(", "));
    left.remove_prefix(std::min(left.size(), name.size() + 2));
    if (name != "id") set += fmt::format("{0}{1} = EXCLUDED.{1}", set.empty() ? "" : ", ", name);
  }
  const std::string merge =
      fmt::format("INSERT INTO {0} ({1}) SELECT {1} FROM stage ON CONFLICT (id) DO UPDATE SET {2}",
                  table, kColumns, set);
  const double start = now_s(), cpu = cpu_s();
  for (const std::string& one : batches) {
    session.run("BEGIN");
    session.copy("stage", one);
    session.run(merge);
    session.run("COMMIT");
  }
  tell(records, now_s() - start, cpu_s() - cpu, bytes);
}

void wait(Session& session, const std::string& table) {
  fmt::print("ready\n");
  std::fflush(stdout);
  const double until = now_s() + kWaitS;
  while (session.run("SELECT 1 FROM " + table + " LIMIT 1") == 0) {
    if (now_s() > until) die("no row came");
  }
  fmt::print("{{\"at\": {:.6f}}}\n", now_s());
}

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (argc < 4) die("copy|upsert|wait DSN TABLE [RECORDS [BATCH]]");
  Session session(argv[2]);
  if (verb == "copy" && argc == 5)
    copy(session, argv[3], std::atoll(argv[4]));
  else if (verb == "upsert" && argc == 6)
    upsert(session, argv[3], std::atoll(argv[4]), std::atoll(argv[5]));
  else if (verb == "wait")
    wait(session, argv[3]);
  else
    die("no such verb");
  return 0;
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) { return leat::bench::main(argc, argv); }
