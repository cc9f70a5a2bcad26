// What a codec needs to know of Protobuf messages, without libprotobuf's headers: fields by number, enums, types of the
// library that have a column of their own. Read once from descriptors; immutable then. Private to codec/.
//
// Sources: https://protobuf.dev/programming-guides/proto3/, https://protobuf.dev/reference/protobuf/google.protobuf/
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

namespace leat::schema::protobuf {
class File;
}

namespace leat::codec {

constexpr size_t kMaxProtoDepth = 64;        // types inside types; of groups that are skipped, too
constexpr size_t kMaxProtoColumns = 10'000;  // of one message, nested ones included
constexpr size_t kMaxProtoIndexes = 64;      // of the message indexes in front of a record
constexpr size_t kMaxProtoItemBytes =
    128 * 1024 *
    1024;  // of columns that what one record repeats, and what is not its own text, fill

enum class ProtoKind : uint8_t {
  kBool,
  kInt32,
  kInt64,
  kUint32,
  kUint64,
  kSint32,
  kSint64,
  kFixed32,
  kFixed64,
  kSfixed32,
  kSfixed64,
  kFloat,
  kDouble,
  kString,
  kBytes,
  kEnum,
  kMessage,
  kGroup
};

/// "int32", as a .proto file has it.
std::string_view proto_kind_name(ProtoKind kind);

/// Messages that are one value.
enum class ProtoKnown : uint8_t {
  kNone,
  kTimestamp,
  kDuration,
  kWrapper,  // google.protobuf.Int32Value and its like
  kStruct,
  kValue,
  kListValue,
  kDate,       // google.type.Date
  kTimeOfDay,  // google.type.TimeOfDay
  kDecimal     // confluent.type.Decimal
};

struct ProtoEnum {
  std::string name;
  std::vector<std::pair<int32_t, std::string>> by_number;  // sorted; of aliases the first
  std::vector<std::pair<std::string, int32_t>> by_name;    // sorted
  /// nullptr: none has this number.
  const std::string* name_of(int32_t number) const;
  const int32_t* number_of(std::string_view text) const;
};

struct ProtoMessage;

struct ProtoField {
  std::string name;
  uint32_t number = 0;
  ProtoKind kind = ProtoKind::kBool;
  bool repeated = false;           // maps, too
  bool map = false;                // `message` is its entry, fields 1 and 2
  bool packed = false;             // when it is written
  bool required = false;           // of proto2
  bool presence = false;           // absent is not the same as its default
  bool has_default = false;        // of proto2, written in the schema
  bool closed = false;             // an enum of proto2: a number without a name is no value
  int oneof = -1;                  // among those of its message
  int precision = -1, scale = -1;  // of a confluent.type.Decimal, when the schema tells
  uint64_t default_bits = 0;       // of numbers, as the column holds them; of an enum, its number
  std::string default_text;        // of string and bytes
  const ProtoMessage* message = nullptr;
  const ProtoEnum* enumeration = nullptr;
};

struct ProtoMessage {
  std::string name;  // in full
  ProtoKnown known = ProtoKnown::kNone;
  std::vector<ProtoField> fields;  // by number
  const ProtoField* find(std::string_view field) const;
  /// Whether a column could hold any of its fields.
  bool has_columns() const;
};

/// A message of a file and all that it holds.
class ProtoShape {
 public:
  /// `message`: its full name; empty: the first one of the file. kNotFound with those there are.
  static Result<ProtoShape> read(const schema::protobuf::File& file, std::string_view message);
  const ProtoMessage& root() const { return *root_; }
  /// Where the message is in the file: of its outermost message, of the next inside that...
  const std::vector<int32_t>& indexes() const { return indexes_; }

 private:
  friend class ProtoShapeReader;
  const ProtoMessage* root_ = nullptr;
  std::vector<int32_t> indexes_;
  std::unordered_map<const void*, std::unique_ptr<ProtoMessage>> messages_;  // by descriptor
  std::unordered_map<const void*, std::unique_ptr<ProtoEnum>> enums_;
};

/// The full names of a file's messages, as indexes find them.
struct ProtoNames {
  std::string name;  // of the file: empty
  std::vector<ProtoNames> inner;
};
ProtoNames proto_names(const schema::protobuf::File& file);

}  // namespace leat::codec
