// The whole transform of examples/users on one thread: decode, the reference SQL, identity and
// rules; each part apart too, and with one record in ten bad. Beside parsing alone
// (bench_codec_bench, ParseAlone).
//   bench_sql_bench [--benchmark_...] [DIR with page-NN.json.gz, default examples/users/api]
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <zlib.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "codec/json_decode.h"
#include "codec/json_index.h"
#include "sql/engine.h"
#include "stream/record.h"
#include "types/type.h"

namespace leat {
namespace {

using types::Field;
using types::Kind;
using types::Type;

std::string directory = "examples/users/api";

std::string read_gzip(const std::string& path) {
  std::string content;
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file) return content;
  char buffer[65536];
  for (int got; (got = gzread(file, buffer, sizeof buffer)) > 0;)
    content.append(buffer, static_cast<size_t>(got));
  gzclose(file);
  return content;
}

struct Corpus {
  std::vector<std::string> pages, broken;  // broken: records whose dob is no date
  std::vector<stream::RecordBatch> clean, poisoned;
  int64_t records = 0, bytes = 0;
};

const Corpus& corpus() {
  static const Corpus corpus = [] {
    Corpus made;
    for (int page = 1; page <= 12; ++page) {
      std::string content = read_gzip(fmt::format("{}/page-{:02}.json.gz", directory, page));
      if (!content.empty()) made.pages.push_back(std::move(content));
    }
    if (made.pages.empty()) {
      fmt::print(stderr, "no page-01.json.gz in {}: give the directory\n", directory);
      std::exit(2);
    }
    made.broken.reserve(10'000);
    codec::JsonIndex index;
    for (const std::string& page : made.pages) {
      if (!index.build(page, true)) std::exit(2);
      stream::RecordBatch clean;
      // {"results":[ {...}, {...} ], ...}
      for (uint32_t i = 4; index.kind(i) == '{';) {
        const uint32_t end = index.skip(i, 2, false);
        stream::Record record;
        record.value = index.value(i, end);
        record.offset = made.records++;
        made.bytes += static_cast<int64_t>(record.value->size());
        clean.records.push_back(record);
        i = end + 1;
      }
      stream::RecordBatch poisoned = clean;
      for (size_t i = 0; i < poisoned.records.size(); i += 10) {
        std::string text(*poisoned.records[i].value);
        const size_t at = text.find("\"dob\":{\"date\":\"");
        if (at != std::string::npos) text[at + 15] = 'x';
        made.broken.push_back(std::move(text));
        poisoned.records[i].value = made.broken.back();
      }
      made.clean.push_back(std::move(clean));
      made.poisoned.push_back(std::move(poisoned));
    }
    return made;
  }();
  return corpus;
}

Type structure(std::vector<Field> fields) { return Type::structure(std::move(fields)); }
Field field(const char* name, Type type) {
  Field made;
  made.name = name;
  made.type = std::move(type);
  return made;
}

/// The whole record of the API, as a schema file would say.
types::Schema source() {
  const Type text = Kind::kVarchar, number = Kind::kInt64;
  types::Schema schema;
  schema.fields = {
      field("gender", text),
      field("name", structure({field("title", text), field("first", text), field("last", text)})),
      field(
          "location",
          structure(
              {field("street", structure({field("number", number), field("name", text)})),
               field("city", text), field("state", text), field("country", text),
               field("postcode", Type::varchar_of(types::kScalarInteger | types::kScalarString)),
               field("coordinates", structure({field("latitude", text), field("longitude", text)})),
               field("timezone", structure({field("offset", text), field("description", text)}))})),
      field("email", text),
      field("login",
            structure({field("uuid", text), field("username", text), field("password", text)})),
      field("dob", structure({field("date", text), field("age", number)})),
      field("registered", structure({field("date", text), field("age", number)})),
      field("phone", text),
      field("picture", structure({field("large", text), field("medium", text)}))};
  return schema;
}

sql::CompileInput pipeline() {
  sql::CompileInput input;
  input.input = source();
  input.steps = {
      {R"(SELECT login.uuid::UUID AS id, name.first AS first_name, name.last AS last_name, gender,
       concat_ws(', ', location.street.number || ' ' || location.street.name, location.city,
                 location.state, location.country) AS address,
       location.postcode::VARCHAR AS post_code, email, login.username AS username,
       dob.date::TIMESTAMPTZ AS dob, registered.date::TIMESTAMPTZ AS registered_date,
       phone, picture.medium AS picture, location.country AS country
FROM input)"}};
  input.rules = {{"id_present", "id IS NOT NULL"}, {"email_shape", "email LIKE '%_@_%._%'"}};
  return input;
}

enum class Part { kDecode, kQuery, kBoth };

void transform(benchmark::State& state, Part part, bool poisoned) {
  auto engine = std::move(sql::Engine::open({})).value();
  auto compiled = std::move(engine->compile(pipeline())).value();
  for (const auto& error : compiled.errors) fmt::print(stderr, "{}\n", error.to_string());
  if (!compiled.query) std::exit(2);
  sql::Query& query = *compiled.query;
  auto decoder = codec::make_json_decoder(query.read_schema(), {.borrow = true}).value();
  const auto& batches = poisoned ? corpus().poisoned : corpus().clean;
  std::vector<types::BatchBuffer> buffers;
  std::vector<std::vector<uint32_t>> rows(batches.size());
  std::vector<stream::Reject> rejects;
  for (size_t i = 0; i < batches.size(); ++i) buffers.emplace_back(query.read_schema());
  const auto read = [&](size_t i) {
    buffers[i].reset();
    rows[i].clear();
    rejects.clear();
    decoder->decode(batches[i], buffers[i], rows[i], rejects);
  };
  for (size_t i = 0; i < batches.size(); ++i) read(i);
  size_t good = 0, bad = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < batches.size(); ++i) {
      if (part != Part::kQuery) read(i);
      if (part == Part::kDecode) continue;
      auto output = query.run(buffers[i].view(), rows[i], batches[i]);
      if (!output) std::exit(1);
      good += output->rows();
      bad += output->rejects.size() + rejects.size();
    }
  }
  state.SetItemsProcessed(state.iterations() * corpus().records);
  state.SetBytesProcessed(state.iterations() * corpus().bytes);
  const auto each = static_cast<double>(state.iterations());
  state.counters["rows"] = static_cast<double>(good) / each;
  state.counters["rejects"] = static_cast<double>(bad) / each;
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc > 1) leat::directory = argv[1];
  using namespace leat;
  benchmark::RegisterBenchmark("Decode",
                               [](benchmark::State& s) { transform(s, Part::kDecode, false); });
  benchmark::RegisterBenchmark("Query",
                               [](benchmark::State& s) { transform(s, Part::kQuery, false); });
  benchmark::RegisterBenchmark("Transform",
                               [](benchmark::State& s) { transform(s, Part::kBoth, false); });
  benchmark::RegisterBenchmark("TransformTenthBad",
                               [](benchmark::State& s) { transform(s, Part::kBoth, true); });
  benchmark::RunSpecifiedBenchmarks();
}
