// TopicSchemaStore: the registry's rows in a compacted topic of one partition, as records that other registries read
// (schema/schemas_topic.h has their form).
//
// One process owns the topic: it takes the name `registry.TOPIC` among the owners of transactions, which fences whoever
// had it, reads what that one has written, and writes a record that says so. Fencing alone does not tell: a log may give a
// producer up and fence anew later. So each write first looks at what has come since the one before: a record that is not
// this process's own means that the topic is another's.
//
//   scan:   ensure, check, read to the end; begin (fences); read what came in between; write the record of a takeover
//   write:  begin; read what has come; append and commit, in one transaction. A commit whose fate is unknown is found, or
//           not, by the look of the next try: whoever is given up is fenced by the next begin, and over by then.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "schema/schema_store.h"
#include "schema/schemas_topic.h"
#include "stream/log.h"

namespace leat::log {

class TopicSchemaStore final : public schema::SchemaStore {
 public:
  /// `log` and `clock` outlive it. `stop` ends what waits, with kCancelled.
  TopicSchemaStore(stream::Log& log, std::string topic, std::stop_token stop,
                   io::Clock& clock = io::system_clock())
      : log_(log), name_(std::move(topic)), stop_(std::move(stop)), clock_(clock) {}

  /// Takes the topic over, made when it is missing. kIncompatible for a topic of several partitions, or whose records go
  /// with its retention; Records that are no registry's are passed over with a warning; kCorrupt
  /// when there are no others: then nothing was taken over.
  Result<std::vector<schema::Row>> scan() override;
  /// kConflict, from then on, when another process owns the topic. With a code of the contract nothing was written.
  Result<void> write(std::span<const schema::Row> rows) override;

 private:
  using Record = schema::SchemasTopic::Record;
  using See = std::function<Result<void>(const stream::Record&)>;

  Result<void> check_topic() const;
  Result<void> check_sizes(std::span<const Record> records) const;
  /// What has been committed since the last read.
  Result<void> read(const See& see);
  Result<stream::PartitionBounds> settled_bounds();
  Result<void> apply(const stream::Record& record);
  Result<void> take_over();
  Result<void> commit(const std::vector<Record>& records);
  Result<void> try_commit(const std::vector<Record>& records);
  /// Whether a record of `tried_` has come; with lost_ set, others have, too.
  Result<bool> look();
  Result<void> append(stream::LogTransaction& transaction, std::span<const Record> records) const;
  Error taken_over() const;
  std::string owner() const { return "registry." + name_; }

  stream::Log& log_;
  const std::string name_;
  const std::stop_token stop_;
  io::Clock& clock_;
  stream::TopicInfo topic_;
  std::unique_ptr<stream::TopicReader> reader_;
  int64_t next_ = 0;  // offset to read next
  schema::SchemasTopic records_;
  // Of this process, and not read yet: what was committed, and what may have been, in the order of writing.
  std::vector<Record> committed_, tried_;
  bool lost_ = false;            // to another process
  int64_t known_ = 0, odd_ = 0;  // records that were read: a registry's, and others
  std::optional<Error> first_odd_;
};

}  // namespace leat::log
