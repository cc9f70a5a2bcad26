#include "codec/proto_encode.h"

#include <fmt/core.h>

#include <bit>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/strings.h"
#include "codec/avro_number.h"
#include "codec/proto_bytes.h"
#include "codec/proto_json.h"
#include "codec/proto_known.h"
#include "codec/proto_write_plan.h"
#include "codec/row_key.h"
#include "codec/text_out.h"
#include "types/temporal.h"

namespace leat::codec {
namespace {

using stream::Reason;
using types::Vector;

class ProtoEncoder final : public stream::Encoder {
 public:
  ProtoEncoder(ProtoShape shape, ProtoWritePlan plan, const types::Schema& columns,
               std::vector<size_t> key, const std::optional<std::string>& prefix)
      : shape_(std::move(shape)),
        plan_(std::move(plan)),
        columns_(columns.fields.size()),
        key_(columns, std::move(key)),
        head_(prefix ? *prefix + proto_indexes(shape_.indexes()) : "") {}

  void encode(const types::Batch& batch, stream::EncodedRows& out,
              std::vector<Failure>& failed) override {
    CHECK(batch.columns.size() == columns_, "{} columns for an encoder of {}", batch.columns.size(),
          columns_);
    ArenaOut text(out.arena);
    JsonWriter writer(text, /*strict=*/true);
    writer.set_index(&index_);
    for (size_t row = 0; row < batch.rows; ++row) {
      path_.clear();
      out_.clear();
      out_.put(head_);
      std::optional<std::string_view> key;
      if (!record(plan_, batch.columns, row)) [[unlikely]] {
        failed.push_back(
            {row, Reason::kEncodeFailed, path_.empty() ? message_ : path_ + ": " + message_});
      } else if (key_.empty() || key_.write(batch, row, text, writer, failed)) {
        if (!key_.empty()) key = text.take();
        text.put(out_.view());
        out.keys.push_back(key);
        out.values.push_back(text.take());
        continue;
      }
      text.drop();
      out.keys.push_back(std::nullopt);
      out.values.push_back(std::string_view());
    }
  }

 private:
  bool refuse(std::string message) {
    message_ = std::move(message);
    return false;
  }
  bool at_child(std::string_view name) {
    path_.insert(0, "/" + std::string(shown(name)));
    return false;
  }

  // ---- containers

  bool record(const ProtoWritePlan& plan, const std::vector<Vector>& columns, size_t row) {
    for (const std::vector<size_t>& members : plan.oneofs) {
      if (!check_oneof(plan, members, columns, row)) return false;
    }
    for (const ProtoWritePlan& part : plan.parts) {
      if (part.nothing) continue;
      if (!field(part, columns[static_cast<size_t>(part.column)], row)) [[unlikely]]
        return at_child(part.name);
    }
    return true;
  }

  bool check_oneof(const ProtoWritePlan& plan, const std::vector<size_t>& members,
                   const std::vector<Vector>& columns, size_t row) {
    const ProtoWritePlan* found = nullptr;
    for (const size_t member : members) {
      const ProtoWritePlan& part = plan.parts[member];
      if (part.nothing || !columns[static_cast<size_t>(part.column)].valid(row)) continue;
      if (found) {
        return refuse(fmt::format("'{}' and '{}' are both not NULL, where the schema has a oneof",
                                  found->name, part.name));
      }
      found = &part;
    }
    return true;
  }

  bool field(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    if (!column.valid(row)) {
      return plan.presence ||
             refuse("NULL, where the schema tells no absence: COALESCE it in the SQL");
    }
    if (plan.map) return map(plan, column, row);
    if (plan.repeated) return list(plan, column, row);
    return (!plan.always && is_default(plan, column, row)) || tagged(plan, column, row);
  }

  bool tagged(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    out_.put_varint(plan.tag);
    return value(plan, column, row);
  }

  bool list(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    const auto [offset, length] = column.at<types::ListEntry>(row);
    if (length == 0) return true;
    size_t place = 0;
    if (plan.packed) {
      out_.put_varint(plan.tag);
      place = out_.open();
    }
    const Vector& items = column.children[0];
    for (size_t i = 0; i < length; ++i) {
      const bool good = !items.valid(offset + i) ? refuse("NULL, which no list of Protobuf holds")
                        : plan.packed            ? value(plan, items, offset + i)
                                                 : tagged(plan, items, offset + i);
      if (!good) return at_child(std::to_string(i));
    }
    if (plan.packed) out_.close(place);
    return true;
  }

  bool map(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    const auto [offset, length] = column.at<types::ListEntry>(row);
    const Vector& keys = column.children[0].children[0];
    const Vector& values = column.children[0].children[1];
    for (size_t i = offset; i < offset + length; ++i) {
      out_.put_varint(plan.tag);
      const size_t place = out_.open();
      const bool good = (keys.valid(i) && values.valid(i))
                            ? tagged(plan.parts[0], keys, i) && tagged(plan.parts[1], values, i)
                            : refuse("NULL, which no map of Protobuf holds");
      if (!good) {
        std::string key;
        if (keys.valid(i)) {
          StringOut text(key);
          write_text(text, keys, i);
        }
        return at_child(key);
      }
      out_.close(place);
    }
    return true;
  }

  // ---- values

  /// Whether a value is what is left out.
  static bool is_default(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    switch (plan.kind) {
      case ProtoKind::kBool:
        return column.at<uint8_t>(row) == 0;
      case ProtoKind::kFloat:
        return std::bit_cast<uint32_t>(column.at<float>(row)) == 0;
      case ProtoKind::kDouble:
        return column.type.kind() == types::Kind::kFloat
                   ? std::bit_cast<uint32_t>(column.at<float>(row)) == 0
                   : std::bit_cast<uint64_t>(column.at<double>(row)) == 0;
      case ProtoKind::kString:
      case ProtoKind::kBytes:
        return column.type.kind() != types::Kind::kUuid && column.text(row).empty();
      case ProtoKind::kEnum: {
        const int32_t* number = plan.enumeration->number_of(column.text(row));
        return number && *number == 0;
      }
      case ProtoKind::kMessage:
        return false;
      default:
        return wide_at(column, row) == 0;
    }
  }

  bool value(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    switch (plan.kind) {
      case ProtoKind::kBool:
        out_.put_varint(column.at<uint8_t>(row) != 0 ? 1 : 0);
        return true;
      case ProtoKind::kFloat:
        out_.put_fixed(column.at<float>(row));
        return true;
      case ProtoKind::kDouble:
        out_.put_fixed(column.type.kind() == types::Kind::kFloat
                           ? static_cast<double>(column.at<float>(row))
                           : column.at<double>(row));
        return true;
      case ProtoKind::kString:
        if (column.type.kind() == types::Kind::kUuid) return uuid(column, row);
        [[fallthrough]];
      case ProtoKind::kBytes:
        out_.put_bytes(column.text(row));
        return true;
      case ProtoKind::kEnum:
        return symbol(plan, column.text(row));
      case ProtoKind::kMessage:
        return message(plan, column, row);
      default:
        return integer(plan, column, row);
    }
  }

  bool uuid(const Vector& column, size_t row) {
    char text[types::kMaxText];
    const char* end = types::write_uuid(text, column.at<types::Int128>(row));
    out_.put_bytes({text, static_cast<size_t>(end - text)});
    return true;
  }

  bool symbol(const ProtoWritePlan& plan, std::string_view text) {
    const int32_t* named = plan.enumeration->number_of(text);
    int32_t number = named ? *named : 0;
    if (!named) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool digits = error == std::errc() && end == text.data() + text.size();
      if (!digits || plan.closed)
        return refuse(fmt::format("\"{}\" is no value of {}", shown(text), plan.called));
    }
    out_.put_varint(static_cast<uint64_t>(int64_t{number}));
    return true;
  }

  bool integer(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    const Wide found = wide_at(column, row);
    switch (plan.kind) {
      case ProtoKind::kInt32:
      case ProtoKind::kSint32:
      case ProtoKind::kSfixed32:
        if (found != static_cast<int32_t>(found)) return too_wide(plan, found);
        break;
      case ProtoKind::kUint32:
      case ProtoKind::kFixed32:
        if (found != static_cast<uint32_t>(found)) return too_wide(plan, found);
        break;
      case ProtoKind::kUint64:
      case ProtoKind::kFixed64:
        if (found != static_cast<uint64_t>(found)) return too_wide(plan, found);
        break;
      default:
        if (found != static_cast<int64_t>(found)) return too_wide(plan, found);
    }
    switch (plan.kind) {
      case ProtoKind::kSint32:
        out_.put_varint(static_cast<uint32_t>(proto_zigzag(static_cast<int64_t>(found))));
        return true;
      case ProtoKind::kSint64:
        out_.put_varint(proto_zigzag(static_cast<int64_t>(found)));
        return true;
      case ProtoKind::kFixed32:
      case ProtoKind::kSfixed32:
        out_.put_fixed(static_cast<uint32_t>(found));
        return true;
      case ProtoKind::kFixed64:
      case ProtoKind::kSfixed64:
        out_.put_fixed(static_cast<uint64_t>(found));
        return true;
      default:
        out_.put_varint(static_cast<uint64_t>(found));
        return true;
    }
  }

  bool too_wide(const ProtoWritePlan& plan, Wide value) {
    char text[types::kMaxText];
    const char* end = types::write_int128(text, from_wide(value));
    return refuse(fmt::format("{} does not fit {}",
                              std::string_view(text, static_cast<size_t>(end - text)),
                              plan.called));
  }

  bool message(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    const size_t place = out_.open();
    if (!inside(plan, column, row)) return false;
    out_.close(place);
    return true;
  }

  bool inside(const ProtoWritePlan& plan, const Vector& column, size_t row) {
    switch (plan.op) {
      case ProtoRead::kMessage:
        return record(plan, column.children, row);
      case ProtoRead::kEmpty:
        return column.at<uint8_t>(row) != 0 ||
               refuse(fmt::format("FALSE, where {} is there or, as NULL, is not", plan.called));
      case ProtoRead::kWrapper:
        return is_default(plan.parts[0], column, row) || tagged(plan.parts[0], column, row);
      case ProtoRead::kJsonStruct:
        return put_proto_json(ProtoJson::kStruct, column.text(row), index_, out_, message_);
      case ProtoRead::kJsonValue:
        return put_proto_json(ProtoJson::kValue, column.text(row), index_, out_, message_);
      case ProtoRead::kJsonList:
        return put_proto_json(ProtoJson::kList, column.text(row), index_, out_, message_);
      default:
        return put_proto_known(plan.op, plan.type, column, row, out_, message_);
    }
  }

  const ProtoShape shape_;
  const ProtoWritePlan plan_;
  const size_t columns_;
  const RowKey key_;
  const std::string head_;  // of every value
  JsonIndex index_;         // of the text of JSON columns
  ProtoBytes out_;          // of the row being encoded
  std::string path_, message_;
};

}  // namespace

Result<std::unique_ptr<stream::Encoder>> make_proto_encoder(const schema::protobuf::File& file,
                                                            std::string_view message,
                                                            const types::Schema& columns,
                                                            std::vector<size_t> key,
                                                            std::optional<std::string> prefix) {
  TRY(RowKey::check(columns, key));
  ASSIGN(ProtoShape shape, ProtoShape::read(file, message));
  ASSIGN(ProtoWritePlan plan, make_proto_write_plan(shape.root(), columns));
  return std::unique_ptr<stream::Encoder>(std::make_unique<ProtoEncoder>(
      std::move(shape), std::move(plan), columns, std::move(key), prefix));
}

Result<std::string> proto_first_indexes(const schema::protobuf::File& file) {
  ASSIGN(const ProtoShape shape, ProtoShape::read(file, ""));
  return proto_indexes(shape.indexes());
}

}  // namespace leat::codec
