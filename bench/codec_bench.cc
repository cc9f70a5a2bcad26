// Decoding and encoding of real API records, beside parsing alone. One thread.
//   bench_codec_bench [--benchmark_...] [DIR with page-NN.json.gz, default examples/users/api]
// ParseAlone reads the same fields with simdjson's on-demand parser and drops them: the ceiling of the
// figures. It gets its padding for nothing; Decode takes records as they lie in a page.
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <simdjson.h>
#include <zlib.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "codec/framing.h"
#include "codec/json_decode.h"
#include "codec/json_encode.h"
#include "codec/json_index.h"
#include "stream/record.h"
#include "types/type.h"

namespace leat {
namespace {

using types::Field;
using types::Kind;
using types::Type;

struct Corpus {
  std::vector<std::string> pages;
  std::vector<std::string> padded;  // each record, with room behind it
  stream::RecordBatch records;      // views into the pages
};

std::string read_gzip(const std::string& path) {
  std::string content;
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file) {
    fmt::print(stderr, "cannot open {}: give the directory of page-01.json.gz\n", path);
    std::exit(2);
  }
  char buffer[65536];
  for (int got; (got = gzread(file, buffer, sizeof buffer)) > 0;)
    content.append(buffer, static_cast<size_t>(got));
  gzclose(file);
  return content;
}

std::string directory = "examples/users/api";

const Corpus& corpus() {
  static const Corpus corpus = [] {
    Corpus made;
    for (int page = 1; page <= 12; ++page)
      made.pages.push_back(read_gzip(fmt::format("{}/page-{:02}.json.gz", directory, page)));
    codec::JsonIndex index;
    for (const std::string& page : made.pages) {
      if (!index.build(page, true)) std::exit(2);
      // {"results":[ {...}, {...} ], ...}
      for (uint32_t i = 4; index.kind(i) == '{';) {
        uint32_t end = index.skip(i, 2, false);
        stream::Record record;
        record.value = index.value(i, end);
        made.records.records.push_back(record);
        made.padded.emplace_back(*record.value)
            .reserve(record.value->size() + simdjson::SIMDJSON_PADDING);
        i = end + 1;
      }
    }
    return made;
  }();
  return corpus;
}

Type structure(std::initializer_list<Field> fields) { return Type::structure(fields); }
Field field(const char* name, Type type) {
  return {.name = name, .type = std::move(type), .required = true};
}

/// What the SQL of examples/users reads.
types::Schema narrowed() {
  return {
      {field("gender", Kind::kVarchar),
       field("name", structure({field("first", Kind::kVarchar), field("last", Kind::kVarchar)})),
       field("location", structure({field("street", structure({field("number", Kind::kInt64),
                                                               field("name", Kind::kVarchar)})),
                                    field("city", Kind::kVarchar), field("state", Kind::kVarchar),
                                    field("country", Kind::kVarchar),
                                    field("postcode", Type::varchar_of(types::kScalarInteger |
                                                                       types::kScalarString))})),
       field("email", Kind::kVarchar),
       field("login",
             structure({field("uuid", Kind::kVarchar), field("username", Kind::kVarchar)})),
       field("dob", structure({field("date", Kind::kVarchar)})),
       field("registered", structure({field("date", Kind::kVarchar)})),
       field("phone", Kind::kVarchar),
       field("picture", structure({field("medium", Kind::kVarchar)}))}};
}

void count(benchmark::State& state) {
  size_t bytes = 0;
  for (const auto& record : corpus().records.records) bytes += record.value->size();
  auto records = static_cast<int64_t>(corpus().records.records.size());
  state.SetItemsProcessed(state.iterations() * records);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void parse_alone(benchmark::State& state) {
  simdjson::ondemand::parser parser;
  size_t sum = 0;
  const auto check = [](simdjson::error_code error) {
    if (error) std::abort();
  };
  for (auto _ : state) {
    for (const std::string& record : corpus().padded) {
      simdjson::ondemand::document document;
      if (parser.iterate(record.data(), record.size(), record.capacity()).get(document))
        std::abort();
      auto root = document.get_object().value();
      auto text = [&](auto value) {
        std::string_view found;
        check(value.get_string().get(found));
        sum += found.size();
      };
      text(root.find_field("gender"));
      auto name = root.find_field("name").get_object().value();
      text(name.find_field("first"));
      text(name.find_field("last"));
      auto location = root.find_field("location").get_object().value();
      auto street = location.find_field("street").get_object().value();
      int64_t number = 0;
      check(street.find_field("number").get_int64().get(number));
      sum += static_cast<size_t>(number);
      text(street.find_field("name"));
      text(location.find_field("city"));
      text(location.find_field("state"));
      text(location.find_field("country"));
      auto postcode = location.find_field("postcode");
      sum += postcode.raw_json_token().value().size();
      text(root.find_field("email"));
      auto login = root.find_field("login").get_object().value();
      text(login.find_field("uuid"));
      text(login.find_field("username"));
      text(root.find_field("dob").get_object().value().find_field("date"));
      text(root.find_field("registered").get_object().value().find_field("date"));
      text(root.find_field("phone"));
      text(root.find_field("picture").get_object().value().find_field("medium"));
    }
  }
  benchmark::DoNotOptimize(sum);
  count(state);
}

void index_alone(benchmark::State& state) {
  codec::JsonIndex index;
  for (auto _ : state) {
    for (const auto& record : corpus().records.records)
      benchmark::DoNotOptimize(index.build(*record.value));
  }
  count(state);
}

void index_and_walk(benchmark::State& state) {
  codec::JsonIndex index;
  for (auto _ : state) {
    for (const auto& record : corpus().records.records) {
      if (!index.build(*record.value) || !index.check(state.range(0) != 0)) std::abort();
    }
  }
  count(state);
}

/// `bad_percent` of the records are poisoned: a field that is read gets another type, so each is scanned twice.
void decode(benchmark::State& state, codec::JsonDecodeOptions options, size_t bad_percent) {
  auto decoder = codec::make_json_decoder(narrowed(), std::move(options)).value();
  types::BatchBuffer out(narrowed());
  std::vector<uint32_t> rows;
  std::vector<stream::Reject> rejects;
  stream::RecordBatch batch;
  std::vector<stream::Record> records = corpus().records.records;
  std::vector<std::string> poisoned;
  poisoned.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    if (i % 100 >= bad_percent) continue;
    std::string& text = poisoned.emplace_back(*records[i].value);
    text.replace(text.find("\"phone\":\""), 10, "\"phone\":[],\"x\":\"");
    records[i].value = text;
  }
  for (auto _ : state) {
    rejects.clear();
    for (size_t at = 0; at < records.size(); at += 500) {
      batch.records.assign(
          records.begin() + static_cast<std::ptrdiff_t>(at),
          records.begin() + static_cast<std::ptrdiff_t>(std::min(at + 500, records.size())));
      out.reset();
      rows.clear();
      decoder->decode(batch, out, rows, rejects);
    }
  }
  if (rejects.size() != records.size() * bad_percent / 100) {
    fmt::print(stderr, "{} rejects: {}\n", rejects.size(),
               rejects.empty() ? "" : rejects[0].message);
    std::abort();
  }
  count(state);
}

/// The decoded columns as JSON again, with a key: what a topic sink writes.
void encode(benchmark::State& state) {
  auto decoder = codec::make_json_decoder(narrowed()).value();
  types::BatchBuffer rows(narrowed());
  std::vector<uint32_t> indices;
  std::vector<stream::Reject> rejects;
  stream::RecordBatch batch;
  batch.records.assign(corpus().records.records.begin(), corpus().records.records.begin() + 500);
  decoder->decode(batch, rows, indices, rejects);
  types::Batch view = rows.view();
  auto encoder = codec::make_json_encoder(narrowed(), {3}).value();
  stream::EncodedRows out;
  std::vector<stream::Encoder::Failure> failed;
  int64_t bytes = 0;
  for (auto _ : state) {
    out.clear();
    encoder->encode(view, out, failed);
    for (const auto& value : out.values) bytes += static_cast<int64_t>(value->size());
  }
  state.SetItemsProcessed(state.iterations() * 500);
  state.SetBytesProcessed(bytes);
}

/// Pages of 500 records to records.
void frame(benchmark::State& state) {
  codec::JsonPage page;
  size_t records = 0;
  for (auto _ : state) {
    for (const std::string& text : corpus().pages) {
      if (!page.load(text)) std::abort();
      records += page.records("/results").value().size();
    }
  }
  benchmark::DoNotOptimize(records);
  count(state);
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc > 1) leat::directory = argv[1];
  using namespace leat;
  benchmark::RegisterBenchmark("ParseAlone", parse_alone);
  benchmark::RegisterBenchmark("Index", index_alone);
  benchmark::RegisterBenchmark("IndexWalk", index_and_walk)->Arg(0)->Arg(1);
  benchmark::RegisterBenchmark("Decode", [](benchmark::State& s) { decode(s, {}, 0); });
  benchmark::RegisterBenchmark("DecodeBorrow",
                               [](benchmark::State& s) { decode(s, {.borrow = true}, 0); });
  benchmark::RegisterBenchmark("DecodeTenPercentBad",
                               [](benchmark::State& s) { decode(s, {}, 10); });
  benchmark::RegisterBenchmark("Encode", encode);
  benchmark::RegisterBenchmark("Frame", frame);
  benchmark::RunSpecifiedBenchmarks();
}
