// The plan of a Protobuf decoder: which field of a message goes into which column, and how. Private to codec/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/proto_shape.h"
#include "types/type.h"

namespace leat::codec {

/// How the bytes of a value become a row of a column.
enum class ProtoRead : uint8_t {
  kSkip,  // no column reads it, but it puts an end to another member of its oneof
  kBool,
  kVarint32,
  kVarint64,
  kZigzag32,
  kZigzag64,
  kFixed32,  // float, too
  kFixed64,
  kEnum,
  kText,
  kBytes,
  // Of messages, from here on.
  kMessage,
  kEmpty,
  kWrapper,
  kTimestamp,
  kDuration,
  kDate,
  kTimeOfDay,
  kDecimal,
  kJsonStruct,
  kJsonValue,
  kJsonList
};
constexpr bool is_message(ProtoRead op) { return op >= ProtoRead::kMessage; }

/// What a column has when its field is absent.
enum class ProtoAbsent : uint8_t { kNull, kDefault, kRefuse };

/// How a message goes into a column: as a STRUCT of its fields, or as one value.
ProtoRead proto_read(const ProtoMessage& message, const types::Type& column);
/// The column of a message that is one value, other than a wrapper and a Decimal.
types::Kind proto_known_column(ProtoRead op);

struct ProtoPlan;

struct ProtoReadField {
  std::string name;
  uint32_t number = 0;
  uint32_t tag = 0;     // as one value
  uint32_t packed = 0;  // as many; 0: never
  ProtoRead op = ProtoRead::kSkip;
  bool repeated = false, map = false, closed = false;
  int column = -1;  // among those of its message; -1: none
  int slot = -1;    // of its message: where a list began, or which bytes are those of the message
  int oneof = -1;   // likewise: which member is there
  ProtoAbsent absent = ProtoAbsent::kNull;
  uint64_t default_bits = 0;
  std::string default_text;
  const ProtoEnum* enumeration = nullptr;
  types::Type type;       // of one value
  size_t item_bytes = 0;  // of a repeated field and a map: what an item takes in the columns
  std::unique_ptr<ProtoPlan> inner;  // of a message and a wrapper; of a map: of its entries
};

/// Of one message.
struct ProtoPlan {
  std::vector<ProtoReadField> fields;  // by number; those that no column reads are not here
  std::vector<int32_t> places;         // in `fields`, of small numbers; -1: not there
  size_t slots = 0;
  const ProtoReadField* find(uint32_t number) const;
};

/// Plans `columns` of `message`, each a field of it, its structs perhaps narrower; a message that is one value may be read
/// as the STRUCT of its fields. kInvalidArgument with the path for a column that is not the message's. The shape must live
/// on.
Result<ProtoPlan> make_proto_plan(const ProtoMessage& message, const types::Schema& columns);

}  // namespace leat::codec
