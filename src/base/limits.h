// Every bound of leat by name. A loop, queue, buffer, retry or label without a name here is a defect.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leat::limits {

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;

// Records and batches
constexpr size_t kMaxRecordBytes = 16 * kMiB;  // a larger record is rejected as too_large
constexpr size_t kMaxKafkaRecordBytes =
    kMaxRecordBytes +
    64 * kKiB;  // with what Kafka writes beside; max.message.bytes of leat's topics
constexpr size_t kDefaultBatchRecords = 1000;  // batch.records
constexpr int64_t kReadPatienceMs = 10'000;    // for records that a log says it has
constexpr size_t kMaxBatchRecords = 100'000;
constexpr size_t kDefaultBatchBytes = 8 * kMiB;  // batch.bytes
constexpr int64_t kDefaultBatchDelayMs = 0;      // batch.delay: how long a batch may wait to fill
constexpr size_t kLaneQueueBytes = 32 * kMiB;    // between two stages of a lane
constexpr size_t kLaneQueueItems = 2;
constexpr size_t kMaxRowsPerRecord = 100'000;  // UNNEST
constexpr size_t kMaxRecordResultBytes =
    64 * kMiB;  // of the rows of one record; more cuts the batch
constexpr size_t kMaxBatchResultRows = 10'000'000;
constexpr size_t kMaxBatchResultBytes = 256 * kMiB;
constexpr size_t kMaxRecordOutputBytes = 64 * kMiB;  // of all rows that one record makes for topics
constexpr size_t kMaxOutcomeBytes =
    96 * kMiB;  // of what one batch writes; a batch of a topic is cut in halves beyond

constexpr size_t kArenaBlockBytes = 64 * kKiB;  // the first block of an arena; they double
constexpr size_t kArenaKeepBytes = 64 * kMiB;   // what an arena keeps for the next batch

// Parsers
constexpr size_t kMaxJsonDepth = 64;
constexpr size_t kShownBytes = 64;           // of a record in a message
constexpr size_t kMaxInferredFields = 1000;  // of one object; a larger one is a JSON column
constexpr size_t kMaxYamlBytes = 1 * kMiB;
constexpr size_t kMaxYamlDepth = 64;
constexpr size_t kMaxDiagnostics = 200;        // findings of a lint that are kept
constexpr size_t kMaxSecretBytes = 64 * kKiB;  // a file of a secret
constexpr size_t kMaxSchemaBytes = 4 * kMiB;   // a schema file
constexpr size_t kMaxSqlBytes = 256 * kKiB;

// Avro
constexpr size_t kMaxAvroDepth = 64;        // types inside types; of a value that is skipped, too
constexpr size_t kMaxAvroColumns = 10'000;  // of one schema, nested ones included
constexpr size_t kMaxAvroItemBytes =
    128 * kMiB;  // of columns that the arrays and maps of one record fill

// Schemas of the registry
constexpr size_t kSchemaBytes = 1 * kMiB;       // the text of one
constexpr size_t kSchemaTotalBytes = 8 * kMiB;  // of one and of all that it refers to
constexpr size_t kSchemaDepth = 256;            // JSON inside JSON; messages inside messages
constexpr size_t kSchemaKeys = 4096;            // of one JSON object of a schema
constexpr size_t kSchemaReferences = 1024;      // that one schema has, directly or not
constexpr size_t kSchemaPairs = 200'000;        // pairs of types that one comparison looks at
constexpr size_t kSchemaPathBytes = 2 * kKiB;   // of a place that a difference names
constexpr size_t kSchemaDifferences = 1000;     // that one comparison tells of
constexpr int64_t kUnknownSchemaWaitMs =
    10'000;  // for a schema that a record names and the registry lacks
constexpr size_t kMaxUnknownSchemas = 10'000;  // that a lane remembers

// Names
constexpr size_t kMaxIdentifier = 48;
constexpr size_t kMaxSuggestedName = 64;  // a longer name gets no "did you mean"

// Dead letter
constexpr size_t kDeadLetterBytes =
    256 * kKiB;  // of a record's value, its key and its headers each, kept in its dead letter
constexpr size_t kDeadLetterMessageBytes = 4 * kKiB;
constexpr int64_t kDeadLetterRetentionMs = 14LL * 24 * 3600 * 1000;

// Topics
constexpr int kMaxPartitions = 1024;
constexpr size_t kMaxTopicName = 249;

// Embedded log
constexpr size_t kLogBatchRecords = 4096;    // of one stored batch: the grain of random access
constexpr size_t kLogBatchBytes = 1 * kMiB;  // before compression; one larger record goes alone
constexpr size_t kMaxLogBatchBytes =
    4 * kMaxRecordBytes;                                // a stored batch that says more is corrupt
constexpr size_t kMaxHeaders = 256;                     // of one record
constexpr size_t kMaxLogTransactionBytes = 256 * kMiB;  // of one transaction, before compression
constexpr size_t kMaxStateBytes = 16 * kMiB;            // one value of the runtime's state
constexpr size_t kLogWalBytes = 64 * kMiB;  // of RocksDB's write-ahead log, all column families
constexpr size_t kLogMemtableBytes = 16 * kMiB;  // of each column family
constexpr size_t kLogCacheBytes = 8 * kMiB;
constexpr int kLogOpenFiles = 512;
constexpr size_t kLogManifestBytes = 4 * kMiB;
constexpr size_t kLogInfoBytes = 1 * kMiB;     // RocksDB's own text log, twice
constexpr size_t kLogMinBlobBytes = 4 * kKiB;  // a smaller batch lies beside its key
constexpr size_t kLogBlobFileBytes = 256 * kMiB;
constexpr size_t kLogMinFreeBytes = 32 * kMiB;  // a log that ran out of space waits for this much
constexpr size_t kLogGroupBytes = 8 * kMiB;     // of transactions that share one synced write
constexpr size_t kLogGroupTransactions = 64;

// HTTP
constexpr size_t kMaxHttpBodyBytes = 64 * kMiB;  // decoded
constexpr size_t kMaxUrlBytes = 16 * kKiB;
constexpr size_t kMaxHttpHeaderBytes = 64 * kKiB;  // all fields of one answer
constexpr int kMaxRedirects = 5;
constexpr size_t kHttpBodyPadding =
    64;  // spare capacity behind a body, for parsers that read ahead
constexpr size_t kMaxSourcePages = 1'000'000;  // pages of one pass of a source
constexpr size_t kMaxPageRecords = 1'000'000;  // of one answer of an API
constexpr size_t kFileHeadBytes = 1 * kKiB;    // first bytes of a file, by which it is known again
constexpr size_t kFileTailBytes = 1 * kKiB;    // and those before the position
constexpr size_t kMaxCsvColumns = 4096;
constexpr size_t kMaxGoneFiles =
    1000;  // read files that are gone, and still known: the newest ones
constexpr size_t kMaxSourceFiles = 10'000;  // of a file source: each has a place in its cursor
constexpr size_t kMaxFollowedFiles = 256;   // of a file source that follows: each stays open
constexpr int kPageFailuresToAlarm = 3;     // undecodable answers in a row before the alarm
constexpr int64_t kMaxPollIntervalMs = 24LL * 3600 * 1000;
constexpr int64_t kMaxRetryAfterMs = 15 * 60 * 1000;
constexpr int64_t kMaxBackoffMs = 60 * 1000;
constexpr int64_t kMaxSinkBackoffMs =
    10 * 1000;  // of a lane whose store is away: rows shall be fresh soon after
constexpr int64_t kFirstBackoffMs = 200;

// HTTP server
constexpr size_t kMaxHttpConnections = 256;
constexpr size_t kMaxHttpStreams = 32;         // answers that go on: tail, events
constexpr size_t kHttpStreamBytes = 1 * kMiB;  // of one stream, written but not yet sent
constexpr size_t kMaxRequestHeaderBytes = 16 * kKiB;
constexpr size_t kMaxRequestBodyBytes = 1 * kMiB;  // unless a route says otherwise
constexpr int64_t kRequestHeaderMs = 5'000;        // first byte of a header to its last
constexpr int64_t kRequestBodyMs = 30'000;
constexpr int64_t kKeepAliveMs = 60'000;
constexpr int64_t kResponseWriteMs = 30'000;  // without a byte taken by the peer
constexpr int64_t kServerStopMs = 3'000;      // requests under way may end within
constexpr int64_t kPeerGoneMs = 100;          // how often a running handler's peer is looked after
constexpr int kHttpHandlerThreads = 4;
constexpr int kMaxApiQueries =
    kHttpHandlerThreads - 1;  // at a time: one thread is left for /healthz

// SQL
constexpr int64_t kTableRows = 100'000;  // rows of one of `tables:`
constexpr int64_t kSqlDeadlineMs = 30'000;
constexpr int64_t kSqlRows = 10'000;
constexpr size_t kDuckdbBytes = 2048 * kMiB;    // of all databases of the process, queries apart
constexpr size_t kTransformBytes = 512 * kMiB;  // of one run of a pipeline's query, beyond its rows

// Metrics
constexpr size_t kMaxMetricSeries = 1000;  // label values of one metric

// Process
constexpr int64_t kDrainOnStopMs = 10'000;
constexpr int64_t kProcessAnswerMs =
    2'000;  // a process that holds the data and does not answer is named
constexpr int kDefaultApiPort = 8680;

// Schema registry
constexpr size_t kRegistryBodyBytes =
    4 * kMiB;  // of a request: a schema as a JSON string, metadata, rules
constexpr size_t kRegistryNameBytes = 1 * kKiB;    // of a subject with its context
constexpr int32_t kMaxSchemaVersions = 10'000;     // of one subject
constexpr size_t kParsedSchemas = 1000;            // that are kept parsed
constexpr size_t kMaxCompatibilityMessages = 100;  // of one answer
constexpr int kDefaultRegistryPort = 8081;

// Embedded store
constexpr int64_t kStoreWalBytes =
    32LL * static_cast<int64_t>(kMiB);      // of DuckDB's WAL, then a checkpoint
constexpr int kStoreUnreclaimed = 4;        // checkpoints without a reclaim; then new queries wait
constexpr int64_t kStoreTailRows = 50'000;  // of a keyed table's tail, then a fold
constexpr int64_t kStoreTailPercent = 5;    // of its base, when that is more
constexpr int64_t kStoreDeadPercent = 25;   // of a base's rows are deleted; then its oldest move
constexpr int64_t kStoreTailFactor = 4;  // so many times that: the writer folds before it goes on
constexpr int64_t kStoreHoldMs = 1000;   // how long a reclaim waits for those inside
constexpr int kStoreThreads = 2;         // of DuckDB's
constexpr int64_t kStoreMemoryBytes = 1024LL * static_cast<int64_t>(kMiB);  // DuckDB's memory_limit
constexpr int64_t kSqlResultBytes = 64LL * static_cast<int64_t>(kMiB);      // of one query's result

}  // namespace leat::limits
