#include "log/embedded_log.h"

#include <rocksdb/utilities/checkpoint.h>

#include "log/keys.h"
#include "log/reader.h"
#include "log/retention.h"
#include "log/store.h"
#include "log/topics.h"
#include "log/writer.h"

namespace leat::log {
namespace {

/// Calls `each(key, value)` for the rows of CF state below `prefix`, in order.
template <typename Each>
Result<void> for_each_state(Store& store, const std::string& prefix, Each each) {
  ASSIGN(auto at, store.access());
  std::string end = after_prefix(prefix);
  rocksdb::Slice to(end);
  auto it = at.iterate(at->state, &to);
  for (it->Seek(prefix); it->Valid(); it->Next()) TRY(each(view(it->key()), view(it->value())));
  if (!it->status().ok()) return store_error(it->status(), "cannot read the log's state");
  return {};
}

}  // namespace

struct EmbeddedLog::Impl {
  Impl(std::unique_ptr<Store> opened, io::Clock& clock, Codec new_codec)
      : store(std::move(opened)),
        topics(*store, write_mutex, clock),
        writer(*store, topics, write_mutex, clock),
        codec(new_codec) {}

  // One writer at a time: groups of commits, topics, retention.
  Mutex write_mutex;
  std::unique_ptr<Store> store;
  TopicTable topics;
  Writer writer;
  Codec codec;
};

EmbeddedLog::EmbeddedLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EmbeddedLog::~EmbeddedLog() = default;

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::open(const std::string& dir,
                                                       const Options& options) {
  ASSIGN(auto store, Store::open(dir, options));
  io::Clock& clock = options.clock ? *options.clock : io::system_clock();
  auto impl = std::make_unique<Impl>(std::move(store), clock, options.codec);
  TRY(impl->topics.load());
  impl->store->on_reopen([&topics = impl->topics] { return topics.load(); });
  return std::unique_ptr<EmbeddedLog>(new EmbeddedLog(std::move(impl)));
}

stream::TopicAdmin& EmbeddedLog::topics() { return impl_->topics; }

Result<std::unique_ptr<stream::TopicReader>> EmbeddedLog::reader(const stream::TopicInfo& topic) {
  ASSIGN(auto live, impl_->topics.get(topic, 0));
  return make_reader(*impl_->store, impl_->topics, std::move(live), topic);
}

Result<std::unique_ptr<stream::Membership>> EmbeddedLog::join(const std::string&,
                                                              const stream::TopicInfo& topic) {
  return stream::sole_member(topic);
}

Result<std::unique_ptr<stream::LogTransaction>> EmbeddedLog::begin(const std::string& owner) {
  return make_transaction(impl_->writer, impl_->topics, owner, impl_->codec);
}

Result<std::vector<stream::Progress>> EmbeddedLog::progress(const std::string& project,
                                                            const std::string& pipeline) {
  std::vector<stream::Progress> rows;
  TRY(for_each_state(*impl_->store, progress_prefix(project, pipeline),
                     [&](std::string_view key, std::string_view value) -> Result<void> {
                       ASSIGN(auto row, decode_progress(key, value));
                       rows.push_back(std::move(row));
                       return {};
                     }));
  return rows;
}

Result<std::optional<std::string>> EmbeddedLog::state(std::string_view key) {
  ASSIGN(auto at, impl_->store->access());
  return at.get(at->state, state_key(key));
}

Result<std::vector<std::pair<std::string, std::string>>> EmbeddedLog::states(
    std::string_view prefix) {
  std::vector<std::pair<std::string, std::string>> rows;
  TRY(for_each_state(*impl_->store, state_key(prefix),
                     [&](std::string_view key, std::string_view value) -> Result<void> {
                       rows.emplace_back(key.substr(kStatePrefix.size()), value);
                       return {};
                     }));
  return rows;
}

Result<std::vector<Retired>> EmbeddedLog::enforce_retention(int64_t now_ms,
                                                            const RetentionFloor& floor) {
  std::vector<Retired> retired;
  ASSIGN(auto all, impl_->topics.list());
  for (const auto& topic : all) {
    TRY(log::enforce_retention(*impl_->store, impl_->topics, impl_->write_mutex, topic, now_ms,
                               floor, retired));
  }
  return retired;
}

Result<void> EmbeddedLog::backup(const std::string& to) {
  ASSIGN(auto at, impl_->store->access());
  rocksdb::Checkpoint* raw = nullptr;
  auto status = rocksdb::Checkpoint::Create(at->db.get(), &raw);
  std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(to);
  if (!status.ok()) return store_error(status, fmt::format("cannot copy the log to {}", to));
  return {};
}

uint64_t EmbeddedLog::epoch() const { return impl_->store->epoch(); }

}  // namespace leat::log
