// Fuzzes what the log reads back from its disk: record batches, and the rows of topics, progress and index.
// The first byte chooses: 0 the bytes as a stored batch; 1 the bytes as a batch's payload under a header whose
// checksum is right, so that the grammar behind it is reached; else as rows.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "log/crc32c.h"
#include "log/keys.h"
#include "log/record_batch.h"

namespace {

using namespace leat;
using namespace leat::log;

void read_batch(const std::string& key, std::string_view value) {
  static Compressor compressor;
  auto batch = BatchReader::open(key, value, compressor);
  if (!batch) return;
  stream::Record record;
  std::vector<stream::Header> headers;
  size_t bytes = 0;
  while (!batch->done()) {
    headers.clear();
    if (!batch->next(record, headers)) return;
    bytes += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    for (const auto& header : headers) bytes += header.key.size() + header.value.size();
  }
  CHECK(bytes <= batch->bytes()->size(), "{} bytes out of {}", bytes, batch->bytes()->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string key = log_key({1, 2}, 3, 4);
  if (data[0] == 0) {
    read_batch(key, bytes);
  } else if (data[0] == 1) {
    std::string header;
    put_fixed(header, kBatchFormat);
    put_fixed(header, static_cast<uint8_t>(bytes[0] & 3));
    put_fixed(header, static_cast<uint32_t>(static_cast<unsigned char>(bytes[1])));
    put_fixed<int64_t>(header, 0);
    put_fixed<int64_t>(header, bytes[2]);
    std::string_view payload = bytes.substr(5);
    bool as_it_is = (bytes[0] & 3) == 0;
    auto raw_size = static_cast<uint32_t>(static_cast<unsigned char>(bytes[3]) << 8 |
                                          static_cast<unsigned char>(bytes[4]));
    put_fixed(header, as_it_is ? static_cast<uint32_t>(payload.size()) : raw_size);
    put_fixed(header, crc32c(crc32c(crc32c(0, payload), header), key));
    read_batch(key, header + std::string(payload));
  } else {
    size_t cut = data[0] % bytes.size();
    std::string_view row_key = bytes.substr(0, cut), value = bytes.substr(cut);
    if (auto topic = decode_topic(row_key, value)) CHECK(topic->spec.partitions >= 1);
    if (auto row = decode_progress(row_key, value)) CHECK(row->expected_next == row->next);
    if (auto entry = decode_entry(row_key, value)) CHECK(entry->count > 0);
    if (auto row = decode_partition_row(value)) CHECK(row->start <= row->end);
  }
  return 0;
}
