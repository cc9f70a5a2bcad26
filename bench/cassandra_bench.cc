// What the driver of Apache Cassandra takes by itself: user records that are encoded beforehand. Called by
// bench/cluster.py.
//   bench_cassandra_bench HOST:PORT KEYSPACE TABLE RECORDS CONCURRENCY [ROWS]
// Makes the table anew, with `id` as its key, and writes each record by the statement that leat uses. With ROWS, rows
// of one country are a partition, and go in batches of so many. The last line is JSON.
#include <algorithm>
#include <vector>

#include "bench/cluster_program.h"
#include "bench/users.h"
#include "clients/cassandra.h"
#include "components/sink_cassandra_rows.h"

namespace leat::bench {
namespace {

struct Encoded {
  std::string bytes;
  std::vector<uint64_t> ends, groups;
};

void put_id(std::string& out, const User& u) {
  std::string id;
  for (uint64_t half : {u.id_upper, u.id_lower})
    for (int shift = 56; shift >= 0; shift -= 8) id += static_cast<char>(half >> shift & 0xFF);
  components::put_cassandra(out, std::string_view(id));
}

Encoded encoded(int64_t records, size_t rows) {
  std::vector<User> users;
  for (int64_t n = 0; n < records; ++n) users.push_back(user(static_cast<uint64_t>(n)));
  if (rows > 1)
    std::stable_sort(users.begin(), users.end(),
                     [](const User& a, const User& b) { return a.country < b.country; });
  Encoded all;
  for (const User& u : users) {
    put_id(all.bytes, u);
    for (const std::string* text :
         {&u.first_name, &u.last_name, &u.gender, &u.address, &u.post_code, &u.email, &u.username})
      components::put_cassandra(all.bytes, std::string_view(*text));
    components::put_cassandra(all.bytes, u.dob_us / 1000);
    components::put_cassandra(all.bytes, u.registered_us / 1000);
    for (const std::string* text : {&u.phone, &u.picture, &u.country})
      components::put_cassandra(all.bytes, std::string_view(*text));
    components::put_cassandra(all.bytes, int64_t{1'700'000'000'000'000});
    const size_t at = all.ends.size(), first = all.groups.empty() ? 0 : all.groups.back();
    if (at > 0 && (at - first == rows || (rows > 1 && u.country != users[at - 1].country)))
      all.groups.push_back(at);
    all.ends.push_back(all.bytes.size());
  }
  all.groups.push_back(all.ends.size());
  return all;
}

int main(int argc, char** argv) {
  if (argc < 6) die("HOST:PORT KEYSPACE TABLE RECORDS CONCURRENCY [ROWS]");
  const size_t rows = argc > 6 ? static_cast<size_t>(std::atoll(argv[6])) : 1;
  const Encoded all = encoded(std::atoll(argv[4]), rows);
  clients::CassandraOptions options;
  options.contact_points = {argv[1]};
  options.username = "cassandra";
  options.password = config::Secret("cassandra");
  auto session = need(clients::CassandraSession::open(options));
  const std::string keyspace = argv[2], table = keyspace + "." + argv[3];
  need(session->change("CREATE KEYSPACE IF NOT EXISTS " + keyspace +
                       " WITH replication = {'class': 'NetworkTopologyStrategy', "
                       "'replication_factor': 1}"));
  need(session->change("DROP TABLE IF EXISTS " + table));
  need(session->change(fmt::format(
      "CREATE TABLE {} (id uuid, first_name text, last_name text, gender text, address text, "
      "post_code text, email text, username text, dob timestamp, registered_date timestamp, phone "
      "text, picture text, country text, PRIMARY KEY ({}))",
      table, rows > 1 ? "country, id" : "id")));
  const auto insert = need(session->prepare(fmt::format(
      "INSERT INTO {} (id, first_name, last_name, gender, address, post_code, email, username, "
      "dob, registered_date, phone, picture, country) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?) USING TIMESTAMP ?",
      table)));
  const double start = now_s(), cpu = cpu_s();
  need(session->write(insert,
                      {all.bytes, all.ends, all.groups, static_cast<uint32_t>(std::atoll(argv[5]))},
                      [](size_t, std::string message) { die(message); }));
  tell(static_cast<int64_t>(all.ends.size()), now_s() - start, cpu_s() - cpu,
       static_cast<int64_t>(all.bytes.size()));
  return 0;
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) { return leat::bench::main(argc, argv); }
