// Reader: the log's TopicReader. Opens a stored batch once and hands it out in the caller's portions.
// Internal to log/; one thread.
#pragma once

#include <memory>

#include "log/store.h"
#include "log/topics.h"
#include "stream/log.h"

namespace leat::log {

std::unique_ptr<stream::TopicReader> make_reader(Store& store, TopicTable& topics,
                                                 std::shared_ptr<Topic> topic,
                                                 const stream::TopicInfo& info);

}  // namespace leat::log
