#include "app/listen.h"

#include <fmt/format.h>

#include <charconv>

namespace leat::app {

Result<Listen> parse_listen(const std::string& key, const std::string& text) {
  Listen listen;
  const size_t colon = text.rfind(':');
  const char* end = text.data() + text.size();
  const char* at = nullptr;
  if (colon != std::string::npos && colon > 0) {
    auto [stop, code] = std::from_chars(text.data() + colon + 1, end, listen.port);
    if (code == std::errc()) at = stop;
  }
  if (at != end || listen.port < 0 || listen.port > 65'535) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("{}: expected ADDRESS:PORT, found `{}`", key, text))
        .with_blame(Blame::kUser);
  }
  listen.address = text.substr(0, colon);
  if (listen.address == "localhost") listen.address = "127.0.0.1";
  if (listen.address.starts_with('[') && listen.address.ends_with(']'))
    listen.address = listen.address.substr(1, listen.address.size() - 2);
  return listen;
}

}  // namespace leat::app
