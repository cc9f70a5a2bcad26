// The plan of a JSON decoder: the schema as a tree of nodes, each with what decoding it needs at hand, and the
// prediction of an object's keys. Private to codec/.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "types/batch.h"
#include "types/type.h"

namespace leat::codec {

/// Guesses which field the next key of an object names: records of one source have the same keys in the same order,
/// so one comparison of 16 bytes answers nearly always, for fields that are skipped too.
class KeyGuess {
 public:
  static constexpr int kSkip = -1;
  static constexpr int kUnknown = -2;

  /// The field of the key whose raw bytes start at `key` (behind its quote), as remembered for `position`.
  /// `room`: bytes readable from `key` on.
  int guess(size_t position, const char* key, size_t room) const {
    if (position >= count_ || room < 16) return kUnknown;
    const Slot& slot = slots_.data()[position];
    uint64_t low, high;
    std::memcpy(&low, key, 8);
    std::memcpy(&high, key + 8, 8);
    if (((low ^ slot.low) & slot.low_mask) | ((high ^ slot.high) & slot.high_mask)) return kUnknown;
    return slot.field;
  }

  /// Remembers that the key at `position` is `key` (raw, without quotes) and means `field`. Keys of 16 bytes or more
  /// and positions past kSlots are not remembered.
  void learn(size_t position, std::string_view key, int field) {
    if (key.size() >= 16 || position >= kSlots) return;
    if (count_ <= position) slots_.resize(count_ = position + 1);
    char bytes[16] = {}, mask[16] = {};
    std::memcpy(bytes, key.data(), key.size());
    bytes[key.size()] = '"';
    std::memset(mask, 0xFF, key.size() + 1);
    Slot& slot = slots_[position];
    std::memcpy(&slot.low, bytes, 8);
    std::memcpy(&slot.high, bytes + 8, 8);
    std::memcpy(&slot.low_mask, mask, 8);
    std::memcpy(&slot.high_mask, mask + 8, 8);
    slot.field = field;
  }

 private:
  static constexpr size_t kSlots = 256;
  struct Slot {
    uint64_t low = 0, high = 0, low_mask = 0, high_mask = 0;
    int field = kUnknown;
  };
  std::vector<Slot> slots_;
  size_t count_ = 0;
};

/// One field of the schema, or the element, key or value of a nested one.
struct PlanNode {
  std::string name;
  types::Type type;
  types::Kind kind = types::Kind::kSqlNull;
  bool required = false;
  /// Position among its parent's columns; -1: checked and thrown away into `scratch`.
  int column = -1;
  std::unique_ptr<types::VectorBuffer> scratch;
  std::vector<PlanNode> children;  // struct: fields; list: element; map: key, value

  KeyGuess guess;
  std::vector<uint64_t> seen;  // of an object with more than 64 fields: one bit per child

  /// The child named `key`, or KeyGuess::kSkip.
  int find(std::string_view key) const {
    for (size_t i = 0; i < children.size(); ++i) {
      if (children[i].name == key) return static_cast<int>(i);
    }
    return KeyGuess::kSkip;
  }
};

/// The plan of a root object: a node whose children are the columns of `narrow`, and those fields of `whole` (when
/// given) that `narrow` lacks.
Result<PlanNode> make_plan(const types::Schema& narrow, const types::Schema* whole);

}  // namespace leat::codec
