// The keys of `stores: {NAME: {cassandra: {...}}}`.
#pragma once

#include "base/result.h"
#include "components/sink_cassandra_store.h"
#include "config/describe.h"
#include "config/node.h"
#include "stream/registry.h"

namespace leat::components {

const config::SpecBase& cassandra_spec();
/// Relative files begin at the project's directory.
Result<CassandraConfig> read_cassandra_config(const config::Node& node,
                                              const stream::StoreContext& context);

}  // namespace leat::components
