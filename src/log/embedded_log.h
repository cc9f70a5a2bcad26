// EmbeddedLog: the durable log of one process, on RocksDB. Topics with partitions, atomic transactions over
// records, progress and state, readers, retention.
//
// A transaction is one synced write batch, so it happens whole or not at all; several that commit at the same
// time share one write and one sync. Offsets are given at commit, and readers see a record only after its sync.
// Every record of a transaction gets the time of its commit, never less than its predecessor's in the partition
// (OutRecord::timestamp_ms is not used).
//
//   DIR/leat.lock        held while open for writing; its content is the pid
//   DIR/*                RocksDB's files: column families log, meta and state (keys.h, record_batch.h)
//
// When the disk is full a commit returns kNoSpace (Retry::kBackoff) and may be called again: the log reopens its
// files once there is space, and commit() then tells whether the transaction had happened. After any other
// failed write the state of the disk is unknown: that commit and all later ones return Retry::kFatal, until the
// process opens the log anew. Reading goes on in both cases.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "log/record_batch.h"
#include "stream/log.h"

namespace rocksdb {
class FileSystem;
}

namespace leat::log {

struct Options {
  io::Clock* clock = nullptr;  // null: the host's; must outlive the log
  Codec codec = Codec::kLz4;   // of new batches; every codec is read
  bool read_only = false;      // nothing is written; refused while somebody has it open for writing
  bool in_memory = false;      // no directory at all: `leat test` and golden tests
  std::shared_ptr<rocksdb::FileSystem>
      file_system;  // tests: files that fail (faulty_filesystem_fixture.h)
};

/// One partition of which retention has deleted something.
struct Retired {
  std::string topic;
  int32_t partition = 0;
  int64_t from = 0, to = 0;  // offsets [from, to) are gone
  int64_t bytes = 0;         // stored
};

/// The first offset of a partition that somebody still needs; INT64_MAX when nobody needs any.
using RetentionFloor = std::function<int64_t(const stream::TopicInfo&, int32_t partition)>;

/// Any thread; each reader and transaction belongs to one, and must be destroyed before the log.
class EmbeddedLog final : public stream::Log {
 public:
  /// Opens or creates DIR. kConflict: another process (named) has it open. kIncompatible: written by a newer
  /// leat. kCorrupt: damaged beyond a torn tail; nothing is repaired silently.
  static Result<std::unique_ptr<EmbeddedLog>> open(const std::string& dir, const Options& options);
  ~EmbeddedLog() override;

  stream::TopicAdmin& topics() override;
  Result<std::unique_ptr<stream::TopicReader>> reader(const stream::TopicInfo& topic) override;
  Result<std::unique_ptr<stream::Membership>> join(const std::string& group,
                                                   const stream::TopicInfo& topic) override;
  /// A second open transaction of the same owner fences the first: its commit returns kConflict.
  Result<std::unique_ptr<stream::LogTransaction>> begin(const std::string& owner) override;
  Result<std::vector<stream::Progress>> progress(const std::string& project,
                                                 const std::string& pipeline) override;
  Result<std::optional<std::string>> state(std::string_view key) override;
  Result<std::vector<std::pair<std::string, std::string>>> states(std::string_view prefix) override;

  /// Deletes whole batches that are older than their topic's retention_ms, or beyond its retention_bytes, but
  /// nothing at or after floor(). One durable write a partition.
  Result<std::vector<Retired>> enforce_retention(int64_t now_ms, const RetentionFloor& floor);
  /// A consistent copy into a new directory, while running: hard links where the disk allows.
  Result<void> backup(const std::string& to);
  /// How often the log has been opened for writing; this opening included.
  uint64_t epoch() const;

 private:
  struct Impl;
  explicit EmbeddedLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat::log
