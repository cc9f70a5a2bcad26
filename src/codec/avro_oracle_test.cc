// The Avro codec beside Apache Avro's C library (libavro), on random schemas and values: what libavro writes is decoded
// to the values that libavro has, and encoded to the same bytes again; another reader's schema resolves to the same.
#include <avro.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "codec/avro_fixture.h"

namespace leat::codec {
namespace {

/// Random schemas and values from one seed.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t below(size_t end) { return engine_() % end; }
  uint64_t bits() { return engine_() >> below(64); }  // of any length

  std::string schema() { return record(0); }

  /// A reader of what `writer` writes: numbers promoted, fields left out and in another order.
  schema::Json reader_of(schema::Json writer) {
    if (writer.is_string()) return promoted(writer);
    if (writer.is_array())
      return writer;  // a union: which branch of two is the better one is a matter of taste
    for (const char* inner : {"items", "values"}) {
      if (writer.contains(inner)) writer[inner] = reader_of(writer[inner]);
    }
    if (!writer.contains("fields")) return writer;
    auto fields = writer["fields"].get<std::vector<schema::Json>>();
    for (schema::Json& field : fields) field["type"] = reader_of(field["type"]);
    std::shuffle(fields.begin(), fields.end(), engine_);
    if (fields.size() > 1 && below(2)) fields.pop_back();
    writer["fields"] = fields;
    return writer;
  }

  void fill(avro_value_t* value) {
    switch (avro_value_get_type(value)) {
      case AVRO_NULL:
        return good(avro_value_set_null(value));
      case AVRO_BOOLEAN:
        return good(avro_value_set_boolean(value, static_cast<int>(below(2))));
      case AVRO_INT32:
        return good(avro_value_set_int(value, static_cast<int32_t>(bits())));
      case AVRO_INT64:
        return good(avro_value_set_long(value, static_cast<int64_t>(below(2) ? bits() : ~bits())));
      case AVRO_FLOAT:
        return good(
            avro_value_set_float(value, std::bit_cast<float>(static_cast<uint32_t>(bits()))));
      case AVRO_DOUBLE:
        return good(avro_value_set_double(value, std::bit_cast<double>(bits())));
      case AVRO_STRING: {
        const std::string made = text();
        return good(avro_value_set_string_len(value, made.c_str(), made.size() + 1));
      }
      case AVRO_BYTES: {
        std::string made = raw(below(40));
        return good(avro_value_set_bytes(value, made.data(), made.size()));
      }
      default:
        fill_nested(value);
    }
  }

 private:
  static void good(int error) { RC_ASSERT(error == 0); }

  std::string promoted(const std::string& type) {
    constexpr std::string_view kNumbers[] = {"int", "long", "float", "double"};
    const auto at = std::ranges::find(kNumbers, type) - std::begin(kNumbers);
    if (at == std::ssize(kNumbers)) return type;
    return std::string(
        kNumbers[static_cast<size_t>(at) + below(std::size(kNumbers) - static_cast<size_t>(at))]);
  }
  std::string name() { return fmt::format("n{}", names_++); }
  std::string raw(size_t size) {
    std::string made(size, ' ');
    for (char& c : made) c = static_cast<char>(engine_());
    return made;
  }
  std::string text() {
    constexpr std::string_view kPieces[] = {"a", "Zoë", "日本", "𝄞", "\n", "\"", "a longer piece"};
    std::string made;
    for (size_t i = below(5); i > 0; --i) made += kPieces[below(std::size(kPieces))];
    return made;
  }

  std::string record(int depth) {
    const std::string called = name();
    std::string fields;
    for (size_t i = below(4) + 1; i > 0; --i) {
      fields += fmt::format(R"({}{{"name":"{}","type":{}}})", fields.empty() ? "" : ",", name(),
                            type(depth + 1, true));
    }
    return fmt::format(R"({{"type":"record","name":"{}","fields":[{}]}})", called, fields);
  }

  std::string type(int depth, bool unions) {
    constexpr const char* kScalars[] = {"null",  "boolean", "int",    "long",
                                        "float", "double",  "string", "bytes"};
    switch (below(depth < 4 ? 14 : 10)) {
      case 8:
        return fmt::format(R"({{"type":"fixed","name":"{}","size":{}}})", name(), below(20) + 1);
      case 9:
        return fmt::format(R"({{"type":"enum","name":"{}","symbols":["A","{}","C"]}})", name(),
                           name());
      case 10:
        return fmt::format(R"({{"type":"array","items":{}}})", type(depth + 1, true));
      case 11:
        return fmt::format(R"({{"type":"map","values":{}}})", type(depth + 1, true));
      case 12:
        return record(depth);
      case 13:
        return unions ? union_type(depth) : "\"int\"";
      default:
        return fmt::format("\"{}\"", kScalars[below(8)]);
    }
  }

  std::string union_type(int depth) {
    std::string branches = "\"null\"";
    switch (below(4)) {
      case 0:
        branches += ",\"int\",\"string\"";
        break;
      case 1:
        branches = fmt::format("{},\"null\"", record(depth + 1));
        break;
      case 2:
        branches += fmt::format(",\"double\",{},{}", record(depth + 1), record(depth + 1));
        break;
      default:
        branches += ",\"long\"";
    }
    return "[" + branches + "]";
  }

  void fill_nested(avro_value_t* value) {
    avro_value_t part;
    size_t size = 0;
    switch (avro_value_get_type(value)) {
      case AVRO_FIXED: {
        size = static_cast<size_t>(avro_schema_fixed_size(avro_value_get_schema(value)));
        std::string made = raw(size);
        return good(avro_value_set_fixed(value, made.data(), size));
      }
      case AVRO_ENUM:
        return good(avro_value_set_enum(value, static_cast<int>(below(3))));
      case AVRO_ARRAY:
        for (size_t i = below(4); i > 0; --i) {
          good(avro_value_append(value, &part, nullptr));
          fill(&part);
        }
        return;
      case AVRO_MAP:
        for (size_t i = below(4); i > 0; --i) {
          good(avro_value_add(value, fmt::format("{}{}", text(), i).c_str(), &part, nullptr,
                              nullptr));
          fill(&part);
        }
        return;
      case AVRO_UNION:
        size = avro_schema_union_size(avro_value_get_schema(value));
        good(avro_value_set_branch(value, static_cast<int>(below(size)), &part));
        return fill(&part);
      default:
        good(avro_value_get_size(value, &size));
        for (size_t i = 0; i < size; ++i) {
          good(avro_value_get_by_index(value, i, &part, nullptr));
          fill(&part);
        }
    }
  }

  std::mt19937_64 engine_;
  int names_ = 0;
};

template <typename T>
bool same_bits(T left, T right) {
  return std::memcmp(&left, &right, sizeof left) == 0;
}

bool same(avro_value_t* value, const types::Vector& column, size_t row);

bool same_parts(avro_value_t* value, const types::Vector& column, size_t row) {
  const auto entry = column.at<types::ListEntry>(row);
  size_t size = 0;
  avro_value_get_size(value, &size);
  bool equal = size == entry.length;
  for (size_t i = 0; equal && i < size; ++i) {
    avro_value_t part;
    const char* key = nullptr;
    avro_value_get_by_index(value, i, &part, &key);
    const types::Vector& items = column.children[0];
    equal = avro_value_get_type(value) == AVRO_ARRAY
                ? same(&part, items, entry.offset + i)
                : items.children[0].text(entry.offset + i) == key &&
                      same(&part, items.children[1], entry.offset + i);
  }
  return equal;
}

bool same_union(avro_value_t* value, const types::Vector& column, size_t row) {
  avro_value_t branch;
  int index = 0;
  avro_value_get_discriminant(value, &index);
  avro_value_get_current_branch(value, &branch);
  if (avro_value_get_type(&branch) == AVRO_NULL) return !column.valid(row);
  avro_schema_t schema = avro_value_get_schema(value);
  if (avro_schema_union_size(schema) == 2) return same(&branch, column, row);
  // Null is always the first branch of those with several others.
  bool equal = column.valid(row);
  for (size_t i = 0; equal && i < column.children.size(); ++i) {
    equal = static_cast<int>(i) + 1 == index ? same(&branch, column.children[i], row)
                                             : !column.children[i].valid(row);
  }
  return equal;
}

/// Whether a column has what libavro has.
bool same(avro_value_t* value, const types::Vector& column, size_t row) {
  const avro_type_t type = avro_value_get_type(value);
  if (type == AVRO_UNION) return same_union(value, column, row);
  if (type == AVRO_NULL) return !column.valid(row);
  if (!column.valid(row)) return false;
  int number = 0;
  int32_t small = 0;
  int64_t large = 0;
  float single = 0;
  double real = 0;
  const char* text = nullptr;
  const void* bytes = nullptr;
  size_t size = 0;
  switch (type) {
    case AVRO_BOOLEAN:
      avro_value_get_boolean(value, &number);
      return column.at<uint8_t>(row) == number;
    case AVRO_INT32:
      avro_value_get_int(value, &small);
      return column.at<int32_t>(row) == small;
    case AVRO_INT64:
      avro_value_get_long(value, &large);
      return column.at<int64_t>(row) == large;
    case AVRO_FLOAT:
      avro_value_get_float(value, &single);
      return same_bits(column.at<float>(row), single);
    case AVRO_DOUBLE:
      avro_value_get_double(value, &real);
      return same_bits(column.at<double>(row), real);
    case AVRO_STRING:
      avro_value_get_string(value, &text, &size);
      return column.text(row) == std::string_view(text, size - 1);
    case AVRO_BYTES:
      avro_value_get_bytes(value, &bytes, &size);
      return column.text(row) == std::string_view(static_cast<const char*>(bytes), size);
    case AVRO_FIXED:
      avro_value_get_fixed(value, &bytes, &size);
      return column.text(row) == std::string_view(static_cast<const char*>(bytes), size);
    case AVRO_ENUM:
      avro_value_get_enum(value, &number);
      return column.text(row) == avro_schema_enum_get(avro_value_get_schema(value), number);
    case AVRO_ARRAY:
    case AVRO_MAP:
      return same_parts(value, column, row);
    default: {
      bool equal = true;
      for (size_t i = 0; equal && i < column.children.size(); ++i) {
        avro_value_t part;
        avro_value_get_by_index(value, i, &part, nullptr);
        equal = same(&part, column.children[i], row);
      }
      return equal;
    }
  }
}

/// libavro's schema, class and one value.
struct Oracle {
  explicit Oracle(const std::string& text) {
    RC_ASSERT(avro_schema_from_json_length(text.data(), text.size(), &schema) == 0);
    type = avro_generic_class_from_schema(schema);
    RC_ASSERT(avro_generic_value_new(type, &value) == 0);
  }
  ~Oracle() {
    avro_value_decref(&value);
    avro_value_iface_decref(type);
    avro_schema_decref(schema);
  }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  std::string write() {
    size_t size = 0;
    RC_ASSERT(avro_value_sizeof(&value, &size) == 0);
    std::string bytes(size, ' ');
    avro_writer_t writer = avro_writer_memory(bytes.data(), static_cast<int64_t>(size));
    const int error = avro_value_write(writer, &value);
    avro_writer_free(writer);
    RC_ASSERT(error == 0);
    return bytes;
  }

  avro_schema_t schema = nullptr;
  avro_value_iface_t* type = nullptr;
  avro_value_t value{};
};

/// What our decoder makes of one record.
types::BatchBuffer decoded(const schema::avro::Schema& writer, const schema::avro::Schema& reader,
                           const types::Schema& columns, const std::string& record) {
  auto decoder = make_avro_decoder(writer, reader, columns);
  if (!decoder) RC_FAIL(decoder.error().to_string());
  stream::RecordBatch batch;
  batch.records.emplace_back().value = record;
  types::BatchBuffer out(columns);
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  decoder.value()->decode(batch, out, rows, rejects);
  if (!rejects.empty()) RC_FAIL(rejects[0].message);
  return out;
}

bool same_record(avro_value_t* value, const types::Batch& columns) {
  bool equal = columns.rows == 1;
  for (size_t i = 0; equal && i < columns.columns.size(); ++i) {
    avro_value_t field;
    avro_value_get_by_index(value, i, &field, nullptr);
    equal = same(&field, columns.columns[i], 0);
  }
  return equal;
}

RC_GTEST_PROP(AvroOracle, SameValuesAndSameBytesAsLibavro, (uint64_t seed)) {
  Random random(seed);
  const std::string text = random.schema();
  RC_LOG() << text << "\n";
  Oracle oracle(text);
  const auto schema = avro(text);
  const auto columns = avro_columns(schema).value();
  for (int i = 0; i < 4; ++i) {
    avro_value_reset(&oracle.value);
    random.fill(&oracle.value);
    const std::string record = oracle.write();
    const types::BatchBuffer rows = decoded(schema, schema, columns, record);
    RC_ASSERT(same_record(&oracle.value, rows.view()));
    const AvroEncoded encoded = encode_avro(schema, columns, rows.view());
    if (!encoded.failed.empty()) RC_FAIL(encoded.failed[0].message);
    RC_ASSERT(encoded.values[0] == record);
  }
}

RC_GTEST_PROP(AvroOracle, AnotherReadersSchemaResolvesAsInLibavro, (uint64_t seed)) {
  Random random(seed);
  const std::string written = random.schema();
  const std::string read = random.reader_of(schema::Json::parse(written)).dump();
  RC_LOG() << written << "\n" << read << "\n";
  Oracle writer(written), reader(read);
  avro_value_iface_t* resolver = avro_resolved_writer_new(writer.schema, reader.schema);
  if (!resolver) RC_FAIL(avro_strerror());
  avro_value_t resolved;
  RC_ASSERT(avro_resolved_writer_new_value(resolver, &resolved) == 0);
  avro_resolved_writer_set_dest(&resolved, &reader.value);
  const auto to = avro(read);
  const auto columns = avro_columns(to).value();
  for (int i = 0; i < 4; ++i) {
    avro_value_reset(&writer.value);
    random.fill(&writer.value);
    const std::string record = writer.write();
    avro_value_reset(&reader.value);
    avro_reader_t input = avro_reader_memory(record.data(), static_cast<int64_t>(record.size()));
    const int error = avro_value_read(input, &resolved);
    avro_reader_free(input);
    RC_ASSERT(error == 0);
    const types::BatchBuffer rows = decoded(avro(written), to, columns, record);
    RC_ASSERT(same_record(&reader.value, rows.view()));
  }
  avro_value_decref(&resolved);
  avro_value_iface_decref(resolver);
}

}  // namespace
}  // namespace leat::codec
