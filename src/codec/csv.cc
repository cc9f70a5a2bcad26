#include "codec/csv.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "base/limits.h"
#include "codec/text.h"
#include "codec/text_out.h"

namespace leat::codec {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kUnfinished = SIZE_MAX;

}  // namespace

CsvFramer::CsvFramer(CsvOptions options) : delimiter_(options.delimiter) {
  if (!options.columns.empty()) set_columns(std::move(options.columns));
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

Result<size_t> CsvFramer::frame(std::string_view bytes, bool last,
                                std::vector<std::string_view>& records) {
  arena_.reset();
  size_t at = 0;
  if (!started_) {
    if (bytes.size() < kByteOrderMark.size() && !last) return at;
    if (bytes.starts_with(kByteOrderMark)) at = kByteOrderMark.size();
    started_ = true;
  }
  while (at < bytes.size()) {
    if (bytes[at] == '\n' || bytes[at] == '\r') {  // a line without any character
      ++at;
      continue;
    }
    Fault fault;
    size_t end = read(bytes, at, last, fault);
    if (end == kUnfinished) {
      if (bytes.size() - at > limits::kMaxRecordBytes) {
        return Error(ErrorCode::kLimit,
                     fmt::format("a CSV record is longer than {} bytes", limits::kMaxRecordBytes))
            .with_blame(Blame::kUser)
            .with_hint("a quote may not be closed");
      }
      break;
    }
    std::string_view line = bytes.substr(at, end - at);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    at = end;
    if (!columns_.empty()) {
      records.push_back(write(line, fault));
      continue;
    }
    if (fault != Fault::kNone) {
      return Error(ErrorCode::kCorrupt, fmt::format("the CSV header is broken: {:.80}", line));
    }
    std::vector<std::string> names;
    for (const Cell& cell : cells_) {
      std::string& name = names.emplace_back();
      for (size_t j = 0; j < cell.raw.size(); ++j) {
        name += cell.raw[j];
        if (cell.doubled && cell.raw[j] == '"') ++j;
      }
    }
    if (names.size() > limits::kMaxCsvColumns)
      return Error(ErrorCode::kLimit, fmt::format("the CSV header has {} columns, more than {}",
                                                  names.size(), limits::kMaxCsvColumns))
          .with_blame(Blame::kUser)
          .with_hint("check that the file has the declared format and delimiter");
    set_columns(std::move(names));
  }
  return at;
}

}  // namespace leat::codec
