// The Protobuf codec beside libprotobuf's DynamicMessage, on random schemas and values: what libprotobuf writes is decoded to
// the values that libprotobuf has, and encoded to the same bytes again; bytes in any order, several times and of other
// writers are read as libprotobuf reads them.
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <map>
#include <random>

#include "codec/proto_fixture.h"

namespace leat::codec::proto_oracle_test {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

/// Random schemas and values from one seed.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t below(size_t end) { return engine_() % end; }
  uint64_t bits() { return engine_() >> below(64); }  // of any length

  /// A file whose first message holds the others; `maps`: with maps and many values of one number.
  std::string schema(bool proto2, bool maps) {
    proto2_ = proto2, maps_ = maps;
    std::string text =
        fmt::format("syntax = \"proto{}\";\nenum E {{ A = 0; LONG_NAME_OF_B = 5; C = {}; }}\n",
                    proto2 ? 2 : 3, -7);
    constexpr size_t kMessages = 4;
    for (size_t i = 0; i < kMessages; ++i) text += message(i, kMessages);
    return text;
  }

  void fill(pb::Message& message) {
    const pb::Descriptor& descriptor = *message.GetDescriptor();
    for (int i = 0; i < descriptor.field_count(); ++i) {
      const Field& field = *descriptor.field(i);
      if (field.is_repeated()) {
        for (size_t n = below(3) * below(3); n > 0; --n) set(message, field, true);
      } else if (field.is_required() || below(3) > 0) {
        set(message, field, false);
      }
    }
  }

 private:
  std::string message(size_t index, size_t messages) {
    std::string fields;
    number_ = 0;
    for (size_t n = below(6) + 1; n > 0; --n) {
      if (below(6) == 0)
        fields += fmt::format("oneof o{} {{ {} {} }} ", names_++, field("", index, messages),
                              field("", index, messages));
      else
        fields += field(label(), index, messages);
    }
    return fmt::format("message M{} {{ {} }}\n", index, fields);
  }
  std::string label() {
    const size_t kind = below(4);
    if (kind == 0) return "repeated ";
    if (proto2_) return kind == 1 ? "required " : "optional ";
    return kind == 1 ? "optional " : " ";
  }
  std::string type(size_t index, size_t messages) {
    constexpr const char* kTypes[] = {
        "bool",    "int32",    "int64",    "uint32", "uint64", "sint32", "sint64", "fixed32",
        "fixed64", "sfixed32", "sfixed64", "float",  "double", "string", "bytes",  "E"};
    if (index + 1 < messages && below(4) == 0)
      return fmt::format("M{}", index + 1 + below(messages - index - 1));
    return kTypes[below(std::size(kTypes))];
  }
  std::string field(const std::string& label, size_t index, size_t messages) {
    number_ += 1 + below(3) * below(3) * below(100);
    if (maps_ && !label.empty() && below(4) == 0) {
      constexpr const char* kKeys[] = {"string", "int32", "sint64", "bool", "fixed32", "uint64"};
      return fmt::format("map<{}, {}> f{} = {}; ", kKeys[below(std::size(kKeys))],
                         type(index, messages), names_++, number_);
    }
    return fmt::format("{}{} f{} = {}; ", label, type(index, messages), names_++, number_);
  }

  std::string text() {
    constexpr std::string_view kPieces[] = {"a", "Zoë", "日本", "𝄞", "\n", "\"", "a longer piece"};
    std::string made;
    for (size_t i = below(5); i > 0; --i) made += kPieces[below(std::size(kPieces))];
    return made;
  }
  std::string raw() {
    std::string made(below(40), ' ');
    for (char& c : made) c = static_cast<char>(engine_());
    return made;
  }

  template <typename Set>
  void number(Set set) {
    const uint64_t value = below(4) == 0 ? 0 : below(2) ? bits() : ~bits();
    set(value);
  }

  void set(pb::Message& message, const Field& field, bool add) {
    const pb::Reflection& into = *message.GetReflection();
    pb::Message* m = &message;
    const Field* f = &field;
    number([&](uint64_t v) {
      switch (field.cpp_type()) {
        case Field::CPPTYPE_BOOL:
          return add ? into.AddBool(m, f, v & 1) : into.SetBool(m, f, v & 1);
        case Field::CPPTYPE_INT32:
          return add ? into.AddInt32(m, f, static_cast<int32_t>(v))
                     : into.SetInt32(m, f, static_cast<int32_t>(v));
        case Field::CPPTYPE_INT64:
          return add ? into.AddInt64(m, f, static_cast<int64_t>(v))
                     : into.SetInt64(m, f, static_cast<int64_t>(v));
        case Field::CPPTYPE_UINT32:
          return add ? into.AddUInt32(m, f, static_cast<uint32_t>(v))
                     : into.SetUInt32(m, f, static_cast<uint32_t>(v));
        case Field::CPPTYPE_UINT64:
          return add ? into.AddUInt64(m, f, v) : into.SetUInt64(m, f, v);
        case Field::CPPTYPE_FLOAT: {
          const auto real = std::bit_cast<float>(static_cast<uint32_t>(v));
          return add ? into.AddFloat(m, f, real) : into.SetFloat(m, f, real);
        }
        case Field::CPPTYPE_DOUBLE: {
          const auto real = std::bit_cast<double>(v);
          return add ? into.AddDouble(m, f, real) : into.SetDouble(m, f, real);
        }
        case Field::CPPTYPE_ENUM: {
          constexpr int kNumbers[] = {0, 5, -7, 3, -1};
          const int one = kNumbers[below(proto2_ ? 3 : 5)];
          return add ? into.AddEnumValue(m, f, one) : into.SetEnumValue(m, f, one);
        }
        case Field::CPPTYPE_STRING: {
          const std::string one = field.type() == Field::TYPE_STRING ? text() : raw();
          return add ? into.AddString(m, f, one) : into.SetString(m, f, one);
        }
        default:
          fill(add ? *into.AddMessage(m, f) : *into.MutableMessage(m, f));
      }
    });
  }

  std::mt19937_64 engine_;
  size_t names_ = 0, number_ = 0;
  bool proto2_ = false, maps_ = false;
};

std::string written(const pb::Message& message) {
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return bytes;
}

// ---- what libprotobuf has, beside a column

bool same_value(const pb::Message& message, const Field& field, int index,
                const types::Vector& column, size_t row);

bool same_record(const pb::Message& message, const std::vector<types::Field>& fields,
                 const std::vector<types::Vector>& columns, size_t row);

std::string key_of(const pb::Message& entry) {
  const Field* key = entry.GetDescriptor()->map_key();
  const auto& from = *entry.GetReflection();
  switch (key->cpp_type()) {
    case Field::CPPTYPE_STRING:
      return from.GetString(entry, key);
    case Field::CPPTYPE_BOOL:
      return std::to_string(from.GetBool(entry, key));
    case Field::CPPTYPE_INT32:
      return std::to_string(from.GetInt32(entry, key));
    case Field::CPPTYPE_UINT32:
      return std::to_string(from.GetUInt32(entry, key));
    case Field::CPPTYPE_INT64:
      return std::to_string(from.GetInt64(entry, key));
    default:
      return std::to_string(from.GetUInt64(entry, key));
  }
}

/// libprotobuf keeps entries of the same key, of which the last one counts.
bool same_map(const pb::Message& message, const Field& field, const types::Vector& column,
              size_t row) {
  const auto [offset, length] = column.at<types::ListEntry>(row);
  const auto& reflection = *message.GetReflection();
  const types::Vector& entries = column.children[0];
  std::map<std::string, int> last;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i)
    last[key_of(reflection.GetRepeatedMessage(message, &field, i))] = i;
  if (last.size() != length) return false;
  for (const auto& [key, index] : last) {
    const pb::Message& entry = reflection.GetRepeatedMessage(message, &field, index);
    bool found = false;
    for (size_t at = offset; !found && at < offset + length; ++at) {
      found = same_value(entry, *field.message_type()->map_key(), -1, entries.children[0], at) &&
              same_value(entry, *field.message_type()->map_value(), -1, entries.children[1], at);
    }
    if (!found) return false;
  }
  return true;
}

bool same_field(const pb::Message& message, const Field& field, const types::Vector& column,
                size_t row) {
  const auto& reflection = *message.GetReflection();
  if (field.is_map()) return same_map(message, field, column, row);
  if (field.is_repeated()) {
    const auto [offset, length] = column.at<types::ListEntry>(row);
    const int size = reflection.FieldSize(message, &field);
    bool equal = column.valid(row) && static_cast<size_t>(size) == length;
    for (int i = 0; equal && i < size; ++i)
      equal = same_value(message, field, i, column.children[0], offset + static_cast<size_t>(i));
    return equal;
  }
  if (field.has_presence() && !reflection.HasField(message, &field)) return !column.valid(row);
  return same_value(message, field, -1, column, row);
}

/// Of a list the value `index`; -1: the only one.
bool same_value(const pb::Message& message, const Field& field, int index,
                const types::Vector& column, size_t row) {
  if (!column.valid(row)) return false;
  const auto& from = *message.GetReflection();
  const Field* f = &field;
  const bool many = index >= 0;
  std::string scratch;
  switch (field.cpp_type()) {
    case Field::CPPTYPE_BOOL:
      return column.at<uint8_t>(row) ==
             (many ? from.GetRepeatedBool(message, f, index) : from.GetBool(message, f));
    case Field::CPPTYPE_INT32:
      return column.at<int32_t>(row) ==
             (many ? from.GetRepeatedInt32(message, f, index) : from.GetInt32(message, f));
    case Field::CPPTYPE_INT64:
      return column.at<int64_t>(row) ==
             (many ? from.GetRepeatedInt64(message, f, index) : from.GetInt64(message, f));
    case Field::CPPTYPE_UINT32:
      return column.at<uint32_t>(row) ==
             (many ? from.GetRepeatedUInt32(message, f, index) : from.GetUInt32(message, f));
    case Field::CPPTYPE_UINT64:
      return column.at<uint64_t>(row) ==
             (many ? from.GetRepeatedUInt64(message, f, index) : from.GetUInt64(message, f));
    case Field::CPPTYPE_FLOAT:
      return column.at<uint32_t>(row) ==
             std::bit_cast<uint32_t>(many ? from.GetRepeatedFloat(message, f, index)
                                          : from.GetFloat(message, f));
    case Field::CPPTYPE_DOUBLE:
      return column.at<uint64_t>(row) ==
             std::bit_cast<uint64_t>(many ? from.GetRepeatedDouble(message, f, index)
                                          : from.GetDouble(message, f));
    case Field::CPPTYPE_ENUM: {
      const int number =
          many ? from.GetRepeatedEnumValue(message, f, index) : from.GetEnumValue(message, f);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      return column.text(row) == (value ? value->name() : std::to_string(number));
    }
    case Field::CPPTYPE_STRING:
      return column.text(row) == (many
                                      ? from.GetRepeatedStringReference(message, f, index, &scratch)
                                      : from.GetStringReference(message, f, &scratch));
    default:
      return same_record(
          many ? from.GetRepeatedMessage(message, f, index) : from.GetMessage(message, f),
          column.type.fields(), column.children, row);
  }
}

bool same_record(const pb::Message& message, const std::vector<types::Field>& fields,
                 const std::vector<types::Vector>& columns, size_t row) {
  for (size_t i = 0; i < fields.size(); ++i) {
    const Field* field = message.GetDescriptor()->FindFieldByName(fields[i].name);
    if (!field || !same_field(message, *field, columns[i], row)) return false;
  }
  return true;
}

/// A schema, read by both.
struct Oracle {
  explicit Oracle(const std::string& text)
      : file(proto_file(text)),
        columns(proto_columns(file).value()),
        decoder(make_proto_decoder(file, file, "", columns).value()) {
    RC_LOG() << text << "\n";
  }
  std::unique_ptr<pb::Message> message() {
    const pb::Descriptor* first = file.descriptor().message_type(0);
    return std::unique_ptr<pb::Message>(factory.GetPrototype(first)->New());
  }
  /// What our decoder makes of a message; the reject's text, or "".
  std::string decode(const std::string& bytes, types::BatchBuffer& out) {
    const std::string record = std::string(1, '\0') + bytes;
    stream::RecordBatch batch;
    batch.records.emplace_back().value = record;
    std::vector<uint32_t> rows;
    std::vector<stream::Reject> rejects;
    decoder->decode(batch, out, rows, rejects);
    return rejects.empty() ? "" : rejects[0].message;
  }
  ProtoFile file;
  types::Schema columns;
  std::unique_ptr<stream::Decoder> decoder;
  pb::DynamicMessageFactory factory;
};

RC_GTEST_PROP(ProtoOracle, SameValuesAndSameBytesAsLibprotobuf, (uint64_t seed)) {
  const pb::LogSilencer quiet;
  Random random(seed);
  Oracle oracle(random.schema(seed % 2 == 0, false));
  for (int i = 0; i < 4; ++i) {
    const auto message = oracle.message();
    random.fill(*message);
    const std::string bytes = written(*message);
    types::BatchBuffer rows(oracle.columns);
    const std::string refused = oracle.decode(bytes, rows);
    if (!refused.empty()) RC_FAIL(refused);
    RC_ASSERT(same_record(*message, oracle.columns.fields, rows.view().columns, 0));
    const ProtoEncoded encoded = encode_proto(oracle.file, "", oracle.columns, rows.view());
    if (!encoded.failed.empty()) RC_FAIL(encoded.failed[0].message);
    RC_ASSERT(encoded.values[0] == std::string(1, '\0') + bytes);
  }
}

RC_GTEST_PROP(ProtoOracle, MapsAndMergedMessagesAreReadAsLibprotobufReadsThem, (uint64_t seed)) {
  const pb::LogSilencer quiet;
  Random random(seed);
  Oracle oracle(random.schema(seed % 2 == 0, true));
  for (int i = 0; i < 4; ++i) {
    // Several messages one behind the other are one, merged.
    std::string bytes;
    for (int part = 0; part < 1 + i; ++part) {
      const auto message = oracle.message();
      random.fill(*message);
      bytes += written(*message);
    }
    const auto merged = oracle.message();
    RC_ASSERT(merged->ParsePartialFromString(bytes));
    types::BatchBuffer rows(oracle.columns);
    const std::string refused = oracle.decode(bytes, rows);
    if (refused.ends_with("required, but absent")) {
      RC_ASSERT(!merged->IsInitialized());
      continue;
    }
    if (!refused.empty()) RC_FAIL(refused);
    RC_ASSERT(same_record(*merged, oracle.columns.fields, rows.view().columns, 0));
    const ProtoEncoded encoded = encode_proto(oracle.file, "", oracle.columns, rows.view());
    if (!encoded.failed.empty()) RC_FAIL(encoded.failed[0].message);
    const auto again = oracle.message();
    RC_ASSERT(again->ParsePartialFromString(encoded.values[0].substr(1)));
    RC_ASSERT(same_record(*again, oracle.columns.fields, rows.view().columns, 0));
  }
}

RC_GTEST_PROP(ProtoOracle, AnotherWritersBytesAreReadAsLibprotobufReadsThem, (uint64_t seed)) {
  const pb::LogSilencer quiet;
  Random random(seed);
  const bool proto2 = seed % 2 == 0;
  Oracle writer(random.schema(proto2, true)), reader(random.schema(false, true));
  for (int i = 0; i < 4; ++i) {
    const auto message = writer.message();
    random.fill(*message);
    std::string bytes = written(*message);
    if (i % 2 && !bytes.empty())
      bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
    const auto read = reader.message();
    const bool good = read->ParseFromString(bytes);
    types::BatchBuffer rows(reader.columns);
    const std::string refused = reader.decode(bytes, rows);
    // Ours takes no tag of more than 32 bits, and no string that is not UTF-8.
    const bool stricter =
        refused.find("UTF-8") != std::string::npos || refused.ends_with("is no tag of a field");
    if (good && !refused.empty() && !stricter) RC_FAIL(refused);
    if (!good || !refused.empty()) continue;
    RC_ASSERT(same_record(*read, reader.columns.fields, rows.view().columns, 0));
  }
}

}  // namespace
}  // namespace leat::codec::proto_oracle_test
