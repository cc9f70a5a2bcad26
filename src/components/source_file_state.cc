#include "components/source_file_state.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "io/digest.h"

namespace leat::components::file {
namespace {

std::string digest(std::string_view bytes) {
  return bytes.empty() ? "" : io::sha256_hex(bytes).substr(0, 16);
}

}  // namespace

Result<KnownBytes> KnownBytes::load(io::FileReader& file, int64_t at) {
  const auto most = [&](size_t bytes) { return std::min(bytes, static_cast<size_t>(at)); };
  KnownBytes out;
  ASSIGN(out.head_, file.read_at(0, most(limits::kFileHeadBytes)));
  const size_t size = most(limits::kFileTailBytes);
  ASSIGN(out.tail_, file.read_at(at - static_cast<int64_t>(size), size));
  return out;
}

void KnownBytes::take(std::string_view bytes) {
  if (head_.size() < limits::kFileHeadBytes)
    head_.append(bytes.substr(0, limits::kFileHeadBytes - head_.size()));
  if (bytes.size() >= limits::kFileTailBytes) {
    tail_.assign(bytes.substr(bytes.size() - limits::kFileTailBytes));
    return;
  }
  tail_.append(bytes);
  if (tail_.size() > limits::kFileTailBytes) tail_.erase(0, tail_.size() - limits::kFileTailBytes);
}

Result<bool> KnownBytes::still_in(io::FileReader& file, int64_t at,
                                  std::string_view pending) const {
  KnownBytes wanted = *this;
  wanted.take(pending);
  ASSIGN(std::string head, file.read_at(0, wanted.head_.size()));
  if (head != wanted.head_) return false;
  const int64_t end = at + static_cast<int64_t>(pending.size());
  ASSIGN(std::string tail,
         file.read_at(end - static_cast<int64_t>(wanted.tail_.size()), wanted.tail_.size()));
  return tail == wanted.tail_;
}

Fingerprint KnownBytes::fingerprint() const {
  return {digest(head_), digest(tail_), head_.size(), tail_.size()};
}

bool KnownBytes::fit(const Fingerprint& print) const {
  if (head_.size() < print.head_bytes || tail_.size() < print.tail_bytes) return false;
  const std::string_view head(head_), tail(tail_);
  return (print.head_bytes == 0 || digest(head.substr(0, print.head_bytes)) == print.head) &&
         (print.tail_bytes == 0 ||
          digest(tail.substr(tail.size() - print.tail_bytes)) == print.tail);
}

namespace {

/// Line ends in `bytes`: LF, CR LF, CR. `after_return`: the byte before them is a CR that was counted; then the same of
/// the last one.
int64_t count_lines(std::string_view bytes, bool& after_return) {
  if (bytes.empty()) return 0;
  int64_t count = std::count(bytes.begin(), bytes.end(), '\n');
  if (after_return && bytes.front() == '\n') --count;
  for (size_t at = 0; (at = bytes.find('\r', at)) != std::string_view::npos; ++at)
    count += at + 1 == bytes.size() || bytes[at + 1] != '\n';
  after_return = bytes.back() == '\r';
  return count;
}

}  // namespace

void FileState::take(std::string_view bytes) {
  at += static_cast<int64_t>(bytes.size());
  if (lines >= 0) lines += count_lines(bytes, after_return);
  known.take(bytes);
}

std::string FileState::place(std::string_view ahead) const {
  const auto byte = static_cast<size_t>(at) + ahead.size();
  if (lines < 0) return fmt::format("{}, byte {}", name, byte);
  bool behind = after_return;
  return fmt::format("{}, line {} (byte {})", name, lines + count_lines(ahead, behind) + 1, byte);
}

void FileState::close() {
  stream.reset(), framer.reset(), whole.reset();
  whole_records.clear(), carry.clear();
  unframed = after_return = false;
  known = {};
}

void FileState::begin_again() {
  spdlog::warn(
      "source file: {} holds other bytes than before (truncated, replaced or written anew): it is "
      "read from its start",
      name);
  close();
  at = lines = 0, done = false, print = {};
  skip.clear();
}

Result<std::vector<FileState>> parse_cursor(std::string_view cursor) {
  std::vector<FileState> files;
  if (cursor.empty()) return files;
  auto json = nlohmann::json::parse(cursor, nullptr, false);
  auto bad = [&] {
    return Error(ErrorCode::kCorrupt, "the cursor of source file is not one of its own");
  };
  if (!json.is_object() || json.value("v", 0) != 1 || !json["files"].is_array()) return bad();
  for (const auto& each : json["files"]) {
    if (!each.is_object() || !each["path"].is_string() || !each["at"].is_number_integer())
      return bad();
    FileState state;
    state.name = each["path"];
    state.device = each.value("dev", uint64_t{0});
    state.inode = each.value("ino", uint64_t{0});
    state.at = each["at"];
    state.lines = each.value("line", int64_t{state.at == 0 ? 0 : -1});
    state.skip = each.value("skip", "");
    state.done = each.value("done", false);
    state.print = {each.value("head", ""), each.value("tail", ""), each.value("n", size_t{0}),
                   each.value("m", size_t{0})};
    files.push_back(std::move(state));
  }
  return files;
}

std::string cursor_of(const std::vector<FileState>& files) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const FileState& state : files) {
    nlohmann::ordered_json each;
    each["path"] = state.name;
    each["dev"] = state.device;
    each["ino"] = state.inode;
    each["at"] = state.at;
    if (state.lines >= 0 && !state.done) each["line"] = state.lines;
    if (!state.skip.empty()) each["skip"] = state.skip;
    if (state.done) each["done"] = true;
    each["head"] = state.print.head;
    each["n"] = state.print.head_bytes;
    if (state.print.tail_bytes > 0)
      each["tail"] = state.print.tail, each["m"] = state.print.tail_bytes;
    list.push_back(std::move(each));
  }
  nlohmann::ordered_json out;
  out["v"] = 1;
  out["files"] = std::move(list);
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace leat::components::file
