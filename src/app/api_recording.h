// A recording of an API: what `leat api record` writes and `leat api serve` answers from.
//
// Folder:
//   page-01.json[.gz] ...   response bodies, in the order in which they came
//   index.json              optional; without it every page-NN file is an answer of status 200 to
//   any path
//     {"format": 1, "origin": "https://api.example.com", "records": "/results",
//      "pages": [{"method": "GET", "path": "/v1/users", "query": "page=1", "status": 200,
//                 "headers": {"Content-Type": "application/json"}, "file": "page-01.json.gz"},
//                 ...]}
// Query parameters that sound like secrets are never written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/headers.h"
#include "net/url.h"

namespace leat::app {

/// One recorded answer.
struct RecordedPage {
  std::string method = "GET", path;  // path "": any
  net::QueryParams query;
  int status = 200;
  net::Headers headers;
  std::string file;
  std::string body;                       // decoded
  std::string gzipped;                    // as in the file, when the file is compressed
  std::vector<std::string_view> records;  // views into body
};

/// A loaded recording. Immutable once loaded; any thread reads.
class Recording {
 public:
  /// kNotFound: no page-NN file; kCorrupt: a page or the index that cannot be read, with its name.
  static Result<std::unique_ptr<Recording>> load(const std::string& directory);
  static std::unique_ptr<Recording> from_pages(std::vector<RecordedPage> pages,
                                               std::string records_pointer);

  const std::vector<RecordedPage>& pages() const { return pages_; }
  /// All records of pages with status 200, in order.
  const std::vector<std::string_view>& records() const { return records_; }
  const std::string& origin() const { return origin_; }
  /// Records of the first page: the size of a page unless a request says otherwise.
  size_t page_size() const { return page_size_; }
  bool any_path() const { return any_path_; }

  /// A page made of other records: the first page's own frame with `page` and the number of records
  /// put right where it has them. `extra` is JSON members to add at the top ("" or "\"next\":...").
  std::string frame(const std::vector<std::string_view>& records, int64_t page,
                    std::string_view extra) const;

 private:
  Recording() = default;
  Result<void> read_index(const std::string& directory, const std::string& text);
  Result<void> index_records();

  std::vector<RecordedPage> pages_;
  std::vector<std::string_view> records_;
  std::string origin_, pointer_;
  bool pointer_known_ = false, any_path_ = false;
  size_t page_size_ = 0;
};

/// Where the records are in a JSON body: the root, or the longest array of objects at most two
/// levels down. nullopt when there is none.
std::optional<std::string> guess_records_pointer(std::string_view body);

}  // namespace leat::app
