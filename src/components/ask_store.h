// Questions to stores that are servers, each in its own language: one statement that only reads, some of its rows.
#pragma once

#include "base/result.h"
#include "clients/cassandra.h"
#include "clients/postgres.h"
#include "io/clock.h"
#include "stream/store.h"

namespace leat::components {

/// A query of PostgreSQL's in a transaction that may only read; names without a schema are looked up in `schema` first.
Result<stream::StoreAnswer> ask_postgres(clients::PostgresConnection& connection,
                                         const std::string& schema,
                                         const stream::StoreQuery& query);
/// A SELECT of CQL. Values as Cassandra's own JSON has them (`SELECT JSON`); types are not told.
Result<stream::StoreAnswer> ask_cassandra(clients::CassandraSession& session,
                                          const stream::StoreQuery& query, io::Clock& clock);

}  // namespace leat::components
