// Retention: deletes the oldest batches of a topic, by time and by bytes. Internal to log/; any thread.
#pragma once

#include <vector>

#include "log/embedded_log.h"
#include "log/store.h"
#include "log/topics.h"

namespace leat::log {

/// EmbeddedLog::enforce_retention over one topic.
Result<void> enforce_retention(Store& store, TopicTable& topics, Mutex& write_mutex,
                               const stream::TopicInfo& topic, int64_t now_ms,
                               const RetentionFloor& floor, std::vector<Retired>& retired);

}  // namespace leat::log
