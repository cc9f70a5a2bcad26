// A PostgreSQL DSN: what is allowed in it, and what leat adds. Private to clients/.
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace leat::clients {

/// The DSN's parameters with defaults filled in (sslmode, sslrootcert, keep-alives). kInvalidArgument names the
/// parameter, never a value.
Result<std::map<std::string, std::string>> postgres_parameters(const std::string& dsn);

}  // namespace leat::clients
