#include "codec/avro_decode.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "codec/avro_input.h"
#include "codec/avro_number.h"
#include "codec/avro_plan.h"
#include "codec/avro_time.h"
#include "codec/utf8.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::StringRef;
using types::VectorBuffer;

class AvroDecoder final : public stream::Decoder {
 public:
  explicit AvroDecoder(const AvroDecodeOptions& options) : borrow_(options.borrow) {}

  Result<void> prepare(const schema::avro::Schema& writer, const schema::avro::Schema& reader,
                       const types::Schema& columns) {
    ASSIGN(plan_, make_avro_plan(writer, reader, columns, skips_));
    return {};
  }

  void decode(const stream::RecordBatch& batch, types::BatchBuffer& out,
              std::vector<uint32_t>& rows, std::vector<stream::Reject>& rejects) override {
    arena_ = &out.arena();
    VectorBuffer* columns = out.column_count() > 0 ? &out.column(0) : nullptr;
    for (size_t i = 0; i < batch.records.size(); ++i) {
      const size_t row = out.rows();
      if (decode_record(batch.records[i].value, columns)) [[likely]] {
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
  bool decode_record(const std::optional<std::string_view>& value, VectorBuffer* columns) {
    in_.start(value.value_or(""));
    keys_.clear();
    budget_ = limits::kMaxAvroItemBytes;
    if (!value) return in_.refuse(Reason::kNullValue, "the record has no value");
    if (value->size() > limits::kMaxRecordBytes) {
      return in_.refuse(Reason::kTooLarge, fmt::format("{} bytes, more than {}", value->size(),
                                                       limits::kMaxRecordBytes));
    }
    const AvroPlan* plan = &plan_;
    if (plan->op == AvroRead::kUnion && !branch(plan)) return false;
    if (plan->op == AvroRead::kMismatch)
      return in_.refuse(Reason::kSchemaMismatch, plan->mismatches[0]);
    if (!fields(*plan, columns)) return false;
    if (in_.left() == 0) [[likely]]
      return true;
    return in_.refuse(Reason::kMalformed,
                      fmt::format("{} bytes behind the record's end: another schema wrote it, or "
                                  "something else",
                                  in_.left()));
  }

  // ---- containers

  bool branch(const AvroPlan*& plan) {
    size_t index = 0;
    if (!in_.read_index(index, plan->parts.size(), "a branch of a union")) return false;
    plan = &plan->parts[index];
    return true;
  }

  /// Decodes a record, one row for each of `columns`.
  bool fields(const AvroPlan& plan, VectorBuffer* columns) {
    for (const AvroField& field : plan.fields) {
      if (field.column < 0) {
        if (!in_.skip(*field.plan.skip)) [[unlikely]]
          return in_.at_child(field.name);
      } else if (!value(field.plan, columns[field.column])) [[unlikely]] {
        return in_.at_child(field.name);
      }
    }
    if (plan.defaults.empty()) [[likely]]
      return true;
    return defaults(plan, columns);
  }

  /// Decodes the defaults of fields that the writer lacks.
  bool defaults(const AvroPlan& plan, VectorBuffer* columns) {
    const AvroInput::Place record = in_.place();
    in_default_ = true;
    bool good = true;
    for (const AvroDefault& one : plan.defaults) {
      in_.start(one.bytes);
      good = value(one.plan, columns[one.column]) || in_.at_child(one.name);
      if (!good) break;
    }
    in_default_ = false;
    if (good) in_.go(record);
    return good;
  }

  /// Pays for items before they are decoded: a few bytes may stand for billions of them.
  bool charge(const AvroPlan& plan, uint64_t count) {
    if (!plan.empty_items && count > in_.left()) {
      return in_.refuse(Reason::kMalformed,
                        fmt::format("{} items expected, {} bytes left", count, in_.left()));
    }
    if (count <= budget_ / plan.item_bytes) {
      budget_ -= count * plan.item_bytes;
      return true;
    }
    return in_.refuse(Reason::kTooLarge,
                      fmt::format("{} more items: those of one record fill at most {} bytes", count,
                                  limits::kMaxAvroItemBytes));
  }

  /// Copies text that is not the record's own: a byte may stand for a symbol or a default of any length.
  bool copy(std::string_view& text) {
    if (text.size() <= StringRef::kInline) return true;
    if (text.size() > budget_) {
      return in_.refuse(Reason::kTooLarge,
                        fmt::format("symbols and defaults of one record fill at most {} bytes",
                                    limits::kMaxAvroItemBytes));
    }
    budget_ -= text.size();
    text = arena_->copy(text);
    return true;
  }

  /// Decodes the blocks of an array or a map; `item` decodes one.
  template <typename Item>
  bool blocks(const AvroPlan& plan, const Item& item) {
    uint64_t index = 0, count = 0;
    int64_t bytes = 0;
    while (true) {
      if (!in_.read_block(count, bytes)) return false;
      if (count == 0) return true;
      if (!charge(plan, count)) return false;
      const size_t before = in_.left();
      for (const uint64_t end = index + count; index < end; ++index) {
        if (!item(index)) return false;
      }
      const size_t used = before - in_.left();
      if (bytes >= 0 && used != static_cast<uint64_t>(bytes)) {
        return in_.refuse(
            Reason::kMalformed,
            fmt::format("a block says that it has {} bytes, and has {}", bytes, used));
      }
    }
  }

  bool array(const AvroPlan& plan, VectorBuffer& column) {
    VectorBuffer& element = column.child(0);
    const size_t start = element.size();
    const AvroPlan& part = plan.parts[0];
    if (!blocks(plan, [&](uint64_t i) { return value(part, element) || in_.at_child(i); }))
      return false;
    column.append_list(start);
    return true;
  }

  bool map(const AvroPlan& plan, VectorBuffer& column) {
    VectorBuffer& entries = column.child(0);
    const size_t start = entries.size(), first_key = keys_.size();
    const AvroPlan& part = plan.parts[0];
    const bool good = blocks(plan, [&](uint64_t i) {
      std::string_view key;
      if (!in_.read_bytes(key, "a key") || !text(key, entries.child(0))) return in_.at_child(i);
      keys_.push_back(key);
      if (!value(part, entries.child(1))) return in_.at_child(key);
      entries.append_struct();
      return true;
    });
    if (!good) return false;
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(first_key);
    std::sort(first, keys_.end());
    const auto twice = std::adjacent_find(first, keys_.end());
    if (twice != keys_.end()) {
      in_.refuse(Reason::kDuplicateKey, "the key comes twice");
      return in_.at_child(*twice);
    }
    keys_.resize(first_key);
    column.append_list(start);
    return true;
  }

  /// One field of a STRUCT; the others are NULL.
  bool member(const AvroPlan& plan, VectorBuffer& column) {
    for (size_t i = 0; i < column.child_count(); ++i) {
      if (static_cast<int>(i) != plan.member) column.child(i).append_null();
    }
    const AvroPlan& part = plan.parts[0];
    if (plan.member < 0 ? !in_.skip(*part.skip)
                        : !value(part, column.child(static_cast<size_t>(plan.member))))
      return false;
    column.append_struct();
    return true;
  }

  // ---- values

  /// Decodes a value as one row of `column`.
  bool value(const AvroPlan& plan, VectorBuffer& column) {
    switch (plan.op) {
      case AvroRead::kNull:
        if (plan.required) return in_.refuse(Reason::kMissingField, "required, but null");
        column.append_null();
        return true;
      case AvroRead::kUnion: {
        const AvroPlan* part = &plan;
        return branch(part) && value(*part, column);
      }
      case AvroRead::kMember:
        return member(plan, column);
      case AvroRead::kMismatch:
        return in_.refuse(Reason::kSchemaMismatch, plan.mismatches[0]);
      case AvroRead::kRecord:
        if (!fields(plan, column.child_count() > 0 ? &column.child(0) : nullptr)) return false;
        column.append_struct();
        return true;
      case AvroRead::kArray:
        return array(plan, column);
      case AvroRead::kMap:
        return map(plan, column);
      case AvroRead::kEnum:
        return symbol(plan, column);
      case AvroRead::kBoolean:
        return boolean(column);
      case AvroRead::kFloat:
        return real<float, float>(column, "a float");
      case AvroRead::kFloatToDouble:
        return real<float, double>(column, "a float");
      case AvroRead::kDouble:
        return real<double, double>(column, "a double");
      case AvroRead::kSkip:
        return in_.skip(*plan.skip);
      default:
        return is_bytes(plan.op) ? bytes(plan, column) : number(plan, column);
    }
  }

  static bool is_fixed(AvroRead op) {
    return op == AvroRead::kFixed || op == AvroRead::kUuidFixed || op == AvroRead::kDecimalFixed ||
           op == AvroRead::kDuration;
  }
  static bool is_bytes(AvroRead op) {
    return is_fixed(op) || op == AvroRead::kText || op == AvroRead::kBytes ||
           op == AvroRead::kUuidText || op == AvroRead::kDecimalBytes;
  }

  bool boolean(VectorBuffer& column) {
    uint8_t byte = 0;
    if (!in_.read_fixed(byte, "a boolean")) return false;
    if (byte > 1)
      return in_.refuse(Reason::kMalformed, fmt::format("a boolean is 0 or 1, found {}", byte));
    column.append(byte);
    return true;
  }

  template <typename From, typename To>
  bool real(VectorBuffer& column, const char* what) {
    From found{};
    if (!in_.read_fixed(found, what)) return false;
    column.append(static_cast<To>(found));
    return true;
  }

  bool number(const AvroPlan& plan, VectorBuffer& column) {
    int64_t found = 0;
    if (!(plan.narrow ? in_.read_int(found, "an int") : in_.read_long(found, "a long")))
      return false;
    switch (plan.op) {
      case AvroRead::kInt:
        column.append(static_cast<int32_t>(found));
        return true;
      case AvroRead::kLong:
        column.append(found);
        return true;
      case AvroRead::kIntToFloat:
        column.append(static_cast<float>(found));
        return true;
      case AvroRead::kIntToDouble:
        column.append(static_cast<double>(found));
        return true;
      default:
        return time(plan, column, found);
    }
  }

  bool time(const AvroPlan& plan, VectorBuffer& column, int64_t found) {
    int64_t micros = 0;
    if (__builtin_mul_overflow(found, plan.multiply, &micros)) return out_of_range(plan, found);
    if (micros % plan.divide != 0) {
      return in_.refuse(
          Reason::kOutOfRange,
          fmt::format("{} ns is no whole microsecond, of which {} is made; read it as BIGINT",
                      found, plan.type.to_sql()));
    }
    micros /= plan.divide;
    if (plan.op == AvroRead::kDate) {
      if (found >= types::kDateInfinity || found <= -types::kDateInfinity)
        return out_of_range(plan, found);
      column.append(static_cast<int32_t>(found));
      return true;
    }
    const bool good = plan.op == AvroRead::kTime ? micros >= 0 && micros <= kMicrosPerDay
                                                 : micros < types::kTimestampInfinity &&
                                                       micros > -types::kTimestampInfinity;
    if (!good) return out_of_range(plan, found);
    column.append(micros);
    return true;
  }

  bool out_of_range(const AvroPlan& plan, int64_t found) {
    return in_.refuse(Reason::kOutOfRange,
                      fmt::format("{} does not fit {}", found, plan.type.to_sql()));
  }

  bool symbol(const AvroPlan& plan, VectorBuffer& column) {
    size_t index = 0;
    if (!in_.read_index(index, plan.symbols.size(), "a symbol of an enum")) return false;
    if (!plan.mismatches[index].empty()) [[unlikely]]
      return in_.refuse(Reason::kSchemaMismatch, plan.mismatches[index]);
    std::string_view symbol = plan.symbols[index];
    if (!copy(symbol)) return false;
    column.append(StringRef(symbol));
    return true;
  }

  bool bytes(const AvroPlan& plan, VectorBuffer& column) {
    std::string_view found;
    const char* what =
        plan.op == AvroRead::kText || plan.op == AvroRead::kUuidText ? "string" : "bytes";
    if (!(is_fixed(plan.op) ? in_.take(plan.size, found, "fixed") : in_.read_bytes(found, what)))
      return false;
    switch (plan.op) {
      case AvroRead::kText:
        return text(found, column);
      case AvroRead::kUuidText: {
        const auto parsed = types::parse_uuid(found);
        if (!parsed) {
          const auto seen = is_valid_utf8(found) ? shown(found) : "bytes that are no UTF-8";
          return in_.refuse(Reason::kWrongType,
                            fmt::format("expected a string that is a UUID, found \"{}\"", seen));
        }
        column.append(*parsed);
        return true;
      }
      case AvroRead::kUuidFixed:
        column.append(read_avro_uuid(found));
        return true;
      case AvroRead::kDecimalBytes:
      case AvroRead::kDecimalFixed:
        return decimal(plan, column, found);
      case AvroRead::kDuration:
        return duration(column, found);
      default:
        return append(column, found);
    }
  }

  bool text(std::string_view found, VectorBuffer& column) {
    if (!is_valid_utf8(found)) [[unlikely]]
      return in_.refuse(Reason::kInvalidUtf8, "a string that is not UTF-8");
    return append(column, found);
  }

  bool decimal(const AvroPlan& plan, VectorBuffer& column, std::string_view found) {
    if (found.empty()) return in_.refuse(Reason::kMalformed, "a decimal of 0 bytes");
    const auto value = read_avro_decimal(found);
    if (value && append_decimal(column, plan.type, *value)) return true;
    return in_.refuse(Reason::kOutOfRange,
                      fmt::format("a decimal of {} bytes with more digits than {}", found.size(),
                                  plan.type.to_sql()));
  }

  bool duration(VectorBuffer& column, std::string_view found) {
    uint32_t parts[3];
    std::memcpy(parts, found.data(), sizeof parts);
    if (parts[0] > INT32_MAX || parts[1] > INT32_MAX) {
      return in_.refuse(
          Reason::kOutOfRange,
          fmt::format("{} months and {} days do not fit INTERVAL", parts[0], parts[1]));
    }
    column.append(types::Interval{static_cast<int32_t>(parts[0]), static_cast<int32_t>(parts[1]),
                                  int64_t{parts[2]} * 1000});
    return true;
  }

  /// Appends bytes of the record, or of a default.
  bool append(VectorBuffer& column, std::string_view found) {
    if (in_default_ && !copy(found)) return false;
    if (found.size() > StringRef::kInline) {
      column.append(StringRef(borrow_ || in_default_ ? found : arena_->copy(found)));
      return true;
    }
    // The record goes on behind most texts: no branch on a length that nobody can predict.
    if (static_cast<size_t>(in_.at() - found.data()) + in_.left() >= StringRef::kInline)
      column.append(StringRef::of_readable(found, found.data()));
    else
      column.append(StringRef(found));
    return true;
  }

  AvroSkips skips_;
  AvroPlan plan_;
  const bool borrow_;
  bool in_default_ = false;
  AvroInput in_;
  types::Arena* arena_ = nullptr;
  uint64_t budget_ = 0;                 // bytes that items of this record may still fill
  std::vector<std::string_view> keys_;  // of the maps being decoded
};

}  // namespace

Result<std::unique_ptr<stream::Decoder>> make_avro_decoder(const schema::avro::Schema& writer,
                                                           const schema::avro::Schema& reader,
                                                           const types::Schema& columns,
                                                           AvroDecodeOptions options) {
  auto decoder = std::make_unique<AvroDecoder>(options);
  TRY(decoder->prepare(writer, reader, columns));
  return std::unique_ptr<stream::Decoder>(std::move(decoder));
}

}  // namespace leat::codec
