// Framing: where records begin and end in a page of an API, in NDJSON and in a JSON array. Called by sources, on
// their read thread. What is inside a record is the decoder's business: a broken record in a whole page comes out as
// it is, so that its neighbours live and it is dead-lettered.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json_index.h"

namespace leat::codec {

/// In front of UTF-8 text, where a program of Windows wrote it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// One response of an API, or any JSON text with records in it. Reused from page to page. One thread.
class JsonPage {
 public:
  /// Takes a page, which must stay unchanged while this is used; a byte order mark in front is skipped. kCorrupt,
  /// with the byte's offset, when it is not one whole JSON value: brackets, commas, strings. Broken UTF-8, control
  /// characters and misspelt scalars are left to the decoder.
  Result<void> load(const std::string& page);
  Result<void> load(std::string&&) = delete;  // its end would leave the views dangling

  /// The raw text of each record at a JSON Pointer (RFC 6901; "" is the root): the elements of an array, or the one
  /// object that is there; null is no record. kNotFound when nothing is there, kInvalidArgument when it is a scalar.
  /// Views into the page.
  Result<std::vector<std::string_view>> records(std::string_view pointer);

  /// The text at a pointer: of a string its characters, of anything else its JSON; nullopt when absent or null.
  /// For cursors, next URLs and ids.
  Result<std::optional<std::string>> value(std::string_view pointer);

 private:
  /// Behind the value that starts at `token`.
  uint32_t end_of(uint32_t token);
  /// The token at a pointer, or nullopt. kInvalidArgument for text that is no pointer.
  Result<std::optional<uint32_t>> resolve(std::string_view pointer);
  std::string_view found(uint32_t token) const;
  JsonIndex index_;
};

/// load() and records(), load() and value(): for callers that ask one thing of a page.
Result<std::vector<std::string_view>> find_records(const std::string& page,
                                                   std::string_view pointer);
Result<std::vector<std::string_view>> find_records(std::string&&, std::string_view) =
    delete;  // views would dangle
Result<std::optional<std::string>> find_value(const std::string& page, std::string_view pointer);

/// Splits a stream of bytes into records. One thread; state only as said by the maker.
class Framer {
 public:
  virtual ~Framer() = default;
  /// Finds whole records at the front of `bytes`, at most `most`, appends them to `records` and returns how many bytes
  /// they took: the caller calls again with the rest and more behind it. `last`: nothing follows, an unfinished record
  /// is one. Views are into `bytes`, or (CSV) into the framer until its next call.
  /// kLimit: a record of more than limits::kMaxRecordBytes begins at the first byte: it is for skip(). kCorrupt: not of
  /// the format, with the offset in `bytes`.
  virtual Result<size_t> frame(std::string_view bytes, bool last, size_t most,
                               std::vector<std::string_view>& records) = 0;
  /// Steps over the record at the front, which frame() found too long, or goes on in it; how many of `bytes` it took.
  /// All of them, and skipping(): its end has not come yet.
  virtual size_t skip(std::string_view bytes, bool last) = 0;
  /// Where in a record skip() has come to, for the maker after a restart: a few characters; empty: in none.
  virtual std::string skipping() const = 0;
  /// Where in the bytes of the last frame() a record begins that lacks its end, and was given as one (CSV).
  virtual std::optional<size_t> unclosed() const { return std::nullopt; }
};

/// One record a line, LF or CR LF; blank lines are none; a byte order mark at the front is skipped. `skipping`: as the
/// framer before said of itself. No other state.
std::unique_ptr<Framer> make_ndjson_framer(std::string_view skipping = {});

/// The elements of one JSON array, however long. `resumed`: the bytes begin where frame() or skip() had come to, behind
/// '[', an element, its ',' or ']', not at the array's '['; nothing at all is then the end. `skipping`: as the framer
/// before said of itself.
/// State: only whether the array has begun and ended, and where in a record skip() is.
std::unique_ptr<Framer> make_json_array_framer(bool resumed, std::string_view skipping = {});

}  // namespace leat::codec
