/* Apache Cassandra for C++: the Rust driver `scylla` behind a C ABI.
 *
 * Functions that return int give 0, or an lcql_code and fill *error. All of them block the calling thread until
 * they are done or their time-outs have passed; a session may be used by many threads at once. What a callback is
 * given lives until it returns; callbacks run on the calling thread. Driver threads never call into C++.
 *
 * A value is as CQL's protocol has it: a big-endian int32 length, or -1 for NULL, and so many bytes. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct lcql_session lcql_session;
typedef struct lcql_statement lcql_statement;

/* Codes up to 0xFFFF are CQL's own: 0x0100 bad credentials, 0x1001 overloaded, 0x2100 unauthorized, 0x2200 invalid ... */
enum lcql_code {
  LCQL_OK = 0,
  LCQL_ARGUMENT = 0x10001,
  LCQL_CONNECT = 0x10002,
  LCQL_TIMEOUT = 0x10003,
  LCQL_ENCODING = 0x10004,
  LCQL_STOPPED = 0x10005, /* a callback said so */
  LCQL_OTHER = 0x1FFFF
};

typedef struct {
  int32_t code;
  int32_t retryable; /* 1: the same call may succeed later */
  char message[1000];
} lcql_error;

typedef struct {
  const char* contact_points;        /* "host:port,host:port" */
  const char *user, *password;       /* NULL: no login */
  const char* datacenter;            /* NULL: the only one; an error when there are several */
  int32_t loopback_only;             /* other nodes than those on loopback are left alone */
  int32_t tls;                       /* 0: none */
  const char* tls_ca_file;           /* NULL: the host's authorities */
  const char* tls_certificate_file;  /* leat's own, with its key; NULL: none */
  const char* tls_key_file;
  const char* tls_names;             /* "a,b": names that a certificate may have besides its node's address; NULL: none */
  uint32_t connect_ms, request_ms;
  uint16_t consistency;              /* CQL's number: 1 ONE, 4 QUORUM, 6 LOCAL_QUORUM, 10 LOCAL_ONE */
} lcql_options;

int lcql_open(const lcql_options* options, lcql_session** out, lcql_error* error);
void lcql_close(lcql_session* session);
/* How many nodes the cluster has, as the driver knows it. */
uint32_t lcql_nodes(const lcql_session* session);

/* A statement without parameters or rows. All processes send theirs to the same node, one by one, since Cassandra
 * does not settle schema changes made through several; returns when the nodes agree on the schema. */
int lcql_change(lcql_session* session, const char* cql, lcql_error* error);

/* Returns when the nodes agree on the schema. */
int lcql_settle(lcql_session* session, lcql_error* error);

/* Names without a keyspace mean this one from now on. */
int lcql_use(lcql_session* session, const char* keyspace, lcql_error* error);

int lcql_prepare(lcql_session* session, const char* cql, lcql_statement** out, lcql_error* error);
void lcql_statement_free(lcql_statement* statement);
uint32_t lcql_parameters(const lcql_statement* statement);

typedef struct {
  const uint8_t* bytes; /* NULL: the value is */
  uint32_t size;
} lcql_value;

/* A row. Anything but 0 ends the call with LCQL_STOPPED. */
typedef int (*lcql_row)(void* user, const lcql_value* values, uint32_t columns);

/* All rows of a statement, page by page. `parameters`: the values one after the other, `size` bytes of them. */
int lcql_select(lcql_session* session, const lcql_statement* statement, const uint8_t* parameters, size_t size,
                uint32_t page_rows, lcql_row row, void* user, lcql_error* error);

typedef struct {
  const uint8_t* bytes; /* the rows' values, row by row */
  const uint64_t* ends; /* of each row, where it ends in bytes */
  uint64_t rows;
  /* Requests: rows [groups[i-1], groups[i]) go as one, and belong to one partition; of one row: an EXECUTE, of more: an
   * UNLOGGED BATCH. */
  const uint64_t* groups;
  uint64_t n_groups;
  uint32_t concurrency; /* requests in flight, at most */
} lcql_rows;

/* A row that the server calls invalid; the others are written all the same. */
typedef void (*lcql_refused)(void* user, uint64_t row, const char* message);

/* Writes rows by an idempotent statement. Returns 0 when each row is acknowledged or was reported as refused. How many
 * requests are in flight follows what the server bears: fewer after it was overloaded or late, then more again. Such a
 * request is tried a few times, while request_ms have not passed, before the call fails. */
int lcql_write(lcql_session* session, const lcql_statement* statement, const lcql_rows* rows, lcql_refused refused,
               void* user, lcql_error* error);

#ifdef __cplusplus
}
#endif
