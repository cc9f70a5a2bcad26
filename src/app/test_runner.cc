#include "app/test_runner.h"

#include <algorithm>

#include "app/console.h"
#include "codec/json_encode.h"
#include "io/file.h"
#include "runtime/compile.h"
#include "runtime/transformer.h"
#include "server/json.h"

namespace leat::app {
namespace {

constexpr size_t kBatchSizes[] = {1, 7, 1024};
constexpr size_t kMaxInputBytes = 64 * limits::kMiB;  // of an input_file
// 2024-01-01: any time will do, as long as it is always the same.
constexpr int64_t kRecordTimeMs = 1'704'067'200'000;

using Texts = std::vector<std::optional<std::string>>;

struct Rejected {
  int64_t index = 0;
  std::string stage, rule, code, message;
  bool operator==(const Rejected&) const = default;
  std::string to_string() const {
    std::string out = fmt::format("{}, {}", stage, code);
    if (!rule.empty()) out += fmt::format(", rule {}", rule);
    return out + fmt::format(" ({})", message);
  }
};

/// Rows as JSON texts, and rejects by index.
struct Found {
  std::vector<std::string> rows;
  std::vector<Rejected> rejects;
  bool operator==(const Found&) const = default;
};

/// The records of a case; nullopt is a record without a value.
Result<Texts> input_of(const ProjectEnv& env, const config::TestCase& test) {
  Texts texts;
  for (const config::Node& node : test.input) {
    if (node.is_null())
      texts.emplace_back();
    else
      texts.emplace_back(node.is_scalar() ? node.text : config::to_json(node));
  }
  if (test.input_file.empty()) return texts;
  const std::string path =
      test.input_file.starts_with('/') ? test.input_file : env.files.dir + "/" + test.input_file;
  ASSIGN(std::string content, io::read_file(path, kMaxInputBytes));
  for (size_t at = 0; at < content.size();) {
    const size_t end = std::min(content.find('\n', at), content.size());
    texts.emplace_back(content.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

/// One compiled pipeline; serves the batches of one case.
class Bench {
 public:
  static Result<std::unique_ptr<Bench>> make(const ProjectEnv& env,
                                             const runtime::PipelinePlan& plan, sql::Engine& engine,
                                             const types::Schema& input) {
    ASSIGN(auto query, runtime::compile(engine, plan, input));
    ASSIGN(auto decoder, runtime::make_decoder(plan, *query, input));
    std::vector<runtime::TopicTarget> topics;
    for (const runtime::SinkPlan& sink : plan.sinks) {
      if (sink.kind != runtime::SinkPlan::Kind::kTopic) continue;
      runtime::TopicTarget target;
      target.topic.spec = env.plan.topic_spec(sink.topic);
      ASSIGN(target.encoder, runtime::make_encoder(query->output(), sink));
      topics.push_back(std::move(target));
    }
    ASSIGN(auto rows, codec::make_json_encoder(query->output(), {}));
    return std::unique_ptr<Bench>(
        new Bench(plan, std::move(query), std::move(decoder), std::move(topics), std::move(rows)));
  }

  Result<Found> run(const Texts& texts, size_t batch) {
    Found found;
    for (size_t from = 0; from < texts.size(); from += batch) {
      ASSIGN(bool go_on, step(texts, from, std::min(from + batch, texts.size()), found));
      if (!go_on) break;
    }
    std::stable_sort(found.rejects.begin(), found.rejects.end(),
                     [](const Rejected& a, const Rejected& b) { return a.index < b.index; });
    return found;
  }

 private:
  Bench(const runtime::PipelinePlan& plan, std::unique_ptr<sql::Query> query,
        std::unique_ptr<stream::Decoder> decoder, std::vector<runtime::TopicTarget> topics,
        std::unique_ptr<stream::Encoder> rows)
      : plan_(plan),
        transformer_(plan, std::move(query), std::move(decoder), std::move(topics), true),
        rows_(std::move(rows)) {}

  /// One batch. False: a rule with on_fail: fail has ended the pipeline.
  Result<bool> step(const Texts& texts, size_t from, size_t to, Found& found) {
    runtime::Outcome out;
    stream::RecordBatch& batch = out.input.records;
    batch.origin.topic = "test:" + plan_.name;
    for (size_t i = from; i < to; ++i) {
      stream::Record record;
      record.offset = static_cast<int64_t>(i);
      record.timestamp_ms = kRecordTimeMs;
      if (texts[i]) record.value = *texts[i];
      batch.bytes += texts[i] ? texts[i]->size() : 0;
      batch.records.push_back(record);
      batch.versions.push_back(kRecordTimeMs * 1000 + static_cast<int64_t>(i));
    }
    batch.next_offset = static_cast<int64_t>(to);
    TRY(transformer_.run(out));
    if (out.stop_rule && to - from > 1) {
      // What a run delivers of such a batch is nothing; what the case is about is the record.
      for (size_t i = from; i < to; ++i) {
        ASSIGN(bool go_on, step(texts, i, i + 1, found));
        if (!go_on) return false;
      }
      return Error(ErrorCode::kInternal,
                   "a rule is violated in a batch but by none of its records");
    }
    for (stream::Reject& reject : out.rejects) {
      found.rejects.push_back({static_cast<int64_t>(from) + reject.record,
                               std::string(to_string(reject.stage)), reject.rule,
                               std::string(to_string(reject.reason)), reject.message});
    }
    if (out.stop_rule) {
      std::string rule;
      for (size_t r = 0; r < plan_.rules.size() && rule.empty(); ++r) {
        if (out.rule_hits[r] > 0 && plan_.rules[r].on_fail == runtime::OnFail::kFail)
          rule = plan_.rules[r].name;
      }
      found.rejects.push_back(
          {static_cast<int64_t>(from), std::string(to_string(stream::Stage::kQuality)), rule,
           std::string(to_string(stream::Reason::kRuleFailed)), out.stop_message});
      return false;
    }
    for (const types::Batch& chunk : out.query.chunks) {
      stream::EncodedRows encoded;
      std::vector<stream::Encoder::Failure> failed;
      rows_->encode(chunk, encoded, failed);
      if (!failed.empty()) {
        return Error(ErrorCode::kInvalidArgument,
                     "a row cannot be shown as JSON: " + failed.front().message);
      }
      for (const auto& value : encoded.values) found.rows.emplace_back(*value);
    }
    return true;
  }

  const runtime::PipelinePlan& plan_;
  runtime::Transformer transformer_;
  const std::unique_ptr<stream::Encoder> rows_;
};

/// Cut so that a line stays readable.
std::string shown(const std::string& text) { return cut_to_width(printable(text, false), 200); }

void compare_row(size_t index, const std::string& expected, const std::string& found,
                 std::vector<std::string>& differences) {
  using Sorted = nlohmann::json;
  const Sorted want = Sorted::parse(expected, nullptr, false),
               have = Sorted::parse(found, nullptr, false);
  if (!want.is_object() || !have.is_object()) {
    if (want != have)
      differences.push_back(
          fmt::format("row {}: expected {}, found {}", index, shown(expected), shown(found)));
    return;
  }
  auto text = [](const Sorted& json) {
    return shown(json.dump(-1, ' ', false, Sorted::error_handler_t::replace));
  };
  for (const auto& [name, value] : want.items()) {
    auto other = have.find(name);
    if (other == have.end()) {
      differences.push_back(
          fmt::format("row {}: {}: expected {}, found no such column", index, name, text(value)));
    } else if (*other != value) {
      differences.push_back(
          fmt::format("row {}: {}: expected {}, found {}", index, name, text(value), text(*other)));
    }
  }
  for (const auto& [name, value] : have.items()) {
    if (!want.contains(name)) {
      differences.push_back(
          fmt::format("row {}: {}: found {}, expected no such column", index, name, text(value)));
    }
  }
}

void compare_rows(const std::vector<config::Node>& expected, const std::vector<std::string>& found,
                  std::vector<std::string>& differences) {
  for (size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    if (i >= found.size()) {
      differences.push_back(fmt::format("row {}: expected {}, found no such row", i,
                                        shown(config::to_json(expected[i]))));
    } else if (i >= expected.size()) {
      differences.push_back(
          fmt::format("row {}: found {}, expected no such row", i, shown(found[i])));
    } else {
      compare_row(i, config::to_json(expected[i]), found[i], differences);
    }
  }
}

void compare_rejects(const std::vector<config::ExpectedReject>& expected,
                     const std::vector<Rejected>& found, std::vector<std::string>& differences) {
  std::vector<bool> matched(found.size(), false);
  for (const config::ExpectedReject& want : expected) {
    auto at = std::find_if(found.begin(), found.end(),
                           [&](const Rejected& r) { return r.index == want.index; });
    std::string text;
    for (const std::string& part :
         {want.stage, want.code, want.rule.empty() ? "" : "rule " + want.rule}) {
      if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
    }
    if (text.empty()) text = "any reason";
    if (at == found.end()) {
      differences.push_back(
          fmt::format("record {}: expected a reject ({}), found none", want.index, text));
      continue;
    }
    matched[static_cast<size_t>(at - found.begin())] = true;
    // A key that is left out is not compared.
    if ((!want.stage.empty() && want.stage != at->stage) ||
        (!want.code.empty() && want.code != at->code) ||
        (!want.rule.empty() && want.rule != at->rule)) {
      differences.push_back(fmt::format("record {}: expected a reject ({}), found {}", want.index,
                                        text, shown(at->to_string())));
    }
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (!matched[i]) {
      differences.push_back(fmt::format("record {}: found a reject ({}), expected none",
                                        found[i].index, shown(found[i].to_string())));
    }
  }
}

/// The first thing in which two runs of the same records differ.
std::string first_difference(const Found& whole, const Found& parts) {
  for (size_t i = 0; i < std::max(whole.rows.size(), parts.rows.size()); ++i) {
    const std::string a = i < whole.rows.size() ? whole.rows[i] : "nothing";
    const std::string b = i < parts.rows.size() ? parts.rows[i] : "nothing";
    if (a != b) return fmt::format("row {}: {}, and {}", i, shown(a), shown(b));
  }
  for (size_t i = 0; i < std::max(whole.rejects.size(), parts.rejects.size()); ++i) {
    auto text = [&](const Found& of) {
      return i < of.rejects.size()
                 ? fmt::format("record {} {}", of.rejects[i].index, of.rejects[i].to_string())
                 : "none";
    };
    if (text(whole) != text(parts))
      return fmt::format("reject {}: {}, and {}", i, shown(text(whole)), shown(text(parts)));
  }
  return "";
}

Result<void> run_case(const ProjectEnv& env, const runtime::PipelinePlan& plan, sql::Engine& engine,
                      const std::optional<types::Schema>& known, const config::TestCase& test,
                      CaseResult& result) {
  ASSIGN(Texts texts, input_of(env, test));
  types::Schema schema;
  if (known) {
    schema = *known;
  } else {
    std::vector<std::string_view> sample;
    for (const auto& text : texts) {
      if (text) sample.push_back(*text);
    }
    ASSIGN(schema, types::infer_schema(sample));
  }
  ASSIGN(auto bench, Bench::make(env, plan, engine, schema));
  ASSIGN(Found whole, bench->run(texts, std::max<size_t>(texts.size(), 1)));
  if (test.expect) compare_rows(*test.expect, whole.rows, result.differences);
  compare_rejects(test.rejects, whole.rejects, result.differences);
  for (size_t size : kBatchSizes) {
    ASSIGN(Found parts, bench->run(texts, size));
    if (parts == whole) continue;
    result.differences.push_back(fmt::format("one batch and batches of {} differ: {}", size,
                                             first_difference(whole, parts)));
  }
  return {};
}

}  // namespace

Result<std::vector<CaseResult>> run_test_file(const ProjectEnv& env, const config::TestFile& file) {
  const runtime::PipelinePlan* plan = env.plan.find(file.pipeline.value);
  CHECK(plan != nullptr, "{} tests no pipeline", file.file);
  ASSIGN(std::optional<types::Schema> known, runtime::known_input(env.plan, *plan, nullptr));
  ASSIGN(auto engine, runtime::open_engine(*plan));
  std::vector<CaseResult> results;
  for (const config::TestCase& test : file.cases) {
    CaseResult result{file.file, file.pipeline.value, test.name.value, {}};
    auto ran = run_case(env, *plan, *engine->engine, known, test, result);
    if (!ran) result.differences.push_back(ran.error().to_string());
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace leat::app
