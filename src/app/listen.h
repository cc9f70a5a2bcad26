// Listen: ADDRESS:PORT of a server of this process, as files and options write it.
#pragma once

#include <string>

#include "base/result.h"

namespace leat::app {

struct Listen {
  std::string address;  // "127.0.0.1", "::1"
  int port = 0;         // 0: a free one
};

/// "127.0.0.1:8680", "[::1]:8680", "localhost:8680". Of the user; `key` is named in the message.
Result<Listen> parse_listen(const std::string& key, const std::string& text);

}  // namespace leat::app
