#include "codec/proto_decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "base/strings.h"
#include "codec/proto_bytes.h"
#include "codec/proto_input.h"
#include "codec/proto_json.h"
#include "codec/proto_known.h"
#include "codec/proto_plan.h"
#include "codec/proto_shape.h"
#include "codec/utf8.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::StringRef;
using types::VectorBuffer;

class ProtoDecoder final : public stream::Decoder {
 public:
  explicit ProtoDecoder(const ProtoDecodeOptions& options)
      : borrow_(options.borrow), bare_(!options.indexes.empty()) {}

  Result<void> prepare(const schema::protobuf::File& writer, const schema::protobuf::File& reader,
                       std::string_view message, const types::Schema& columns,
                       std::string_view indexes) {
    ASSIGN(shape_, ProtoShape::read(reader, message));
    ASSIGN(plan_, make_proto_plan(shape_.root(), columns));
    names_ = proto_names(writer);
    auto written = ProtoShape::read(writer, shape_.root().name);
    if (written) expected_ = proto_indexes(written->indexes());
    if (!bare_) return {};
    in_.start(indexes);
    if (!find_message()) return Error(ErrorCode::kIncompatible, in_.message());
    if (in_.left() == 0) return {};
    return Error(ErrorCode::kIncompatible,
                 fmt::format("{} bytes behind the message indexes", in_.left()));
  }

  void decode(const stream::RecordBatch& batch, types::BatchBuffer& out,
              std::vector<uint32_t>& rows, std::vector<stream::Reject>& rejects) override {
    arena_ = &out.arena();
    VectorBuffer* columns = out.column_count() > 0 ? &out.column(0) : nullptr;
    for (size_t i = 0; i < batch.records.size(); ++i) {
      const size_t row = out.rows();
      if (decode_record(batch.records[i].value, columns, row)) [[likely]] {
        if (!columns) out.set_rows(row + 1);
        rows.push_back(static_cast<uint32_t>(i));
        continue;
      }
      out.truncate(row);
      stream::Reject& reject = rejects.emplace_back();
      reject.record = static_cast<uint32_t>(i);
      reject.reason = in_.reason();
      reject.message = in_.message();
    }
  }

 private:
  /// Of a message being decoded: where a list begins in its child; the first and the last of the parts of a message or a map
  /// (-1: none); of a oneof the member that is there.
  struct Slot {
    int64_t first = -1, last = -1;
  };
  /// Bytes of a message or of a map's entry, which are decoded when all are known.
  struct Part {
    std::string_view bytes;
    int64_t next = -1;
  };
  struct Key {
    std::string_view text;
    uint64_t number = 0;
    int64_t part = 0;
    bool same(const Key& other) const { return text == other.text && number == other.number; }
    bool before(const Key& other) const {
      return text != other.text       ? text < other.text
             : number != other.number ? number < other.number
                                      : part < other.part;
    }
  };

  bool decode_record(const std::optional<std::string_view>& value, VectorBuffer* columns,
                     size_t row) {
    in_.start(value.value_or(""));
    slots_.clear(), parts_.clear();
    budget_ = kMaxProtoItemBytes;
    if (!value) return in_.refuse(Reason::kNullValue, "the record has no value");
    if (value->size() > limits::kMaxRecordBytes) {
      return in_.refuse(Reason::kTooLarge, fmt::format("{} bytes, more than {}", value->size(),
                                                       limits::kMaxRecordBytes));
    }
    if (!expected_.empty() && !bare_ && value->starts_with(expected_)) [[likely]]
      in_.pass(expected_.size());
    else if (!bare_ && !find_message())
      return false;
    return fields(plan_, in_.rest(), columns, row);
  }

  // ---- which message it is

  bool read_index(int64_t& index) {
    uint64_t bits = 0;
    if (!in_.read_varint(bits, "a message index")) return false;
    index = proto_unzigzag(bits);
    return true;
  }

  /// Reads indexes that are not those expected.
  bool find_message() {
    int64_t count = 0, index = 0;
    if (!read_index(count)) return false;
    if (count < 0 || count > static_cast<int64_t>(kMaxProtoIndexes)) {
      return in_.refuse(
          Reason::kMalformed,
          fmt::format("{} message indexes: no bytes of Confluent's serializer", count));
    }
    std::vector<int64_t> path;
    for (int64_t i = 0; i < count; ++i) {
      if (!read_index(index)) return false;
      path.push_back(index);
    }
    if (path.empty()) path.push_back(0);
    const ProtoNames* found = &names_;
    for (const int64_t one : path) {
      if (one < 0 || static_cast<uint64_t>(one) >= found->inner.size()) {
        return in_.refuse(
            Reason::kSchemaMismatch,
            fmt::format("the message indexes [{}] name no message of the writer's schema",
                        fmt::join(path, ", ")));
      }
      found = &found->inner[static_cast<size_t>(one)];
    }
    if (found->name == shape_.root().name) return true;
    return in_.refuse(Reason::kSchemaMismatch,
                      fmt::format("the record is a {}, where {} is expected", shown(found->name),
                                  shown(shape_.root().name)));
  }

  // ---- messages

  /// Pays for items before they are decoded: a few bytes may stand for many columns.
  bool charge(uint64_t bytes) {
    if (bytes <= budget_) [[likely]] {
      budget_ -= bytes;
      return true;
    }
    return in_.refuse(Reason::kTooLarge,
                      fmt::format("what one record repeats fills at most {} bytes of columns",
                                  kMaxProtoItemBytes));
  }

  /// Decodes a message as row `row` of `columns`.
  bool fields(const ProtoPlan& plan, std::string_view bytes, VectorBuffer* columns, size_t row) {
    const size_t base = slots_.size(), parts = parts_.size();
    slots_.resize(base + plan.slots);
    for (const ProtoReadField& field : plan.fields) {
      if (field.repeated && !field.map)
        slots_[base + static_cast<size_t>(field.slot)].first =
            static_cast<int64_t>(columns[field.column].child(0).size());
    }
    const ProtoInput::Place outer = in_.place();
    in_.enter(bytes);
    while (in_.left() > 0) {
      uint32_t tag = 0;
      if (!in_.read_tag(tag)) [[unlikely]]
        return false;
      const ProtoReadField* found = plan.find(tag >> 3);
      if (found && (tag == found->tag || tag == found->packed)) [[likely]] {
        if (!field(plan, *found, tag, columns, row, base)) [[unlikely]]
          return in_.at_child(found->name);
      } else if (!in_.skip(tag)) [[unlikely]] {
        return false;
      }
    }
    if (!finish(plan, columns, row, base)) [[unlikely]]
      return false;
    slots_.resize(base);
    parts_.resize(parts);
    in_.go(outer);
    return true;
  }

  Slot& slot_of(const ProtoReadField& one, size_t base) {
    return slots_[base + static_cast<size_t>(one.slot)];
  }

  /// Decodes what stands behind a tag; messages and maps only note where they are.
  bool field(const ProtoPlan& plan, const ProtoReadField& one, uint32_t tag, VectorBuffer* columns,
             size_t row, size_t base) {
    if (one.closed && tag == one.tag) {
      bool known = false;
      if (!step_over_unknown(one, known)) return false;
      if (!known) return true;
    }
    if (one.oneof >= 0) choose(plan, one, columns, row, base);
    if (one.op == ProtoRead::kSkip) return in_.skip(tag);
    if (one.map || (!one.repeated && is_message(one.op))) return part(one, slot_of(one, base));
    VectorBuffer& column = columns[one.column];
    if (!one.repeated) {
      if (column.size() > row) [[unlikely]]
        column.truncate(row);  // the last one counts
      return value(one, column);
    }
    VectorBuffer& items = column.child(0);
    const auto start = static_cast<size_t>(slot_of(one, base).first);
    if (tag == one.packed) return packed(one, items) || in_.at_child(items.size() - start);
    return (charge(one.item_bytes) && value(one, items)) || in_.at_child(items.size() - start);
  }

  /// Of a proto2 enum: a number without a name is as if it were not there.
  bool step_over_unknown(const ProtoReadField& one, bool& known) {
    const ProtoInput::Place before = in_.place();
    uint64_t number = 0;
    if (!in_.read_varint(number, "an enum")) return false;
    known = one.enumeration->name_of(static_cast<int32_t>(number)) != nullptr;
    if (known) in_.go(before);
    return true;
  }

  /// Makes `one` the member of its oneof that is there.
  void choose(const ProtoPlan& plan, const ProtoReadField& one, VectorBuffer* columns, size_t row,
              size_t base) {
    Slot& slot = slots_[base + static_cast<size_t>(one.oneof)];
    const auto index = &one - plan.fields.data();
    if (slot.first == index) return;
    if (slot.first >= 0) {
      const ProtoReadField& other = plan.fields[static_cast<size_t>(slot.first)];
      if (is_message(other.op))
        slot_of(other, base) = Slot();
      else if (other.column >= 0)
        columns[other.column].truncate(row);
    }
    slot.first = index;
  }

  bool part(const ProtoReadField& one, Slot& slot) {
    Part made;
    if (!in_.read_bytes(made.bytes, one.map ? "a map's entry" : "a message")) return false;
    if (!charge(sizeof made + (one.map ? one.item_bytes : 0))) return false;
    const auto index = static_cast<int64_t>(parts_.size());
    parts_.push_back(made);
    if (slot.first < 0)
      slot.first = index;
    else
      parts_[static_cast<size_t>(slot.last)].next = index;
    slot.last = index;
    return true;
  }

  bool packed(const ProtoReadField& one, VectorBuffer& items) {
    std::string_view bytes;
    if (!in_.read_bytes(bytes, "packed values")) return false;
    const ProtoInput::Place outer = in_.place();
    in_.enter(bytes);
    while (in_.left() > 0) {
      bool known = true;
      if (one.closed && !step_over_unknown(one, known)) return false;
      if (known && (!charge(one.item_bytes) || !value(one, items))) return false;
    }
    in_.go(outer);
    return true;
  }

  /// Appends what is known only at a message's end.
  bool finish(const ProtoPlan& plan, VectorBuffer* columns, size_t row, size_t base) {
    for (const ProtoReadField& one : plan.fields) {
      if (one.column < 0) continue;
      VectorBuffer& column = columns[one.column];
      if (one.slot < 0) {
        if (column.size() == row && !absent(one, column)) return in_.at_child(one.name);
        continue;
      }
      const Slot slot = slot_of(one, base);
      if (one.map) {
        if (!map(one, slot, column)) return in_.at_child(one.name);
      } else if (one.repeated) {
        column.append_list(static_cast<size_t>(slot.first));
      } else if (!(slot.first < 0 ? absent(one, column) : message(one, slot, column))) {
        return in_.at_child(one.name);
      }
    }
    return true;
  }

  bool message(const ProtoReadField& one, Slot slot, VectorBuffer& column) {
    const std::string_view first = parts_[static_cast<size_t>(slot.first)].bytes;
    if (slot.first == slot.last) [[likely]]
      return message_value(one, first, column);
    // It came several times: read as one, it is what they are merged.
    size_t size = 0;
    for (int64_t i = slot.first; i >= 0; i = parts_[static_cast<size_t>(i)].next)
      size += parts_[static_cast<size_t>(i)].bytes.size();
    if (!charge(size)) return false;
    char* into = arena_->allocate(size);
    const std::string_view joined(into, size);
    for (int64_t i = slot.first; i >= 0; i = parts_[static_cast<size_t>(i)].next) {
      const std::string_view bytes = parts_[static_cast<size_t>(i)].bytes;
      if (!bytes.empty()) std::memcpy(into, bytes.data(), bytes.size());
      into += bytes.size();
    }
    const ProtoInput::Place outer = in_.place();
    in_.read_aside(joined);
    if (!message_value(one, joined, column)) return false;
    in_.go(outer);
    return true;
  }

  // ---- maps

  bool map(const ProtoReadField& one, Slot slot, VectorBuffer& column) {
    VectorBuffer& entries = column.child(0);
    const size_t start = entries.size();
    const bool several = slot.first != slot.last;
    if ((several || one.inner->fields[1].closed) && !drop_entries(one, slot)) return false;
    for (int64_t i = slot.first; i >= 0;) {
      const Part entry = parts_[static_cast<size_t>(i)];
      i = entry.next;
      if (!entry.bytes.data()) continue;  // dropped
      if (!fields(*one.inner, entry.bytes, &entries.child(0), entries.size()))
        return in_.at_child(entries.size() - start);
      entries.append_struct();
    }
    column.append_list(start);
    return true;
  }

  /// Drops entries whose key comes again, and those of a proto2 enum's unknown numbers.
  bool drop_entries(const ProtoReadField& one, Slot slot) {
    keys_.clear();
    for (int64_t i = slot.first; i >= 0; i = parts_[static_cast<size_t>(i)].next) {
      Key key;
      key.part = i;
      bool known = true;
      if (!key_of(*one.inner, parts_[static_cast<size_t>(i)].bytes, key, known))
        return in_.at_child(keys_.size());
      if (known)
        keys_.push_back(key);
      else
        parts_[static_cast<size_t>(i)].bytes = {};
    }
    const auto before = [](const Key& left, const Key& right) { return left.before(right); };
    if (!std::is_sorted(keys_.begin(), keys_.end(), before))
      std::sort(keys_.begin(), keys_.end(), before);
    for (size_t i = 1; i < keys_.size(); ++i) {
      if (keys_[i].same(keys_[i - 1])) parts_[static_cast<size_t>(keys_[i - 1].part)].bytes = {};
    }
    return true;
  }

  /// Reads only the key of an entry, and whether its value is known.
  bool key_of(const ProtoPlan& entry, std::string_view bytes, Key& key, bool& known) {
    const ProtoReadField &first = entry.fields[0], &second = entry.fields[1];
    const ProtoInput::Place outer = in_.place();
    in_.enter(bytes);
    while (in_.left() > 0) {
      uint32_t tag = 0;
      if (!in_.read_tag(tag)) return false;
      if (tag == first.tag) {
        if (first.op == ProtoRead::kText ? !in_.read_bytes(key.text, "a key")
                                         : !read_number(first.op, key.number))
          return false;
      } else if (tag == second.tag && second.closed) {
        uint64_t number = 0;
        if (!in_.read_varint(number, "an enum")) return false;
        known = second.enumeration->name_of(static_cast<int32_t>(number)) != nullptr;
      } else if (!in_.skip(tag)) {
        return false;
      }
    }
    in_.go(outer);
    return true;
  }

  // ---- values

  /// Reads a number, as the column holds it.
  bool read_number(ProtoRead op, uint64_t& number) {
    uint32_t half = 0;
    switch (op) {
      case ProtoRead::kFixed32:
        if (!in_.read_fixed(half)) return false;
        number = half;
        return true;
      case ProtoRead::kFixed64:
        return in_.read_fixed(number);
      default:
        break;
    }
    if (!in_.read_varint(number, "a number")) return false;
    if (op == ProtoRead::kBool) number = number != 0 ? 1 : 0;
    if (op == ProtoRead::kVarint32) number = static_cast<uint32_t>(number);
    if (op == ProtoRead::kZigzag32)
      number = static_cast<uint32_t>(proto_unzigzag(static_cast<uint32_t>(number)));
    if (op == ProtoRead::kZigzag64) number = static_cast<uint64_t>(proto_unzigzag(number));
    return true;
  }
  static void append_number(ProtoRead op, uint64_t number, VectorBuffer& column) {
    switch (op) {
      case ProtoRead::kBool:
        return column.append(static_cast<uint8_t>(number));
      case ProtoRead::kVarint32:
      case ProtoRead::kZigzag32:
      case ProtoRead::kFixed32:
        return column.append(static_cast<uint32_t>(number));
      default:
        return column.append(number);
    }
  }

  /// Decodes a value as one row of `column`.
  bool value(const ProtoReadField& one, VectorBuffer& column) {
    std::string_view bytes;
    uint64_t number = 0;
    switch (one.op) {
      case ProtoRead::kText:
        if (!in_.read_bytes(bytes, "string")) return false;
        if (!is_valid_utf8(bytes)) [[unlikely]]
          return in_.refuse(Reason::kInvalidUtf8, "a string that is not UTF-8");
        append(bytes, column);
        return true;
      case ProtoRead::kBytes:
        if (!in_.read_bytes(bytes, "bytes")) return false;
        append(bytes, column);
        return true;
      case ProtoRead::kEnum:
        return in_.read_varint(number, "an enum") &&
               symbol(one, static_cast<int32_t>(number), column);
      default:
        break;
    }
    if (is_message(one.op))
      return in_.read_bytes(bytes, "a message") && message_value(one, bytes, column);
    if (!read_number(one.op, number)) return false;
    append_number(one.op, number, column);
    return true;
  }

  bool symbol(const ProtoReadField& one, int32_t number, VectorBuffer& column) {
    const std::string* name = one.enumeration->name_of(number);
    if (name) return aside(*name, column);
    column.append(StringRef(std::to_string(number)));
    return true;
  }

  bool message_value(const ProtoReadField& one, std::string_view bytes, VectorBuffer& column) {
    switch (one.op) {
      case ProtoRead::kMessage:
        if (!fields(*one.inner, bytes, column.child_count() > 0 ? &column.child(0) : nullptr,
                    column.size()))
          return false;
        column.append_struct();
        return true;
      case ProtoRead::kEmpty:
        if (!fields(*one.inner, bytes, nullptr, 0)) return false;
        column.append(uint8_t{1});
        return true;
      case ProtoRead::kWrapper:
        return fields(*one.inner, bytes, &column, column.size());
      case ProtoRead::kJsonStruct:
        return json(ProtoJson::kStruct, bytes, column);
      case ProtoRead::kJsonValue:
        return json(ProtoJson::kValue, bytes, column);
      case ProtoRead::kJsonList:
        return json(ProtoJson::kList, bytes, column);
      default:
        return append_proto_known(one.op, one.type, bytes, in_, column);
    }
  }

  bool json(ProtoJson what, std::string_view bytes, VectorBuffer& column) {
    json_.clear();
    return append_proto_json(what, bytes, in_, budget_, json_) && aside(json_, column);
  }

  bool absent(const ProtoReadField& one, VectorBuffer& column) {
    if (one.absent == ProtoAbsent::kNull) {
      column.append_null();
      return true;
    }
    if (one.absent == ProtoAbsent::kRefuse)
      return in_.refuse(Reason::kMissingField, "required, but absent");
    if (is_message(one.op)) return message_value(one, "", column);
    if (one.op == ProtoRead::kText || one.op == ProtoRead::kBytes)
      return aside(one.default_text, column);
    if (one.op == ProtoRead::kEnum)
      return symbol(one, static_cast<int32_t>(one.default_bits), column);
    append_number(one.op, one.default_bits, column);
    return true;
  }

  /// Appends text that is not the record's own: a byte may stand for one of any length.
  bool aside(std::string_view text, VectorBuffer& column) {
    if (text.size() > StringRef::kInline) {
      if (!charge(text.size())) return false;
      text = arena_->copy(text);
    }
    column.append(StringRef(text));
    return true;
  }

  /// Appends text of the record.
  void append(std::string_view found, VectorBuffer& column) {
    if (found.size() > StringRef::kInline) {
      column.append(StringRef(borrow_ ? found : arena_->copy(found)));
      return;
    }
    // The record goes on behind most texts: no branch on a length that nobody can predict.
    if (in_.readable(found.data()) >= StringRef::kInline)
      column.append(StringRef::of_readable(found, found.data()));
    else
      column.append(StringRef(found));
  }

  ProtoShape shape_;  // of the reader
  ProtoPlan plan_;
  ProtoNames names_;      // of the writer
  std::string expected_;  // the indexes of the reader's message in the writer's file
  const bool borrow_;
  const bool bare_;  // records begin with their message
  ProtoInput in_;
  types::Arena* arena_ = nullptr;
  uint64_t budget_ = 0;      // bytes that what this record repeats may still fill
  std::vector<Slot> slots_;  // of the messages being decoded, the outermost first
  std::vector<Part> parts_;  // likewise
  std::vector<Key> keys_;
  std::string json_;
};

}  // namespace

Result<std::unique_ptr<stream::Decoder>> make_proto_decoder(const schema::protobuf::File& writer,
                                                            const schema::protobuf::File& reader,
                                                            std::string_view message,
                                                            const types::Schema& columns,
                                                            ProtoDecodeOptions options) {
  auto decoder = std::make_unique<ProtoDecoder>(options);
  TRY(decoder->prepare(writer, reader, message, columns, options.indexes));
  return std::unique_ptr<stream::Decoder>(std::move(decoder));
}

}  // namespace leat::codec
