// Protobuf records to columns and back, beside libprotobuf's DynamicMessage in the same run. One thread.
//   bench_proto_bench [ROUNDS, default 7]
// libprotobuf parses into one message that is used again, and writes into one string: the fastest that it offers for
// schemas that are known at run time only. Both take turns, so that a busy machine slows both; the last lines are goals as
// bench/run.py has them.
#include <fmt/core.h>
#include <google/protobuf/dynamic_message.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/proto_bytes.h"
#include "codec/proto_decode.h"
#include "codec/proto_encode.h"
#include "codec/proto_input.h"
#include "codec/proto_mapping.h"
#include "schema/protobuf_file.h"

namespace leat {
namespace {

using codec::ProtoBytes;
using codec::ProtoWire;

constexpr std::string_view kUser = R"(syntax = "proto3";
message User {
  string id = 1; string first_name = 2; string last_name = 3; string gender = 4;
  Address address = 5; string email = 6; int64 dob = 7; int64 registered = 8;
  repeated string phones = 9; map<string, int64> scores = 10; bool active = 11;
}
message Address {
  string street = 1; int32 number = 2; optional string post_code = 3; string country = 4;
  double latitude = 5; double longitude = 6;
})";
constexpr size_t kRecords = 1000;

void text(ProtoBytes& out, uint32_t number, std::string_view value) {
  out.put_varint(codec::proto_tag(number, ProtoWire::kBytes));
  out.put_bytes(value);
}
void number(ProtoBytes& out, uint32_t field, int64_t value) {
  if (value == 0) return;
  out.put_varint(codec::proto_tag(field, ProtoWire::kVarint));
  out.put_varint(static_cast<uint64_t>(value));
}
void real(ProtoBytes& out, uint32_t field, double value) {
  out.put_varint(codec::proto_tag(field, ProtoWire::kFixed64));
  out.put_fixed(value);
}

std::string user(size_t i) {
  ProtoBytes out, address, score;
  text(out, 1, fmt::format("d830554e-b128-4f9f-af4e-{:012}", i));
  text(out, 2, i % 3 ? "Ana" : "Maximiliane");
  text(out, 3, "Vukadinović");
  text(out, 4, i % 2 ? "male" : "female");
  text(address, 1, fmt::format("{} Rua Treze de Maio", i));
  number(address, 2, static_cast<int64_t>(i % 9000));
  if (i % 4) text(address, 3, std::to_string(10000 + i));
  text(address, 4, "Switzerland");
  real(address, 5, 47.1 + static_cast<double>(i));
  real(address, 6, 8.5);
  text(out, 5, address.view());
  text(out, 6, fmt::format("user.{}@example.com", i));
  number(out, 7, -253'032'518'363'000 - static_cast<int64_t>(i));
  number(out, 8, 1'253'032'518'363'000);
  text(out, 9, "076 351 95 31"), text(out, 9, "(41)-4141");
  for (const char* key : {"quality", "age"}) {
    score.clear();
    text(score, 1, key);
    number(score, 2, static_cast<int64_t>(i) + 1);
    text(out, 10, score.view());
  }
  number(out, 11, static_cast<int64_t>(i % 2));
  return std::string(out.view());
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

class Libprotobuf {
 public:
  explicit Libprotobuf(const std::vector<std::string>& records)
      : records_(records), file_(schema::protobuf::read_file(kUser, {}).value()) {
    const auto* type = factory_.GetPrototype(file_.descriptor().message_type(0));
    one_.reset(type->New());
    for (const std::string& record : records) {
      messages_.emplace_back(type->New());
      CHECK(messages_.back()->ParseFromString(record), "libprotobuf does not read");
    }
  }
  void decode() {
    for (const std::string& record : records_)
      CHECK(one_->ParseFromString(record), "libprotobuf does not read");
  }
  void encode() {
    for (const auto& message : messages_)
      CHECK(message->SerializeToString(&bytes_), "libprotobuf does not write");
  }

 private:
  const std::vector<std::string>& records_;
  schema::protobuf::File file_;
  google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<google::protobuf::Message> one_;
  std::vector<std::unique_ptr<google::protobuf::Message>> messages_;
  std::string bytes_;
};

class Ours {
 public:
  Ours(const std::vector<std::string>& records, types::Schema columns)
      : file_(schema::protobuf::read_file(kUser, {}).value()),
        rows_(columns),
        decoder_(codec::make_proto_decoder(file_, file_, "", columns).value()) {
    for (const std::string& record : records) bytes_.push_back(std::string(1, '\0') + record);
    for (const std::string& record : bytes_) batch_.records.emplace_back().value = record;
    decode();
    if (columns == codec::proto_columns(file_).value()) {
      encoder_ = codec::make_proto_encoder(file_, "", columns, {}).value();
      encode();
      for (size_t i = 0; i < bytes_.size(); ++i)
        CHECK(encoded_.values[i] == bytes_[i], "record {} is encoded otherwise", i);
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
  const schema::protobuf::File file_;
  std::vector<std::string> bytes_;
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
    fmt::print("goal: {} | {:.0f} records/s | {:.0f} libprotobuf | {:.2f} x | >= {:.2f} x | {}\n",
               name, median(ours), median(theirs), ratio, wanted,
               ratio >= wanted ? "met" : "not met");
  }
};

void run(int rounds) {
  std::vector<std::string> records;
  for (size_t i = 0; i < kRecords; ++i) records.push_back(user(i));
  const auto file = schema::protobuf::read_file(kUser, {}).value();
  const auto columns = codec::proto_columns(file).value();
  types::Schema narrow;
  for (const char* name : {"id", "email", "dob"})
    narrow.fields.push_back(columns.fields[*columns.find(name)]);
  Ours whole(records, columns), three(records, narrow);
  Libprotobuf theirs(records);
  Measure decode{"Protobuf decode, 11 columns", 1.5, {}, {}, {}};
  Measure some{"Protobuf decode, 3 of them", 4.0, {}, {}, {}};
  Measure encode{"Protobuf encode", 1.5, {}, {}, {}};
  for (int round = 0; round < rounds; ++round) {
    const double parse = rate([&] { theirs.decode(); });
    decode.add(rate([&] { whole.decode(); }), parse);
    some.add(rate([&] { three.decode(); }), parse);
    encode.add(rate([&] { whole.encode(); }), rate([&] { theirs.encode(); }));
  }
  for (const Measure* one : {&decode, &some, &encode}) one->print();
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) { leat::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 7); }
