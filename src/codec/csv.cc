#include "codec/csv.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "base/limits.h"
#include "codec/text.h"
#include "codec/text_out.h"

namespace leat::codec {
namespace {

constexpr size_t kUnfinished = SIZE_MAX;

}  // namespace

CsvFramer::CsvFramer(CsvOptions options) : delimiter_(options.delimiter) {
  if (!options.columns.empty()) set_columns(std::move(options.columns));
  if (!options.skipping.empty()) skip_ = static_cast<Skip>(options.skipping[0]), started_ = true;
}

void CsvFramer::set_columns(std::vector<std::string> names) {
  for (size_t i = 0; i < names.size(); ++i) {
    std::string base = names[i].empty() ? "column" : names[i];
    std::string name = names[i].empty() ? fmt::format("column{}", i + 1) : base;
    for (int n = 2; std::ranges::find(columns_, name) != columns_.end(); ++n)
      name = fmt::format("{}_{}", base, n);
    std::string label = i == 0 ? "{" : ",";
    append_json_string(name, label);
    labels_.push_back(label + ":");
    columns_.push_back(std::move(name));
  }
}

size_t CsvFramer::read(std::string_view bytes, size_t at, bool last, Fault& fault) {
  cells_.clear();
  fault = Fault::kNone;
  while (true) {
    Cell cell;
    if (at < bytes.size() && bytes[at] == '"') {
      cell.quoted = true;
      size_t start = ++at;
      while (true) {
        at = bytes.find('"', at);
        if (at == std::string_view::npos) {
          if (!last) return kUnfinished;
          fault = Fault::kUnclosed;
          return bytes.size();
        }
        if (at + 1 == bytes.size() && !last) return kUnfinished;  // perhaps the first of two
        if (at + 1 == bytes.size() || bytes[at + 1] != '"') break;
        cell.doubled = true;
        at += 2;
      }
      cell.raw = bytes.substr(start, at - start);
      ++at;
    }
    size_t start = at;
    while (at < bytes.size() && bytes[at] != delimiter_ && bytes[at] != '\n' && bytes[at] != '\r')
      ++at;
    if (at == bytes.size() && !last) return kUnfinished;
    if (!cell.quoted)
      cell.raw = bytes.substr(start, at - start);
    else if (at > start)
      fault = Fault::kBehindQuote;
    cells_.push_back(cell);
    if (at == bytes.size()) return at;
    if (bytes[at] == delimiter_) {
      ++at;
      continue;
    }
    if (bytes[at] == '\r') {
      ++at;
      if (at == bytes.size() && !last) return kUnfinished;  // perhaps CR LF
      if (at < bytes.size() && bytes[at] == '\n') ++at;
      return at;
    }
    return at + 1;
  }
}

std::string_view CsvFramer::write(std::string_view line, Fault fault) {
  ArenaOut out(arena_);
  if (fault != Fault::kNone || cells_.size() != columns_.size()) {
    if (fault == Fault::kUnclosed)
      out.put(fmt::format("{}a quote is not closed: ", kCsvFault));
    else if (fault == Fault::kBehindQuote)
      out.put(fmt::format("{}text behind a closing quote: ", kCsvFault));
    else
      out.put(fmt::format("{}expected {} fields, found {}: ", kCsvFault, columns_.size(),
                          cells_.size()));
    out.put(line);
    return out.take();
  }
  for (size_t i = 0; i < cells_.size(); ++i) {
    out.put(labels_[i]);
    const Cell& cell = cells_[i];
    if (cell.raw.empty() && !cell.quoted) {
      out.put("null");
    } else if (cell.doubled) {
      scratch_.clear();
      for (size_t j = 0; j < cell.raw.size(); ++j) {
        scratch_ += cell.raw[j];
        if (cell.raw[j] == '"') ++j;
      }
      write_json_string(out, scratch_);
    } else {
      write_json_string(out, cell.raw);
    }
  }
  out.put('}');
  return out.take();
}

Result<void> CsvFramer::take_header(std::string_view line, Fault fault) {
  if (fault != Fault::kNone)
    return Error(ErrorCode::kCorrupt, fmt::format("the CSV header is broken: {:.80}", line));
  std::vector<std::string> names;
  for (const Cell& cell : cells_) {
    std::string& name = names.emplace_back();
    for (size_t j = 0; j < cell.raw.size(); ++j) {
      name += cell.raw[j];
      if (cell.doubled && cell.raw[j] == '"') ++j;
    }
  }
  if (names.size() > limits::kMaxCsvColumns)
    return Error(ErrorCode::kCorrupt, fmt::format("the CSV header has {} columns, more than {}",
                                                  names.size(), limits::kMaxCsvColumns))
        .with_blame(Blame::kUser)
        .with_hint("check that the file has the declared format and delimiter");
  set_columns(std::move(names));
  return {};
}

Result<size_t> CsvFramer::frame(std::string_view bytes, bool last, size_t most,
                                std::vector<std::string_view>& records) {
  arena_.reset();
  unclosed_.reset();
  size_t at = 0;
  if (!started_) {
    if (bytes.size() < kByteOrderMark.size() && !last) return at;
    if (bytes.starts_with(kByteOrderMark)) at = kByteOrderMark.size();
    started_ = true;
  }
  while (at < bytes.size() && records.size() < most) {
    if (bytes[at] == '\n' || bytes[at] == '\r') {  // a line without any character
      ++at;
      continue;
    }
    Fault fault;
    const size_t end = read(bytes, at, last, fault);
    std::string_view line = bytes.substr(at, end == kUnfinished ? end : end - at);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (line.size() > limits::kMaxRecordBytes) {
      if (at > 0) break;
      const bool header = columns_.empty();
      return Error(header ? ErrorCode::kCorrupt : ErrorCode::kLimit,
                   fmt::format("a CSV {} is longer than {} bytes", header ? "header" : "record",
                               limits::kMaxRecordBytes))
          .with_blame(Blame::kUser)
          .with_hint("a quote may not be closed");
    }
    if (end == kUnfinished) break;
    if (columns_.empty()) {
      TRY(take_header(line, fault));
    } else {
      if (fault == Fault::kUnclosed) unclosed_ = at;
      records.push_back(write(line, fault));
    }
    at = end;
  }
  return at;
}

size_t CsvFramer::skip(std::string_view bytes, bool last) {
  if (skip_ == Skip::kNone) skip_ = Skip::kField;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (skip_ == Skip::kReturn) {
      skip_ = Skip::kNone;
      return c == '\n' ? at + 1 : at;
    }
    if (skip_ == Skip::kQuoted) {
      if (c == '"') skip_ = Skip::kQuote;
    } else if (c == '"' && skip_ == Skip::kQuote) {
      skip_ = Skip::kQuoted;  // it was the first of two
    } else if (c == '\n') {
      skip_ = Skip::kNone;
      return at + 1;
    } else if (c == '\r') {
      skip_ = Skip::kReturn;
    } else if (c == delimiter_) {
      skip_ = Skip::kField;
    } else if (c == '"' && skip_ == Skip::kField) {
      skip_ = Skip::kQuoted;
    } else {
      skip_ = Skip::kBare;
    }
  }
  if (last) skip_ = Skip::kNone;
  return bytes.size();
}

std::string CsvFramer::skipping() const {
  return skip_ == Skip::kNone ? std::string() : std::string(1, static_cast<char>(skip_));
}

}  // namespace leat::codec
