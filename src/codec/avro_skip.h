// What an Avro decoder steps over: the fields that no column reads, of any type, recursive ones included. Private to
// codec/.
//
// A type whose values all have the same size is stepped over at once, so that an array of 10^9 nulls costs nothing; of
// all others each value takes a byte at least.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "schema/avro_schema.h"

namespace leat::codec {

struct AvroSkip {
  enum class Op : uint8_t { kFixed, kLong, kBytes, kArray, kMap, kUnion, kRecord };
  Op op = Op::kFixed;
  uint64_t size = 0;  // kFixed: bytes, at most limits::kMaxRecordBytes + 1
  std::vector<const AvroSkip*>
      parts;  // items, values, branches, or fields but for those of no bytes

  /// Values have no bytes at all.
  bool is_empty() const { return op == Op::kFixed && size == 0; }
};

/// Makes them, one for each type. They live as long as this.
class AvroSkips {
 public:
  const AvroSkip& of(const schema::avro::Node& node);

 private:
  void finish(const schema::avro::Node& node, AvroSkip& made);

  std::deque<AvroSkip> made_;
  std::unordered_map<const schema::avro::Node*, AvroSkip*> by_node_;
};

}  // namespace leat::codec
