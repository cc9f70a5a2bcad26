#include "codec/avro_encode.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/strings.h"
#include "codec/avro_bytes.h"
#include "codec/avro_number.h"
#include "codec/avro_time.h"
#include "codec/avro_write_plan.h"
#include "codec/row_key.h"
#include "codec/text_out.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Vector;

class AvroEncoder final : public stream::Encoder {
 public:
  AvroEncoder(AvroWritePlan plan, const types::Schema& columns, std::vector<size_t> key,
              std::string prefix)
      : plan_(std::move(plan)),
        columns_(columns.fields.size()),
        key_(columns, std::move(key)),
        prefix_(std::move(prefix)) {}

  void encode(const types::Batch& batch, stream::EncodedRows& out,
              std::vector<Failure>& failed) override {
    CHECK(batch.columns.size() == columns_, "{} columns for an encoder of {}", batch.columns.size(),
          columns_);
    ArenaOut bytes(out.arena);
    JsonWriter writer(bytes, /*strict=*/true);
    writer.set_index(&index_);
    out_ = &bytes;
    for (size_t row = 0; row < batch.rows; ++row) {
      path_.clear();
      std::optional<std::string_view> key, value;
      bytes.put(prefix_);
      if (record(plan_, batch.columns, row)) [[likely]] {
        value = bytes.take();
        if (key_.empty()) {
          emit(out, key, value);
          continue;
        }
        if (key_.write(batch, row, bytes, writer, failed)) {
          key = bytes.take();
          emit(out, key, value);
          continue;
        }
      } else {
        failed.push_back({row, Reason::kEncodeFailed, path_ + ": " + message_});
      }
      bytes.drop();
      emit(out, std::nullopt, std::string_view());
    }
  }

 private:
  static void emit(stream::EncodedRows& out, std::optional<std::string_view> key,
                   std::optional<std::string_view> value) {
    out.keys.push_back(key);
    out.values.push_back(value);
  }

  bool refuse(std::string message) {
    message_ = std::move(message);
    return false;
  }
  bool at_child(std::string_view name) {
    path_.insert(0, "/" + std::string(shown(name)));
    return false;
  }

  void put_long(int64_t value) {
    out_->advance(write_avro_long(out_->room(kAvroLongBytes), value));
  }
  template <typename T>
  void put_fixed(T value) {
    char* into = out_->room(sizeof value);
    std::memcpy(into, &value, sizeof value);
    out_->advance(into + sizeof value);
  }
  void put_bytes(std::string_view bytes) {
    put_long(static_cast<int64_t>(bytes.size()));
    out_->put(bytes);
  }

  // ---- containers

  bool record(const AvroWritePlan& plan, const std::vector<Vector>& columns, size_t row) {
    for (const AvroWritePlan& part : plan.parts) {
      if (part.op == AvroWrite::kConstant) {
        out_->put(part.bytes);
      } else if (!value(part, columns[static_cast<size_t>(part.column)], row)) [[unlikely]] {
        return at_child(part.name);
      }
    }
    return true;
  }

  bool array(const AvroWritePlan& plan, const Vector& column, size_t row) {
    const auto [offset, length] = column.at<types::ListEntry>(row);
    if (length > 0) put_long(static_cast<int64_t>(length));
    for (size_t i = 0; i < length; ++i) {
      if (!value(plan.parts[0], column.children[0], offset + i)) return at_child(std::to_string(i));
    }
    put_long(0);
    return true;
  }

  bool map(const AvroWritePlan& plan, const Vector& column, size_t row) {
    const auto [offset, length] = column.at<types::ListEntry>(row);
    const Vector& keys = column.children[0].children[0];
    const Vector& values = column.children[0].children[1];
    if (length > 0) put_long(static_cast<int64_t>(length));
    for (size_t i = offset; i < offset + length; ++i) {
      put_bytes(keys.text(i));
      if (!value(plan.parts[0], values, i)) return at_child(keys.text(i));
    }
    put_long(0);
    return true;
  }

  bool null(const AvroWritePlan& plan) {
    if (plan.null_branch < 0) return refuse("NULL, where the schema has no null");
    put_long(plan.null_branch);
    return true;
  }

  bool member(const AvroWritePlan& plan, const Vector& column, size_t row) {
    size_t found = plan.parts.size();
    for (size_t i = 0; i < plan.parts.size(); ++i) {
      if (!column.children[i].valid(row)) continue;
      if (found < plan.parts.size()) {
        return refuse(
            fmt::format("'{}' and '{}' are both not NULL, where the schema has one of a "
                        "union",
                        plan.parts[found].name, plan.parts[i].name));
      }
      found = i;
    }
    if (found == plan.parts.size()) return null(plan);
    put_long(plan.branches[found]);
    return value(plan.parts[found], column.children[found], row) ||
           at_child(plan.parts[found].name);
  }

  // ---- values

  bool value(const AvroWritePlan& plan, const Vector& column, size_t row) {
    if (!column.valid(row)) {
      if (plan.op == AvroWrite::kNull) return true;
      return plan.op == AvroWrite::kBranch || plan.op == AvroWrite::kMember
                 ? null(plan)
                 : refuse("NULL, where the schema has no null");
    }
    switch (plan.op) {
      case AvroWrite::kBranch:
        put_long(plan.branches[0]);
        return value(plan.parts[0], column, row);
      case AvroWrite::kMember:
        return member(plan, column, row);
      case AvroWrite::kRecord:
        return record(plan, column.children, row);
      case AvroWrite::kArray:
        return array(plan, column, row);
      case AvroWrite::kMap:
        return map(plan, column, row);
      case AvroWrite::kBoolean:
        out_->put(column.at<uint8_t>(row) != 0 ? '\1' : '\0');
        return true;
      case AvroWrite::kFloat:
        put_fixed(column.at<float>(row));
        return true;
      case AvroWrite::kFloatToDouble:
        put_fixed(static_cast<double>(column.at<float>(row)));
        return true;
      case AvroWrite::kDouble:
        put_fixed(column.at<double>(row));
        return true;
      case AvroWrite::kInteger:
        return integer(plan, column, row);
      case AvroWrite::kDate:
      case AvroWrite::kTime:
      case AvroWrite::kInstant:
      case AvroWrite::kDuration:
        return time(plan, column, row);
      case AvroWrite::kDecimalBytes:
      case AvroWrite::kDecimalFixed:
        return decimal(plan, column, row);
      default:
        return bytes(plan, column, row);
    }
  }

  bool integer(const AvroWritePlan& plan, const Vector& column, size_t row) {
    if (column.type.kind() == types::Kind::kInt64 && !plan.narrow) [[likely]] {
      put_long(column.at<int64_t>(row));
      return true;
    }
    const Wide found = wide_at(column, row);
    const bool fits =
        plan.narrow ? found == static_cast<int32_t>(found) : found == static_cast<int64_t>(found);
    if (!fits) [[unlikely]]
      return refuse(fmt::format("{} does not fit {}", text_of(found, 0), plan.called));
    put_long(static_cast<int64_t>(found));
    return true;
  }

  bool bytes(const AvroWritePlan& plan, const Vector& column, size_t row) {
    switch (plan.op) {
      case AvroWrite::kUuidText: {
        char text[types::kMaxText];
        const char* end = types::write_uuid(text, column.at<types::Int128>(row));
        put_bytes({text, static_cast<size_t>(end - text)});
        return true;
      }
      case AvroWrite::kUuidFixed: {
        char* into = out_->room(kWideBytes);
        write_avro_uuid(column.at<types::Int128>(row), into);
        out_->advance(into + kWideBytes);
        return true;
      }
      case AvroWrite::kEnum:
        return symbol(plan, column.text(row));
      case AvroWrite::kFixed:
        if (column.text(row).size() != plan.size) {
          return refuse(fmt::format("{} bytes, where {} has {}", column.text(row).size(),
                                    plan.called, plan.size));
        }
        out_->put(column.text(row));
        return true;
      case AvroWrite::kTextUuid:
        if (!types::parse_uuid(column.text(row)))
          return refuse(fmt::format("\"{}\" is no UUID", shown(column.text(row))));
        [[fallthrough]];
      default:
        put_bytes(column.text(row));
        return true;
    }
  }

  bool symbol(const AvroWritePlan& plan, std::string_view text) {
    const auto found = std::ranges::lower_bound(
        plan.symbols, text, {}, [](const auto& one) { return std::string_view(one.first); });
    if (found == plan.symbols.end() || found->first != text)
      return refuse(fmt::format("\"{}\" is no symbol of {}", shown(text), plan.called));
    put_long(found->second);
    return true;
  }

  // ---- numbers that must not lose digits

  static std::string text_of(Wide value, uint8_t scale) {
    char text[types::kMaxText];
    return {text, types::write_decimal(text, from_wide(value), scale)};
  }

  bool decimal(const AvroWritePlan& plan, const Vector& column, size_t row) {
    const Wide found = wide_at(column, row);
    const bool is_decimal = column.type.kind() == types::Kind::kDecimal;
    auto failed = [&](const char* why) {
      return refuse(fmt::format("{} {} {} of {} digits",
                                text_of(found, is_decimal ? column.type.scale() : uint8_t{0}), why,
                                plan.called, plan.precision));
    };
    Wide scaled = found;
    if (plan.shift < 0) {
      const Wide by = power_of_ten(static_cast<unsigned>(-plan.shift));
      if (found % by != 0) return failed("has more digits behind the point than");
      scaled = found / by;
    }
    // Compared before it grows: 38 digits and more would not fit 128 bits.
    const int appended = std::max(plan.shift, 0);
    const Wide end = power_of_ten(static_cast<unsigned>(plan.precision - appended));
    if (scaled >= end || scaled <= -end) return failed("does not fit");
    scaled *= power_of_ten(static_cast<unsigned>(appended));
    char whole[kWideBytes];
    const size_t size = write_avro_decimal(scaled, whole);
    const std::string_view digits(whole + kWideBytes - size, size);
    if (plan.op == AvroWrite::kDecimalBytes) {
      put_bytes(digits);
      return true;
    }
    if (size > plan.size) return failed("does not fit");
    char* into = out_->room(plan.size);
    std::memset(into, scaled < 0 ? 0xFF : 0, plan.size);
    std::memcpy(into + plan.size - size, digits.data(), size);
    out_->advance(into + plan.size);
    return true;
  }

  bool time(const AvroWritePlan& plan, const Vector& column, size_t row) {
    if (plan.op == AvroWrite::kDuration) return duration(column.at<types::Interval>(row));
    if (plan.op == AvroWrite::kDate) {
      const auto days = column.at<int32_t>(row);
      if (days == types::kDateInfinity || days == -types::kDateInfinity)
        return refuse("infinity, which no date of Avro is");
      put_long(days);
      return true;
    }
    const auto micros = column.at<int64_t>(row);
    if (plan.op == AvroWrite::kInstant &&
        (micros == types::kTimestampInfinity || micros == -types::kTimestampInfinity))
      return refuse("infinity, which no timestamp of Avro is");
    int64_t scaled = 0;
    if (__builtin_mul_overflow(micros, plan.multiply, &scaled))
      return refuse(fmt::format("{} us since 1970 do not fit {}", micros, plan.called));
    if (scaled % plan.divide != 0) {
      return refuse(fmt::format("{} us have digits that {} lacks: date_trunc them in the SQL",
                                micros, plan.called));
    }
    put_long(scaled / plan.divide);
    return true;
  }

  bool duration(const types::Interval& value) {
    const int64_t millis = value.micros / 1000;
    if (value.months < 0 || value.days < 0 || value.micros < 0 || millis > UINT32_MAX ||
        value.micros % 1000 != 0) {
      char text[types::kMaxText];
      return refuse(fmt::format(
          "{} is no duration of Avro: months, days and milliseconds, none below 0, each of 32 bits",
          std::string_view(text, static_cast<size_t>(types::write_interval(text, value) - text))));
    }
    put_fixed(static_cast<uint32_t>(value.months));
    put_fixed(static_cast<uint32_t>(value.days));
    put_fixed(static_cast<uint32_t>(millis));
    return true;
  }

  const AvroWritePlan plan_;
  const size_t columns_;
  const RowKey key_;
  const std::string prefix_;
  JsonIndex index_;          // checks the text of JSON columns in keys
  ArenaOut* out_ = nullptr;  // of the batch being encoded
  std::string path_, message_;
};

}  // namespace

Result<std::unique_ptr<stream::Encoder>> make_avro_encoder(const schema::avro::Schema& schema,
                                                           const types::Schema& columns,
                                                           std::vector<size_t> key,
                                                           std::string prefix) {
  TRY(RowKey::check(columns, key));
  ASSIGN(AvroWritePlan plan, make_avro_write_plan(schema, columns));
  return std::unique_ptr<stream::Encoder>(
      std::make_unique<AvroEncoder>(std::move(plan), columns, std::move(key), std::move(prefix)));
}

}  // namespace leat::codec
