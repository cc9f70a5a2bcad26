// The plan of a Protobuf encoder: which column goes into which field, and how. Private to codec/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/proto_plan.h"
#include "codec/proto_shape.h"
#include "types/type.h"

namespace leat::codec {

struct ProtoWritePlan {
  std::string name;                    // of the field
  std::string called;                  // its type, for messages
  ProtoRead op = ProtoRead::kMessage;  // how a value of it is read again
  ProtoKind kind = ProtoKind::kMessage;
  int column = 0;  // among those of its message
  uint32_t tag = 0;
  bool repeated = false, map = false, packed = false;
  bool presence = false;  // NULL is absent
  bool always = false;    // a default is written, too
  bool nothing = false;   // the column is of the type of NULL
  bool closed = false;    // an enum that takes names only
  const ProtoEnum* enumeration = nullptr;
  types::Type type;  // the DECIMAL of a Decimal
  std::vector<ProtoWritePlan>
      parts;  // fields by number; of a map key and value; what a wrapper wraps
  std::vector<std::vector<size_t>> oneofs;  // of a message: parts of which at most one is not NULL
};

/// kIncompatible with the path, as proto_encode.h says. The message must live on.
Result<ProtoWritePlan> make_proto_write_plan(const ProtoMessage& message,
                                             const types::Schema& columns);

}  // namespace leat::codec
