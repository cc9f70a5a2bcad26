// Source `file`: records from files: NDJSON, JSON arrays, CSV; plain, gzip or zstd; once, or followed as they grow.
//
// Guarantee: every record of every file that matches is delivered exactly once in effect: each file has a position
// of its own, committed with the records, and files can be read again. A broken record inside a whole file, and one that
// is too long, is dead-lettered; a file that cannot be framed (a cut array, broken gzip) fails the pipeline and names the byte.
//
//   source:
//     file:
//       path: data/users-*.ndjson.gz
//
// What counts as the same file: read once, one of the same name; followed, one of the same inode, whatever its name,
// so a file that is rotated away is finished first and the new one of its name begins at its start. In both cases its
// first bytes and those before the position must be what they were: a file that was truncated, replaced or written
// anew is read from its start, with a warning. The last line of a followed file waits for its newline. A changed file
// in another format than NDJSON or CSV is not read again.
//
// One thread (the lane's read thread) calls everything.
#include "components/source_file.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/limits.h"
#include "base/strings.h"
#include "codec/csv.h"
#include "codec/framing.h"
#include "components/source_file_config.h"
#include "components/source_file_state.h"
#include "components/source_file_stream.h"
#include "io/file.h"

namespace leat::components {
namespace {

using file::Compression;
using file::Config;
using file::FileState;
using file::Format;
using file::format_of;
using file::KnownBytes;
using file::spec;

constexpr size_t kSliceBytes = 64 * limits::kKiB;  // framed at once; grows while no record ends
// Of one page, unless `batch:` says so; one record may be larger.
constexpr size_t kPageBytes = limits::kMiB;
constexpr size_t kPageRecords = 10'000;

class FileSource final : public stream::Source {
 public:
  FileSource(Config config, const stream::SourceContext& context)
      : config_(std::move(config)),
        dir_(context.project_dir),
        page_records_(context.page_records.value_or(kPageRecords)),
        page_bytes_(context.page_bytes.value_or(kPageBytes)) {}

  Result<void> open(std::string_view cursor) override;
  Result<stream::SourcePage> read(std::stop_token stop) override;
  bool rereadable() const override { return true; }
  bool bounded() const override { return !config_.follow; }

 private:
  std::string full(const std::string& name) const {
    return name.starts_with('/') || dir_.empty() ? name : dir_ + "/" + name;
  }
  Result<void> scan();
  Result<void> take_found(const std::string& name);
  FileState* known(const std::string& name, const io::FileStatus& status);
  bool is_plain(const std::string& path) const {
    return (config_.records.empty() || format_of(path, config_.format) != Format::kJson) &&
           file::compression_of(path, config_.compression) == Compression::kNone;
  }
  Result<bool> is_same(const FileState& state, const std::string& path,
                       const io::FileStatus& status) const;
  Result<void> remember(FileState& state) const;
  Result<void> open_file(FileState& state);
  Result<void> open_at(FileState& state);
  Result<std::vector<std::string>> csv_columns(const FileState& state) const;
  Result<void> fill(FileState& state, stream::SourcePage& page, std::stop_token stop);
  Result<bool> read_on(FileState& state, std::string& buffer, size_t want, size_t& got);
  Result<bool> fill_slice(FileState& state, stream::SourcePage& page);
  Result<bool> fill_whole(FileState& state, stream::SourcePage& page);
  static void step_over(FileState& state, std::string& buffer, bool last);
  void take_too_long(FileState& state, std::shared_ptr<std::string> buffer, bool last,
                     stream::SourcePage& page);
  void take_records(const FileState& state, const std::vector<std::string_view>& records,
                    std::shared_ptr<std::string> buffer, stream::SourcePage& page) const;
  Result<bool> look(FileState& state);

  const Config config_;
  const std::string dir_;
  const size_t page_records_, page_bytes_;
  std::vector<FileState> files_;
  size_t next_ = 0;  // followed: whose turn it is
  bool opened_before_ = false, scanned_ = false;
};

Result<void> FileSource::open(std::string_view cursor) {
  next_ = 0;
  scanned_ = false;
  opened_before_ = !cursor.empty();
  ASSIGN(files_, file::parse_cursor(cursor));
  return {};
}

/// Brings files_ up to date with what the patterns match, in the order of names.
Result<void> FileSource::scan() {
  std::string dir = dir_;
  for (size_t i = 0; (i = dir.find_first_of("\\*?[", i)) != std::string::npos; i += 2)
    dir.insert(i, "\\");
  std::set<std::string> found;
  for (const std::string& pattern : config_.paths) {
    const bool relative = !pattern.starts_with('/') && !dir_.empty();
    ASSIGN(auto paths, io::glob(relative ? dir + "/" + pattern : pattern));
    size_t matched = 0;
    for (std::string& path : paths) {
      // Reading a pipe or a device would wait, or never end.
      if (auto status = io::file_status(path); status && !status->regular) continue;
      found.insert(relative && path.starts_with(dir_ + "/") ? path.substr(dir_.size() + 1)
                                                            : std::move(path));
      ++matched;
    }
    if (matched == 0 && !config_.follow && !opened_before_)
      return Error(ErrorCode::kNotFound, fmt::format("no file matches `{}`", full(pattern)))
          .with_blame(Blame::kUser)
          .with_hint("paths are relative to the project's directory");
  }
  opened_before_ = true;
  const size_t most = config_.follow ? limits::kMaxFollowedFiles : limits::kMaxSourceFiles;
  if (found.size() > most)
    return Error(ErrorCode::kLimit, fmt::format("{} files match, more than {}", found.size(), most))
        .with_blame(Blame::kUser)
        .with_hint("narrow the pattern, or move read files away");
  for (const std::string& name : found) TRY(take_found(name));
  // A file read by name may come back (a mount, a restored folder), and is not read again. A followed one goes by
  // its inode, which another file may get.
  const auto is_gone = [&](const FileState& state) {
    return state.done && !state.stream && !found.contains(state.name);
  };
  const auto kept = static_cast<std::ptrdiff_t>(config_.follow ? 0 : limits::kMaxGoneFiles);
  std::ptrdiff_t gone = std::count_if(files_.begin(), files_.end(), is_gone);
  std::erase_if(files_, [&](const FileState& state) { return is_gone(state) && gone-- > kept; });
  return {};
}

/// The state of this file, or null for one not seen before. Followed files go by inode, others by name.
FileState* FileSource::known(const std::string& name, const io::FileStatus& status) {
  for (FileState& state : files_) {
    const bool same_inode = state.device == status.device && state.inode == status.inode;
    if (config_.follow ? same_inode : state.name == name) return &state;
  }
  return nullptr;
}

Result<void> FileSource::take_found(const std::string& name) {
  auto status = io::file_status(full(name));
  if (!status) return {};  // gone since it was listed
  FileState* state = known(name, *status);
  if (!state && config_.follow) {
    // A copy of the same name (a restored backup, another mount) has a new inode and the old bytes.
    for (FileState& each : files_) {
      if (each.name != name || each.stream || each.print.head_bytes == 0 || each.done) continue;
      ASSIGN(bool same, is_same(each, full(name), *status));
      if (same) state = &each;
    }
  }
  if (state && state->stream) {
    if (!state->rotated && state->name != name) state->rotated = true;
    state->name = name;  // an open file that was renamed goes on
    return {};
  }
  if (state) {
    const bool lines = format_of(name, config_.format) != Format::kJson &&
                       file::compression_of(name, config_.compression) == Compression::kNone;
    if (state->done && !lines) return {};
    ASSIGN(bool same, is_same(*state, full(name), *status));
    if (same) {
      // A finished file that has grown is not finished.
      if (state->done && !state->rotated && status->size > state->at) state->done = false;
      if (config_.follow && state->name != name) state->rotated = true;
      state->name = name, state->device = status->device, state->inode = status->inode;
      return {};
    }
    state->name = name;
    state->begin_again();
    state->rotated = false;
  } else {
    // Whoever had this name was rotated away.
    for (FileState& each : files_)
      if (config_.follow && each.name == name) each.rotated = true;
    files_.emplace_back();
    state = &files_.back();
  }
  state->name = name, state->device = status->device, state->inode = status->inode;
  return {};
}

Result<bool> FileSource::is_same(const FileState& state, const std::string& path,
                                 const io::FileStatus& status) const {
  const bool plain = is_plain(path);
  if (plain && status.size < state.at) return false;
  if (state.print.head_bytes == 0) return true;
  ASSIGN(auto reader, io::FileReader::open(path));
  ASSIGN(auto bytes, KnownBytes::load(
                         *reader, plain ? state.at : static_cast<int64_t>(state.print.head_bytes)));
  return bytes.fit(state.print);
}

/// Takes the fingerprint of the bytes that are sure to stay: of a plain file those read, of another its first ones.
Result<void> FileSource::remember(FileState& state) const {
  if (state.stream && state.stream->plain() != nullptr) {
    state.print = state.known.fingerprint();
    return {};
  }
  if (state.print.head_bytes > 0 || is_plain(state.path)) return {};
  // Rotated just now: its name is gone, or another's. The digest is taken at a later look.
  auto status = io::file_status(state.path);
  if (!status || status->inode != state.inode || status->device != state.device) return {};
  ASSIGN(auto reader, io::FileReader::open(state.path));
  ASSIGN(auto bytes, KnownBytes::load(*reader, limits::kFileHeadBytes));
  state.print = bytes.fingerprint();
  state.print.tail.clear(), state.print.tail_bytes = 0;
  return {};
}

/// Opens where the file lies now: under its name, or, rotated while nobody looked, beside it.
Result<void> FileSource::open_file(FileState& state) {
  state.path = full(state.name);
  auto status = io::file_status(state.path);
  if (config_.follow &&
      (!status || status->inode != state.inode || status->device != state.device)) {
    state.rotated = true;
    std::string dir = state.path.substr(0, state.path.rfind('/') + 1);
    ASSIGN(auto names, io::list_directory(dir.empty() ? "." : dir));
    bool found = false;
    for (const std::string& name : names) {
      auto other = io::file_status(dir + name);
      if (!other || other->inode != state.inode || other->device != state.device) continue;
      ASSIGN(bool same, is_same(state, dir + name, *other));
      if (!same) continue;
      state.path = dir + name;
      found = true;
      break;
    }
    if (!found) {
      spdlog::warn(
          "source file: {} was rotated away and is not to be found: what it held behind byte {} is "
          "lost",
          state.name, state.at);
      state.done = true;
      return {};
    }
  } else if (!status) {
    return std::move(status).error();
  }
  return open_at(state);
}

Result<void> FileSource::open_at(FileState& state) {
  const Format format = format_of(state.name, config_.format);
  if (format == Format::kJson && !config_.records.empty()) return {};  // read whole by fill_whole
  ASSIGN(state.stream, file::open_stream(state.path, config_.compression, state.at));
  if (io::FileReader* plain = state.stream->plain(); plain != nullptr && state.at > 0) {
    ASSIGN(state.known, KnownBytes::load(*plain, state.at));
    if (!state.known.fit(state.print)) {
      state.begin_again();
      return open_at(state);
    }
  }
  if (format == Format::kNdjson) {
    state.framer = codec::make_ndjson_framer(state.skip);
  } else if (format == Format::kJson) {
    state.framer = codec::make_json_array_framer(state.at > 0, state.skip);
  } else {
    codec::CsvOptions options{config_.csv.delimiter[0], config_.csv.columns, state.skip};
    if (state.at > 0 && options.columns.empty()) {
      ASSIGN(options.columns, csv_columns(state));
    }
    state.framer = std::make_unique<codec::CsvFramer>(std::move(options));
  }
  return {};
}

/// The columns that the first line of a file names, when reading goes on behind it.
Result<std::vector<std::string>> FileSource::csv_columns(const FileState& state) const {
  ASSIGN(auto stream, file::open_stream(state.path, config_.compression, 0));
  codec::CsvFramer framer({config_.csv.delimiter[0], {}, {}});
  std::string bytes;
  std::vector<std::string_view> ignored;
  while (framer.columns().empty()) {
    size_t size = bytes.size();
    bytes.resize(size + kSliceBytes);
    ASSIGN(size_t got, stream->read(bytes.data() + size, kSliceBytes));
    bytes.resize(size + got);
    ASSIGN(size_t used, framer.frame(bytes, got == 0, 1, ignored));
    bytes.erase(0, used);
    if (got == 0) break;
  }
  return framer.columns();
}

/// Adds records of one file until the page is full, the file ends, or nothing more is there.
Result<void> FileSource::fill(FileState& state, stream::SourcePage& page, std::stop_token stop) {
  const bool whole =
      format_of(state.name, config_.format) == Format::kJson && !config_.records.empty();
  size_t bytes = 0;
  while (!stop.stop_requested() && page.records.size() < page_records_ && bytes < page_bytes_) {
    if (!state.stream && !state.whole) TRY(open_file(state));
    if (state.done) break;
    const size_t before = page.storage.size();
    ASSIGN(bool more, whole ? fill_whole(state, page) : fill_slice(state, page));
    if (page.storage.size() > before) bytes += page.storage.back()->size();
    if (!more) break;
  }
  TRY(remember(state));
  if (state.done) state.close();
  return {};
}

void add_record(stream::SourcePage& page, std::string_view value) {
  stream::Record record;
  record.value = value;
  page.records.push_back(record);
}

/// Appends to `buffer`, which holds what was read but not framed. False when the bytes before are other ones than
/// were read: then nothing that is in it counts, and the file begins again.
Result<bool> FileSource::read_on(FileState& state, std::string& buffer, size_t want, size_t& got) {
  const size_t size = buffer.size();
  buffer.resize(size + want);
  ASSIGN(got, state.stream->read(buffer.data() + size, want));
  buffer.resize(size + got);
  if (state.stream->plain() == nullptr) return true;
  ASSIGN(bool same, state.known.still_in(*state.stream->plain(), state.at,
                                         std::string_view(buffer).substr(0, size)));
  if (!same) state.begin_again();
  return same;
}

/// Frames one more slice; false when the file has no more for now, or is done.
Result<bool> FileSource::fill_slice(FileState& state, stream::SourcePage& page) {
  auto buffer = std::make_shared<std::string>(std::move(state.carry));
  state.carry.clear();
  size_t got = 1;
  if (!state.unframed) {
    const size_t want =
        std::clamp(buffer->size(), std::min(kSliceBytes, page_bytes_), limits::kMaxRecordBytes);
    ASSIGN(bool same, read_on(state, *buffer, want, got));
    if (!same) return true;
  }
  const bool end = got == 0;
  const bool last = end && (!config_.follow || state.rotated);
  if (!state.skip.empty()) step_over(state, *buffer, last);

  std::vector<std::string_view> records;
  auto used = state.framer->frame(*buffer, last, page_records_ - page.records.size(), records);
  if (!used) {
    if (used.error().code() == ErrorCode::kLimit) {
      take_too_long(state, std::move(buffer), last, page);
      return true;
    }
    return std::move(used).error().at(fmt::format("{}: behind byte {}", state.name, state.at));
  }
  const std::string_view taken = std::string_view(*buffer).substr(0, *used);
  if (auto open = state.framer->unclosed()) {
    // Its text, as the framer gives it, says what is wrong, but not where.
    page.refused.push_back({static_cast<uint32_t>(page.records.size() + records.size() - 1),
                            stream::Stage::kDecode, stream::Reason::kMalformed, "",
                            fmt::format("a quote is not closed; the record begins at {}",
                                        state.place(taken.substr(0, *open)))});
  }
  state.take(taken);
  state.carry = buffer->substr(*used);
  state.unframed = *used > 0 && !state.carry.empty();
  if (last && !state.unframed) state.done = true;
  if (!records.empty()) take_records(state, records, std::move(buffer), page);
  return !end || state.unframed;
}

void FileSource::take_records(const FileState& state, const std::vector<std::string_view>& records,
                              std::shared_ptr<std::string> buffer, stream::SourcePage& page) const {
  if (format_of(state.name, config_.format) != Format::kCsv) {
    for (std::string_view record : records) add_record(page, record);
    page.storage.push_back(std::move(buffer));
    return;
  }
  // CSV's records live in the framer only until its next call.
  size_t size = 0;
  for (std::string_view record : records) size += record.size();
  auto copy = std::make_shared<std::string>();
  copy->reserve(size);
  for (std::string_view record : records) copy->append(record);
  size_t at = 0;
  for (std::string_view record : records) {
    add_record(page, std::string_view(*copy).substr(at, record.size()));
    at += record.size();
  }
  page.storage.push_back(std::move(copy));
}

/// Takes what belongs to a record that is too long off the front of `buffer`.
void FileSource::step_over(FileState& state, std::string& buffer, bool last) {
  const size_t used = state.framer->skip(buffer, last);
  state.take(std::string_view(buffer).substr(0, used));
  buffer.erase(0, used);
  state.skip = state.framer->skipping();
}

/// A record beyond the limit begins at the front of `buffer`: as much of it as tells that goes on as a record, which is
/// refused. The position is then within it, or behind it.
void FileSource::take_too_long(FileState& state, std::shared_ptr<std::string> buffer, bool last,
                               stream::SourcePage& page) {
  const std::string place = state.place();
  const size_t used = state.framer->skip(*buffer, last);
  state.take(std::string_view(*buffer).substr(0, used));
  state.skip = state.framer->skipping();
  state.carry = buffer->substr(used);
  state.unframed = !state.carry.empty();
  size_t size = state.skip.empty() ? used : limits::kMaxRecordBytes + 1;
  while (size > limits::kMaxRecordBytes + 1 &&
         std::strchr(" \t\r\n", (*buffer)[size - 1]) != nullptr)
    --size;
  const bool csv = format_of(state.name, config_.format) == Format::kCsv;
  page.refused.push_back(
      {static_cast<uint32_t>(page.records.size()), stream::Stage::kDecode,
       stream::Reason::kTooLarge, "",
       fmt::format("the record that begins at {} has more than {} bytes{}", place,
                   limits::kMaxRecordBytes, csv ? "; a quote may not be closed" : "")});
  buffer->resize(size);
  add_record(page, *buffer);
  page.storage.push_back(std::move(buffer));
}

/// Records at a JSON Pointer of a file that is read whole; `at` counts records.
Result<bool> FileSource::fill_whole(FileState& state, stream::SourcePage& page) {
  if (!state.whole) {
    ASSIGN(auto stream, file::open_stream(state.path, config_.compression, 0));
    auto text = std::make_shared<std::string>();
    for (size_t got = 1; got > 0;) {
      size_t size = text->size();
      if (size > limits::kMaxHttpBodyBytes)
        return Error(ErrorCode::kLimit,
                     fmt::format("{}: more than {} bytes", state.name, limits::kMaxHttpBodyBytes))
            .with_blame(Blame::kUser)
            .with_hint(
                "with `records:` a file is read whole; make it one array, or one record a line");
      text->resize(size + kPageBytes);
      ASSIGN(got, stream->read(text->data() + size, kPageBytes));
      text->resize(size + got);
    }
    auto records = codec::find_records(*text, config_.records);
    if (!records) return std::move(records).error().at(state.name);
    state.whole_records = std::move(*records);
    state.whole = std::move(text);
  }
  const auto first = std::min(static_cast<size_t>(state.at), state.whole_records.size());
  size_t bytes = 0, i = first;
  for (; i < state.whole_records.size() && i - first < page_records_ && bytes < page_bytes_; ++i) {
    add_record(page, state.whole_records[i]);
    bytes += state.whole_records[i].size();
  }
  state.at = static_cast<int64_t>(i);
  page.storage.push_back(state.whole);
  state.done = i == state.whole_records.size();
  return false;
}

/// A followed file that gave nothing: was it rotated? True when it is worth another read.
Result<bool> FileSource::look(FileState& state) {
  if (state.done || state.rotated || !state.stream) return false;
  auto status = io::file_status(full(state.name));
  if (!status || status->inode != state.inode || status->device != state.device) {
    state.rotated = true;
    return true;
  }
  return false;
}

Result<stream::SourcePage> FileSource::read(std::stop_token stop) {
  stream::SourcePage page;
  // A second round sees what rotation or truncation has uncovered.
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds && page.records.empty() && !stop.stop_requested(); ++round) {
    // Read once, the list is made when all of it is read; followed, before each round.
    const bool all_done =
        std::all_of(files_.begin(), files_.end(), [](const FileState& s) { return s.done; });
    if (config_.follow || all_done || !scanned_ || round > 0) TRY(scan());
    scanned_ = true;
    bool again = false;
    // A rotated file is finished before the one that has its name now.
    for (FileState& state : files_)
      while (state.rotated && !state.done && page.records.empty() && !stop.stop_requested())
        TRY(fill(state, page, stop));
    for (size_t i = 0; i < files_.size() && page.records.empty() && !stop.stop_requested(); ++i) {
      FileState& state = files_[config_.follow ? next_++ % files_.size() : i];
      if (state.done) continue;
      TRY(fill(state, page, stop));
      if (page.records.empty() && config_.follow) {
        ASSIGN(bool more, look(state));
        again = again || more;
      }
    }
    if (!again && page.records.empty()) break;
  }
  page.cursor = file::cursor_of(files_);
  if (page.records.empty() && !stop.stop_requested()) {
    page.exhausted = true;
    if (config_.follow) page.next_poll_ms = config_.every_ms;
  }
  return page;
}

constexpr std::string_view kExample = R"(path: data/users-*.ndjson
format: ndjson
)";

}  // namespace

void register_source_file(stream::Registry& registry) {
  stream::SourceType type;
  type.name = "file";
  type.summary = "Reads NDJSON, JSON or CSV files, plain or compressed, once or as they grow.";
  type.guarantee =
      "Each file has its own position, committed with its records: every record takes effect once, "
      "whatever dies "
      "when. A rotated file is finished before its successor; files that appear later are read.";
  type.example_yaml = kExample;
  type.spec = &spec();
  type.rereadable = true;
  type.make = [](const config::Node& node,
                 const stream::SourceContext& context) -> Result<std::unique_ptr<stream::Source>> {
    ASSIGN(auto config, spec().parse(node, context.environment, "source.file"));
    std::unique_ptr<stream::Source> source =
        std::make_unique<FileSource>(std::move(config), context);
    return source;
  };
  registry.add(std::move(type));
}

}  // namespace leat::components
