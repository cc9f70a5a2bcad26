#include "runtime/tombstones.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/strings.h"
#include "codec/key_decode.h"
#include "codec/text.h"

namespace leat::runtime {
namespace {

/// The memory behind a chunk of rows to delete.
struct KeyRows {
  types::BatchBuffer keys, rest;
};

}  // namespace

Result<std::unique_ptr<Tombstones>> Tombstones::make(const types::Schema& output,
                                                     const std::vector<std::string>& key) {
  types::Schema schema;
  std::vector<size_t> columns;
  for (const std::string& name : key) {
    const auto at = output.find(name);
    if (!at)
      return Error(ErrorCode::kInvalidArgument, fmt::format("the key `{}` is not a column", name));
    columns.push_back(*at);
    schema.fields.push_back(output.fields[*at]);
  }
  ASSIGN(auto decoder, codec::make_key_decoder(schema));
  return std::unique_ptr<Tombstones>(
      new Tombstones(output, std::move(columns), std::move(decoder)));
}

Tombstones::Tombstones(types::Schema output, std::vector<size_t> key,
                       std::unique_ptr<stream::Decoder> decoder)
    : output_(std::move(output)), key_(key), decoder_(std::move(decoder)) {
  for (size_t column : key) key_schema_.fields.push_back(output_.fields[column]);
  for (size_t column = 0; column < output_.fields.size(); ++column) {
    const auto in_key = std::find(key.begin(), key.end(), column);
    if (in_key != key.end()) {
      place_of_.push_back(static_cast<size_t>(in_key - key.begin()));
    } else {
      place_of_.push_back(key.size() + rest_schema_.fields.size());
      rest_schema_.fields.push_back(output_.fields[column]);
    }
  }
}

void Tombstones::read(Outcome& out, std::vector<stream::Reject>& rejects) {
  keys_.records.clear(), records_.clear(), rows_.clear();
  const auto& records = out.input.records.records;
  for (uint32_t i = 0; i < records.size(); ++i) {
    if (records[i].value || out.fates[i] == Fate::kRejected) continue;
    keys_.records.push_back(records[i]);
    records_.push_back(i);
  }
  if (records_.empty()) return;
  auto made = std::make_shared<KeyRows>(
      KeyRows{types::BatchBuffer(key_schema_), types::BatchBuffer(rest_schema_)});
  const size_t before = rejects.size();
  decoder_->decode(keys_, made->keys, rows_, rejects);
  for (size_t i = before; i < rejects.size(); ++i) rejects[i].record = records_[rejects[i].record];
  if (rows_.empty()) return;
  for (uint32_t& row : rows_) {
    row = records_[row];
    out.fates[row] = Fate::kDelivered;
    for (size_t c = 0; c < rest_schema_.fields.size(); ++c) made->rest.column(c).append_null();
  }
  const types::Batch keys = made->keys.view(), rest = made->rest.view();
  types::Batch chunk;
  chunk.rows = rows_.size();
  for (size_t place : place_of_) {
    const size_t of_key = keys.columns.size();
    chunk.columns.push_back(place < of_key ? keys.columns[place] : rest.columns[place - of_key]);
  }
  out.deletes.chunks.push_back(std::move(chunk));
  out.deletes.records.push_back(rows_);
  out.deletes.owner = std::move(made);
}

/// text_ becomes the key as an encoder writes it.
void Tombstones::append_key(const types::Batch& rows, const std::vector<size_t>& columns,
                            size_t row) {
  text_.clear();
  if (columns.size() == 1) return codec::append_text(rows.columns[columns[0]], row, text_);
  for (size_t column : columns) {
    text_ += text_.empty() ? '[' : ',';
    codec::append_json(rows.columns[column], row, text_);
  }
  text_ += ']';
}

void Tombstones::check_keys(const Outcome& out, std::vector<stream::Reject>& rejects) {
  struct Odd {
    uint32_t record;
    std::string key;
  };
  std::vector<Odd> odd;
  keys_.records.clear();
  for (size_t c = 0; c < out.query.chunks.size(); ++c) {
    const types::Batch& rows = out.query.chunks[c];
    for (size_t row = 0; row < rows.rows; ++row) {
      const uint32_t record = out.query.records[c][row];
      if (out.fates[record] != Fate::kDelivered) continue;
      // A NULL in a key is the store's to refuse.
      if (std::any_of(key_.begin(), key_.end(),
                      [&](size_t column) { return !rows.columns[column].valid(row); }))
        continue;
      append_key(rows, key_, row);
      const stream::Record& from = out.input.records.records[record];
      if (from.key == text_) continue;
      odd.push_back({record, text_});
      keys_.records.push_back(from);
    }
  }
  if (odd.empty()) return;
  // Another spelling of the same value is the same key: 007, an uuid in capitals.
  std::vector<stream::Reject> unread;
  types::BatchBuffer read(key_schema_);
  rows_.clear();
  decoder_->decode(keys_, read, rows_, unread);
  std::vector<size_t> columns(key_.size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  std::vector<bool> same(odd.size(), false);
  const types::Batch keys = read.view();
  for (size_t i = 0; i < rows_.size(); ++i) {
    append_key(keys, columns, i);
    same[rows_[i]] = text_ == odd[rows_[i]].key;
  }
  for (size_t i = 0; i < odd.size(); ++i) {
    if (same[i]) continue;
    rejects.push_back({odd[i].record,
                       stream::Stage::kSink,
                       stream::Reason::kSinkRefused,
                       {},
                       describe(out, odd[i].record, odd[i].key)});
  }
}

std::string Tombstones::describe(const Outcome& out, uint32_t record,
                                 const std::string& key) const {
  const auto& theirs = out.input.records.records[record].key;
  return fmt::format(
      "the row's key is `{}`, the message's {}; with `on_tombstone: delete` they must be the same, "
      "or a null value deletes another row",
      utf8_prefix(key, limits::kShownBytes),
      theirs ? fmt::format("`{}`", utf8_prefix(*theirs, limits::kShownBytes)) : "is null");
}

}  // namespace leat::runtime
