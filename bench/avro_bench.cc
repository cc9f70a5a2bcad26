// Avro records to columns and back, beside libavro's generic values in the same run. One thread.
//   bench_avro_bench [ROUNDS, default 7]
// libavro reads into one value that is used again, and writes from one that is filled: the fastest that it offers for
// schemas that are known at run time only. It checks no UTF-8. Both take turns, so that a busy machine slows both; the
// last lines are goals as bench/run.py has them.
#include <avro.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/avro_bytes.h"
#include "codec/avro_decode.h"
#include "codec/avro_encode.h"
#include "codec/avro_mapping.h"
#include "schema/avro_schema.h"

namespace leat {
namespace {

constexpr std::string_view kUser = R"({"type":"record","name":"user","fields":[
    {"name":"id","type":"string"}, {"name":"first_name","type":"string"},
    {"name":"last_name","type":"string"}, {"name":"gender","type":"string"},
    {"name":"address","type":{"type":"record","name":"address","fields":[
        {"name":"street","type":"string"}, {"name":"number","type":"int"},
        {"name":"post_code","type":["null","string"]}, {"name":"country","type":"string"},
        {"name":"latitude","type":"double"}, {"name":"longitude","type":"double"}]}},
    {"name":"email","type":"string"}, {"name":"dob","type":"long"},
    {"name":"registered","type":"long"}, {"name":"phones","type":{"type":"array","items":"string"}},
    {"name":"scores","type":{"type":"map","values":"long"}}, {"name":"active","type":"boolean"}]})";
constexpr size_t kRecords = 1000;

std::string user(size_t i) {
  std::string out;
  auto text = [&](const std::string& value) {
    codec::append_avro_long(static_cast<int64_t>(value.size()), out);
    out += value;
  };
  auto number = [&](int64_t value) { codec::append_avro_long(value, out); };
  auto real = [&](double value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  text(fmt::format("d830554e-b128-4f9f-af4e-{:012}", i));
  text(i % 3 ? "Ana" : "Maximiliane");
  text("Vukadinović");
  text(i % 2 ? "male" : "female");
  text(fmt::format("{} Rua Treze de Maio", i));
  number(static_cast<int64_t>(i % 9000));
  number(i % 4 != 0);
  if (i % 4) text(std::to_string(10000 + i));
  text("Switzerland");
  real(47.1 + static_cast<double>(i));
  real(8.5);
  text(fmt::format("user.{}@example.com", i));
  number(-253'032'518'363'000 - static_cast<int64_t>(i));
  number(1'253'032'518'363'000);
  number(2), text("076 351 95 31"), text("(41)-4141"), number(0);
  number(2), text("quality"), number(static_cast<int64_t>(i)), text("age"), number(58), number(0);
  out += static_cast<char>(i % 2);
  return out;
}

using Clock = std::chrono::steady_clock;

/// Records per second of one pass over all, the best of several.
template <typename Pass>
double rate(const Pass& pass) {
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    pass();
    const std::chrono::duration<double> took = Clock::now() - start;
    best = std::max(best, kRecords / took.count());
  }
  return best;
}

class Libavro {
 public:
  explicit Libavro(const std::vector<std::string>& records)
      : records_(records), buffer_(4096, ' ') {
    CHECK(avro_schema_from_json_length(kUser.data(), kUser.size(), &schema_) == 0, "the schema");
    type_ = avro_generic_class_from_schema(schema_);
    values_.resize(records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      CHECK(avro_generic_value_new(type_, &values_[i]) == 0, "a value");
      read(i, values_[i]);
    }
    CHECK(avro_generic_value_new(type_, &one_) == 0, "a value");
  }
  void decode() {
    for (size_t i = 0; i < records_.size(); ++i) read(i, one_);
  }
  void encode() {
    for (avro_value_t& value : values_) {
      avro_writer_memory_set_dest(writer_, buffer_.data(), static_cast<int64_t>(buffer_.size()));
      CHECK(avro_value_write(writer_, &value) == 0, "libavro does not write");
    }
  }

 private:
  void read(size_t i, avro_value_t& value) {
    avro_reader_memory_set_source(reader_, records_[i].data(),
                                  static_cast<int64_t>(records_[i].size()));
    CHECK(avro_value_read(reader_, &value) == 0, "libavro does not read");
  }
  const std::vector<std::string>& records_;
  std::string buffer_;
  avro_schema_t schema_ = nullptr;
  avro_value_iface_t* type_ = nullptr;
  avro_value_t one_{};
  std::vector<avro_value_t> values_;
  avro_reader_t reader_ = avro_reader_memory("", 0);
  avro_writer_t writer_ = avro_writer_memory(buffer_.data(), 1);
};

class Ours {
 public:
  Ours(const std::vector<std::string>& records, types::Schema columns)
      : schema_(schema::avro::parse_schema(kUser, {}).value()),
        rows_(columns),
        decoder_(codec::make_avro_decoder(schema_, schema_, columns).value()) {
    for (const std::string& record : records) batch_.records.emplace_back().value = record;
    decode();
    if (columns == codec::avro_columns(schema_).value()) {
      encoder_ = codec::make_avro_encoder(schema_, columns, {}).value();
      encode();
      for (size_t i = 0; i < records.size(); ++i)
        CHECK(encoded_.values[i] == records[i], "record {} is encoded otherwise", i);
    }
  }
  void decode() {
    rows_.reset(), indices_.clear();
    decoder_->decode(batch_, rows_, indices_, rejects_);
    CHECK(rejects_.empty(), "{}", rejects_[0].message);
  }
  void encode() {
    encoded_.clear();
    encoder_->encode(rows_.view(), encoded_, failed_);
    CHECK(failed_.empty(), "{}", failed_[0].message);
  }

 private:
  const schema::avro::Schema schema_;
  stream::RecordBatch batch_;
  types::BatchBuffer rows_;
  std::vector<uint32_t> indices_;
  std::vector<stream::Reject> rejects_;
  std::unique_ptr<stream::Decoder> decoder_;
  std::unique_ptr<stream::Encoder> encoder_;
  stream::EncodedRows encoded_;
  std::vector<stream::Encoder::Failure> failed_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Measure {
  const char* name;
  double wanted;
  std::vector<double> ours, theirs, ratios;
  void add(double our, double their) {
    ours.push_back(our), theirs.push_back(their), ratios.push_back(our / their);
  }
  void print() const {
    const double ratio = median(ratios);
    fmt::print("goal: {} | {:.0f} records/s | {:.0f} libavro | {:.2f} x | >= {:.2f} x | {}\n", name,
               median(ours), median(theirs), ratio, wanted, ratio >= wanted ? "met" : "not met");
  }
};

void run(int rounds) {
  std::vector<std::string> records;
  for (size_t i = 0; i < kRecords; ++i) records.push_back(user(i));
  const auto columns = codec::avro_columns(schema::avro::parse_schema(kUser, {}).value()).value();
  types::Schema narrow;
  for (const char* name : {"id", "email", "dob"})
    narrow.fields.push_back(columns.fields[*columns.find(name)]);
  Ours whole(records, columns), three(records, narrow);
  Libavro theirs(records);
  Measure decode{"Avro decode, 11 columns", 2.0, {}, {}, {}};
  Measure some{"Avro decode, 3 of them", 4.0, {}, {}, {}};
  Measure encode{"Avro encode", 2.0, {}, {}, {}};
  for (int round = 0; round < rounds; ++round) {
    const double libavro = rate([&] { theirs.decode(); });
    decode.add(rate([&] { whole.decode(); }), libavro);
    some.add(rate([&] { three.decode(); }), libavro);
    encode.add(rate([&] { whole.encode(); }), rate([&] { theirs.encode(); }));
  }
  for (const Measure* one : {&decode, &some, &encode}) one->print();
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) { leat::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 7); }
