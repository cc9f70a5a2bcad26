#include "server/run_file.h"

#include "base/strings.h"
#include "base/version.h"
#include "io/file.h"
#include "io/random.h"
#include "server/json.h"

namespace leat::server {
namespace {

constexpr size_t kMaxRunFileBytes = 64 * 1024;
constexpr int kOwnerOnly = 0600;

}  // namespace

std::string run_file_path(const std::string& data_dir) { return data_dir + "/run.json"; }
std::string socket_path(const std::string& data_dir) {
  return io::absolute_path(data_dir) + "/leat.sock";
}

Result<void> write_run_file(const std::string& data_dir, const RunFile& run) {
  Json json = {{"pid", run.pid},       {"started", run.started_ms}, {"api", run.api},
               {"socket", run.socket}, {"token", run.token},        {"run_id", run.run_id},
               {"version", version()}};
  return io::write_file_atomic(run_file_path(data_dir),
                               json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
                               kOwnerOnly);
}

Result<std::optional<RunFile>> read_run_file(const std::string& data_dir) {
  const std::string path = run_file_path(data_dir);
  auto text = io::read_file(path, kMaxRunFileBytes);
  if (!text) {
    if (text.error().code() == ErrorCode::kNotFound) return std::optional<RunFile>();
    return std::move(text).error();
  }
  Json json = Json::parse(*text, nullptr, false);
  auto string = [&](const char* name) -> std::string {
    auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  auto number = [&](const char* name) -> int64_t {
    auto it = json.find(name);
    return it != json.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
  };
  RunFile run;
  if (json.is_object()) {
    run = {static_cast<int>(number("pid")),
           number("started"),
           string("api"),
           string("socket"),
           string("token"),
           string("run_id")};
  }
  if (run.pid <= 0 || run.socket.empty()) {
    return Error(ErrorCode::kCorrupt, fmt::format("{} is not what `leat run` writes", path))
        .with_hint("remove it when no `leat run` uses this directory");
  }
  return std::optional(std::move(run));
}

Result<void> remove_run_file(const std::string& data_dir, int pid) {
  auto run = read_run_file(data_dir);
  if (!run || !*run || (*run)->pid != pid) return {};
  return io::remove_all(run_file_path(data_dir));
}

std::string new_token() {
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:016x}", io::entropy());
  return token;
}

}  // namespace leat::server
