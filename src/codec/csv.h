// CSV to records: RFC 4180 framing, each line as the text of a JSON object, so that the JSON decoder does the rest.
//
//   file    = [ BOM ] [ header newline ] record { newline record } [ newline ]
//   record  = field { delimiter field }          newline = LF | CR LF | CR
//   field   = bare | '"' { any but '"' | '""' } '"'
//
// Values are strings; a bare empty field is null, a quoted one is "". A line without any character is no record. A
// line that does not fit (another count of fields than the header, text behind a closing quote, a quote not closed at
// the end) becomes "csv: <why>: <the line>", which the decoder rejects as malformed: it is dead-lettered, not lost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/framing.h"
#include "types/batch.h"

namespace leat::codec {

/// Before the reason of a line that does not fit.
inline constexpr std::string_view kCsvFault = "csv: ";

struct CsvOptions {
  char delimiter = ',';
  /// Names of the columns. Empty: the first line names them (names that are empty or come twice get a number).
  std::vector<std::string> columns = {};
  /// Where in a record that is too long the bytes begin: as the framer before said of itself.
  std::string skipping = {};
};

/// State: the columns, once the header has been read. Whoever resumes in the middle of a file gives them as options.
class CsvFramer final : public Framer {
 public:
  explicit CsvFramer(CsvOptions options);
  Result<size_t> frame(std::string_view bytes, bool last, size_t most,
                       std::vector<std::string_view>& records) override;
  size_t skip(std::string_view bytes, bool last) override;
  std::string skipping() const override;
  std::optional<size_t> unclosed() const override { return unclosed_; }
  /// Empty until the header has been read.
  const std::vector<std::string>& columns() const { return columns_; }

 private:
  enum class Fault { kNone, kBehindQuote, kUnclosed };
  /// Where skip() is: in no record; at a field's front; in a bare one; in quotes; behind a quote within quotes,
  /// perhaps the first of two; behind a CR, perhaps of CR LF. The letter is what skipping() says.
  enum class Skip : char {
    kNone = 0,
    kField = 'f',
    kBare = 'b',
    kQuoted = 'q',
    kQuote = 'd',
    kReturn = 'r'
  };
  /// Reads the record at `at` into fields_; the place behind it, or kUnfinished.
  size_t read(std::string_view bytes, size_t at, bool last, Fault& fault);
  Result<void> take_header(std::string_view line, Fault fault);
  void set_columns(std::vector<std::string> names);
  std::string_view write(std::string_view line, Fault fault);

  struct Cell {
    std::string_view raw;                  // without its quotes
    bool quoted = false, doubled = false;  // doubled: holds "" for "
  };
  const char delimiter_;
  std::vector<std::string> columns_, labels_;  // labels: `{"a":`, `,"b":`
  std::vector<Cell> cells_;
  types::Arena arena_;
  std::string scratch_;
  bool started_ = false;
  std::optional<size_t> unclosed_;
  Skip skip_ = Skip::kNone;
};

}  // namespace leat::codec
