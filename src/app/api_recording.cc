#include "app/api_recording.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/limits.h"
#include "codec/framing.h"
#include "io/file.h"
#include "net/content_coding.h"

namespace leat::app {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kMarker = "@@leat records@@";

bool ends_with_page_name(std::string_view name) {
  return name.starts_with("page-") && (name.ends_with(".json") || name.ends_with(".json.gz"));
}

Error bad_index(const std::string& directory, std::string_view what) {
  return Error(ErrorCode::kCorrupt, fmt::format("{}", what))
      .with_blame(Blame::kUser)
      .at(directory + "/index.json")
      .with_hint("leat api record writes a new one");
}

Result<void> read_body(const std::string& directory, RecordedPage& page) {
  std::string path = directory + "/" + page.file;
  ASSIGN(std::string bytes, io::read_file(path, limits::kMaxHttpBodyBytes));
  if (!page.file.ends_with(".gz")) {
    page.body = std::move(bytes);
    return {};
  }
  auto body = net::decode_body(bytes, "gzip", limits::kMaxHttpBodyBytes);
  if (!body) return std::move(body).error().with_blame(Blame::kUser).at(path);
  page.body = std::move(*body);
  page.gzipped = std::move(bytes);
  return {};
}

void put_right(Json& json, int64_t page, size_t count) {
  for (auto& [key, value] : json.items()) {
    if (!value.is_number_integer()) continue;
    if (key == "page")
      value = page;
    else if (key == "results" || key == "count" || key == "per_page" || key == "limit")
      value = count;
  }
}

void find_arrays(const Json& json, const std::string& pointer, int depth, size_t& most,
                 std::optional<std::string>& best) {
  for (const auto& [key, value] : json.items()) {
    std::string here = pointer + "/" + key;
    bool plain = key.find_first_of("~/") == std::string::npos;
    if (value.is_array() && plain && (value.empty() || value.front().is_object()) &&
        (!best || value.size() > most)) {
      most = value.size();
      best = here;
    }
    if (value.is_object() && depth > 0 && plain) find_arrays(value, here, depth - 1, most, best);
  }
}

}  // namespace

std::optional<std::string> guess_records_pointer(std::string_view body) {
  auto json = Json::parse(body, nullptr, false);
  if (json.is_array()) return "";
  std::optional<std::string> best;
  size_t most = 0;
  if (json.is_object()) find_arrays(json, "", 1, most, best);
  return best;
}

Result<void> Recording::read_index(const std::string& directory, const std::string& text) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("format") || json["format"] != 1 ||
      !json.contains("pages") || !json["pages"].is_array())
    return bad_index(directory, "not an index of a recording of format 1");
  auto string = [](const Json& object, const char* key) {
    auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  origin_ = string(json, "origin");
  if (json.contains("records")) {
    pointer_ = string(json, "records"), pointer_known_ = true;
    try {
      Json::json_pointer checked(pointer_);
    } catch (const nlohmann::json::exception& e) {
      return bad_index(directory, fmt::format("`records` is no JSON Pointer: {}", e.what()));
    }
  }
  for (const auto& entry : json["pages"]) {
    RecordedPage page;
    page.file = entry.is_object() ? string(entry, "file") : "";
    if (page.file.empty() || page.file.find('/') != std::string::npos)
      return bad_index(directory, "a page without a `file` in this folder");
    page.method = string(entry, "method").empty() ? "GET" : string(entry, "method");
    page.path = string(entry, "path");
    page.query = net::parse_query(string(entry, "query"));
    if (entry.contains("status") && entry["status"].is_number_integer())
      page.status = entry["status"].get<int>();
    if (entry.contains("headers") && entry["headers"].is_object())
      for (const auto& [name, value] : entry["headers"].items())
        if (value.is_string() && net::is_safe_field(name, value.get_ref<const std::string&>()))
          page.headers.add(name, value.get<std::string>());
    pages_.push_back(std::move(page));
  }
  return {};
}

Result<std::unique_ptr<Recording>> Recording::load(const std::string& directory) {
  auto recording = std::unique_ptr<Recording>(new Recording());
  std::string index = directory + "/index.json";
  if (io::exists(index)) {
    ASSIGN(std::string text, io::read_file(index, limits::kMaxHttpBodyBytes));
    TRY(recording->read_index(directory, text));
  } else {
    recording->any_path_ = true;
    ASSIGN(auto names, io::list_directory(directory));
    for (const auto& name : names) {
      if (!ends_with_page_name(name)) continue;
      recording->pages_.emplace_back();
      recording->pages_.back().file = name;
      recording->pages_.back().headers.add("Content-Type", "application/json; charset=utf-8");
    }
  }
  if (recording->pages_.empty())
    return Error(ErrorCode::kNotFound, "no recorded page")
        .at(directory)
        .with_hint(
            "leat api record URL -o DIR makes some; or put page-01.json, page-02.json, ... there");
  for (auto& page : recording->pages_) TRY(read_body(directory, page));
  TRY(recording->index_records());
  return recording;
}

std::unique_ptr<Recording> Recording::from_pages(std::vector<RecordedPage> pages,
                                                 std::string records_pointer) {
  auto recording = std::unique_ptr<Recording>(new Recording());
  recording->pages_ = std::move(pages);
  recording->pointer_ = std::move(records_pointer);
  recording->pointer_known_ = true;
  recording->any_path_ = true;
  auto indexed = recording->index_records();
  CHECK(indexed.has_value(), "{}", indexed.error().to_string());
  return recording;
}

/// The records of every page. A page without any (an error, an empty last page) is answered as it
/// is.
Result<void> Recording::index_records() {
  if (!pointer_known_) {
    auto guessed = guess_records_pointer(pages_.front().body);
    if (!guessed) return {};
    pointer_ = *guessed, pointer_known_ = true;
  }
  for (auto& page : pages_) {
    if (page.status != 200) continue;
    auto records = codec::find_records(page.body, pointer_);
    if (!records) continue;
    page.records = std::move(*records);
    records_.insert(records_.end(), page.records.begin(), page.records.end());
    if (page_size_ == 0) page_size_ = page.records.size();
  }
  return {};
}

std::string Recording::frame(const std::vector<std::string_view>& records, int64_t page,
                             std::string_view extra) const {
  std::string before = "[", after = "]";
  if (!pointer_.empty()) {
    auto json = Json::parse(pages_.front().body, nullptr, false);
    Json::json_pointer pointer(pointer_);
    if (json.contains(pointer)) json[pointer] = std::string(kMarker);
    put_right(json, page, records.size());
    for (auto& [key, value] : json.items())
      if (value.is_object()) put_right(value, page, records.size());
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    size_t at = text.find(fmt::format("\"{}\"", kMarker));
    CHECK(at != std::string::npos);
    before = text.substr(0, at) + "[";
    after = "]" + text.substr(at + kMarker.size() + 2);
    if (!extra.empty()) before.insert(1, std::string(extra) + ",");
  }
  size_t size = before.size() + after.size();
  for (auto record : records) size += record.size() + 1;
  std::string out;
  out.reserve(size);
  out += before;
  for (size_t i = 0; i < records.size(); ++i) {
    if (i > 0) out += ',';
    out += records[i];
  }
  return out += after;
}

}  // namespace leat::app
