#include "components/sink_duckdb_undo.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "io/digest.h"

namespace leat::components {
namespace {

// A DuckDB file: 4 KiB of main header, two headers of 4 KiB that take turns, blocks
// (https://duckdb.org/docs/stable/internals/storage).
constexpr int64_t kHeadersOffset = 4096, kHeadersBytes = 8192, kBlocksOffset = 12288;

// The copy's form: a line with the digest of all that follows, `<offset> <bytes>` a line for each piece, an empty line,
// the pieces. The first piece is the two headers.
constexpr std::string_view kMagic = "leat undo 1 ";
constexpr size_t kDigestChars = 64;

struct Piece {
  int64_t offset = 0;
  std::string_view bytes;
};

/// The number that `text` begins with, which goes together with the character behind it.
std::optional<int64_t> take_int(std::string_view& text) {
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc()) return std::nullopt;
  const auto used = static_cast<size_t>(end - text.data()) + 1;
  text.remove_prefix(std::min(used, text.size()));
  return value;
}

/// The pieces of a copy; none when it is not whole.
std::vector<Piece> parse(std::string_view copy) {
  const size_t head = kMagic.size() + kDigestChars + 1;
  if (!copy.starts_with(kMagic) || copy.size() < head) return {};
  const std::string_view digest = copy.substr(kMagic.size(), kDigestChars);
  std::string_view rest = copy.substr(head);
  if (io::sha256_hex(rest) != digest) return {};
  std::vector<std::pair<int64_t, int64_t>> places;
  while (!rest.starts_with('\n')) {
    const auto offset = take_int(rest), size = take_int(rest);
    if (!offset || !size) return {};
    places.emplace_back(*offset, *size);
  }
  rest.remove_prefix(1);
  std::vector<Piece> pieces;
  for (const auto& [offset, size] : places) {
    if (size < 0 || static_cast<size_t>(size) > rest.size()) return {};
    pieces.push_back({offset, rest.substr(0, static_cast<size_t>(size))});
    rest.remove_prefix(static_cast<size_t>(size));
  }
  return pieces;
}

}  // namespace

Result<void> CheckpointUndo::restore() {
  if (!pending()) return {};
  ASSIGN(std::string copy, io::read_file(path_, SIZE_MAX));
  const std::vector<Piece> pieces = parse(copy);
  if (pieces.empty() || !io::exists(store_)) return drop();
  std::string headers;
  {
    ASSIGN(auto now, io::FileReader::open(store_));
    ASSIGN(headers, now->read_at(kHeadersOffset, kHeadersBytes));
  }
  if (headers != pieces[0].bytes) return drop();
  std::vector<std::pair<int64_t, std::string_view>> writes;
  for (size_t i = 1; i < pieces.size(); ++i) writes.emplace_back(pieces[i].offset, pieces[i].bytes);
  TRY(io::overwrite(store_, writes));
  spdlog::info("embedded store: a checkpoint of {} was cut short; it was undone ({} blocks)",
               store_, writes.size());
  return drop();
}

Result<void> CheckpointUndo::keep(sql::Connection& connection) {
  if (!reader_) {
    ASSIGN(reader_, io::FileReader::open(store_));
  }
  ASSIGN(
      sql::QueryResult asked,
      connection.query("SELECT concat_ws(' ', (SELECT block_size FROM pragma_database_size() WHERE "
                       "database_name = current_database()), (SELECT string_agg(block_id, ' ' "
                       "ORDER BY block_id) FROM pragma_metadata_info()))"));
  ASSIGN(std::string answer, asked.first_text());
  asked.reset();
  std::string places, bytes;
  const auto copy = [&](int64_t offset, int64_t size) -> Result<void> {
    ASSIGN(std::string piece, reader_->read_at(offset, static_cast<size_t>(size)));
    if (piece.empty()) return {};  // a block that was never written
    places += fmt::format("{} {}\n", offset, piece.size());
    bytes += piece;
    return {};
  };
  TRY(copy(kHeadersOffset, kHeadersBytes));
  std::string_view rest = answer;
  const std::optional<int64_t> block_bytes = take_int(rest);
  CHECK(block_bytes && *block_bytes > 0, "pragma_database_size()");
  while (const std::optional<int64_t> id = take_int(rest)) {
    TRY(copy(kBlocksOffset + *id * *block_bytes, *block_bytes));
  }
  const std::string body = places + "\n" + bytes;
  TRY(io::write_file_atomic(path_, fmt::format("{}{}\n{}", kMagic, io::sha256_hex(body), body)));
  return {};
}

Result<void> CheckpointUndo::drop() { return io::remove_all(path_); }

}  // namespace leat::components
