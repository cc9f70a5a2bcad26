// Every bound of leat by name. A loop, queue, buffer, retry or label without a name here is a defect.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leat::limits {

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;

// Records and batches
constexpr size_t kMaxRecordBytes = 16 * kMiB;        // a larger record is rejected as too_large
constexpr size_t kDefaultBatchRecords = 1000;        // batch.records
constexpr size_t kMaxBatchRecords = 100'000;
constexpr size_t kDefaultBatchBytes = 8 * kMiB;      // batch.bytes
constexpr int64_t kDefaultBatchDelayMs = 100;        // batch.delay: how long a batch may wait to fill
constexpr size_t kLaneQueueBytes = 32 * kMiB;        // between two stages of a lane
constexpr size_t kLaneQueueItems = 4;
constexpr size_t kMaxRowsPerRecord = 100'000;        // UNNEST

// Parsers
constexpr size_t kMaxJsonDepth = 64;
constexpr size_t kMaxYamlBytes = 1 * kMiB;
constexpr size_t kMaxYamlDepth = 64;
constexpr size_t kMaxSqlBytes = 256 * kKiB;

// Dead letter
constexpr size_t kDeadLetterBytes = 256 * kKiB;      // bytes of a record kept in its dead letter
constexpr int64_t kDeadLetterRetentionMs = 14LL * 24 * 3600 * 1000;

// Topics
constexpr int kMaxPartitions = 1024;
constexpr size_t kMaxTopicName = 249;

// HTTP
constexpr size_t kMaxHttpBodyBytes = 64 * kMiB;      // decoded
constexpr int kMaxRedirects = 5;
constexpr int64_t kMaxRetryAfterMs = 15 * 60 * 1000;
constexpr int64_t kMaxBackoffMs = 60 * 1000;
constexpr int64_t kFirstBackoffMs = 200;

// SQL
constexpr int64_t kTableRows = 100'000;              // rows of one of `tables:`
constexpr int64_t kSqlDeadlineMs = 30'000;
constexpr int64_t kSqlRows = 10'000;

// Process
constexpr int64_t kDrainOnStopMs = 10'000;
constexpr int kDefaultApiPort = 8680;

}  // namespace leat::limits
