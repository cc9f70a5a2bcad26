#include "server/paused.h"

#include <algorithm>

#include "io/file.h"
#include "server/json.h"

namespace leat::server {
namespace {

constexpr size_t kMaxPausedBytes = 1024 * 1024;

std::string path_of(const std::string& data_dir) { return data_dir + "/paused.json"; }

}  // namespace

Result<std::vector<std::string>> read_paused(const std::string& data_dir) {
  auto text = io::read_file(path_of(data_dir), kMaxPausedBytes);
  if (!text) {
    if (text.error().code() == ErrorCode::kNotFound) return std::vector<std::string>();
    return std::move(text).error();
  }
  Json json = Json::parse(*text, nullptr, false);
  std::vector<std::string> names;
  bool good = json.is_array();
  if (good) {
    for (const Json& name : json) {
      if (name.is_string())
        names.push_back(name.get<std::string>());
      else
        good = false;
    }
  }
  if (!good) {
    return Error(ErrorCode::kCorrupt, fmt::format("{} is no list of names", path_of(data_dir)))
        .with_hint("remove it: then nothing is paused");
  }
  return names;
}

Result<void> write_paused(const std::string& data_dir, const std::vector<std::string>& names) {
  if (names.empty()) return io::remove_all(path_of(data_dir));
  TRY(io::make_directories(data_dir));
  return io::write_file_atomic(path_of(data_dir), dump(Json(names)) + "\n");
}

std::vector<std::string> change_paused(std::vector<std::string> names, const std::string& pipeline,
                                       const std::string& lane,
                                       const std::vector<std::string>& lanes, bool on) {
  // Lane by lane; a pipeline whose lanes are all paused is named alone, so that it stays paused as
  // it grows.
  std::vector<std::string> paused;
  for (const std::string& each : lanes) {
    const bool chosen = lane.empty() || lane == each;
    if (chosen ? on : is_paused(names, pipeline, each)) paused.push_back(pipeline + "/" + each);
  }
  std::erase_if(names, [&](const std::string& name) {
    return name == pipeline || name.starts_with(pipeline + "/");
  });
  if (paused.size() == lanes.size()) paused = {pipeline};
  names.insert(names.end(), paused.begin(), paused.end());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_paused(const std::vector<std::string>& names, const std::string& pipeline,
               const std::string& lane) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == pipeline || name == pipeline + "/" + lane;
  });
}

}  // namespace leat::server
