// The reference of the schema registry's REST contract, from the table that serves it: docs/reference/registry.md, by
// `leat docs`.
#pragma once

#include <string>

#include "server/registry_api.h"

namespace leat::server {

/// Markdown: the operations by their first segment, the parameters of their queries, the error codes.
std::string registry_reference(const RegistryApi& api);

}  // namespace leat::server
