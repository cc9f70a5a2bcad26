// The schema registry: look-ups over HTTP, beside the same server answering nothing. Called by bench/run.py.
//   bench_registry_bench fill DIR SUBJECTS   a data directory with so many subjects, a version each: the reference
//                                            project's schema, the record's name with the subject's number behind it
//   bench_registry_bench ask URL SUBJECTS    asks a registry of such a directory; prints the rows of the table
#include <curl/curl.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <vector>

#include "app/local_api.h"
#include "base/limits.h"
#include "bench/cluster_program.h"
#include "io/file.h"
#include "log/embedded_log.h"
#include "log/log_schema_store.h"
#include "schema/memory_store.h"
#include "schema/registry.h"

namespace leat::bench {
namespace {

constexpr int kConnections = 8;  // kept alive, a thread each
constexpr int kRounds = 5;
constexpr double kRoundS = 1;
constexpr std::string_view kRecord = "UserCreated";

std::string subject(int n) { return fmt::format("topic_{}-value", n); }
std::string record(int n) { return fmt::format("{}{}", kRecord, n); }

/// The reference project's schema with record(n) as its name.
std::string schema_text(int n) {
  static const std::string text =
      need(io::read_file("examples/users/schemas/user_created.avsc", limits::kSchemaBytes));
  static const size_t name = text.find(kRecord);
  return std::string(text).replace(name, kRecord.size(), record(n));
}

/// One synced write of what registering them one by one leaves.
void fill(const std::string& dir, int subjects) {
  schema::MemoryStore memory;
  auto registry = need(schema::Registry::open(memory, schema::parse));
  for (int n = 1; n <= subjects; ++n) {
    schema::Candidate candidate;
    candidate.content.text = schema_text(n);
    const auto added = need(registry->add(schema::Subject::parse(subject(n)), candidate));
    if (added.id != n) die("ids do not follow the subjects");
  }
  need(io::make_directories(dir));
  auto log = need(log::EmbeddedLog::open(app::log_directory(dir), {}));
  need(log::LogSchemaStore(*log).write(need(memory.scan())));
}

struct Question {
  std::string name;
  double goal;       // of the rate of GET /
  std::string cost;  // what it does that GET / does not
  std::function<std::string(int)> path;
  std::function<std::string(int)> answer;     // is in the answer's body
  std::function<std::string(int)> body = {};  // of a POST
};

const std::vector<Question>& questions() {
  const auto in_body = [](int n) { return fmt::format("\\\"{}\\\"", record(n)); };
  const auto post = [](int n) { return nlohmann::json{{"schema", schema_text(n)}}.dump(); };
  static const std::vector<Question> all = {
      {"GET /", 1, "", [](int) { return "/"; }, [](int) { return "{}"; }},
      {"look-up by id", 0.8, "its answer is written",
       [](int n) { return fmt::format("/schemas/ids/{}", n); }, in_body},
      {"look-up of a subject's latest", 0.8, "its answer is written",
       [](int n) { return fmt::format("/subjects/{}/versions/latest", subject(n)); }, in_body},
      {"look-up by schema", 0.5, "body and schema are parsed, the schema is written anew",
       [](int n) { return fmt::format("/subjects/{}", subject(n)); }, in_body, post},
  };
  return all;
}

/// One connection.
class Asker {
 public:
  explicit Asker(std::string url) : url_(std::move(url)), curl_(curl_easy_init()) {
    headers_ = curl_slist_append(nullptr, "Content-Type: application/json");
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &body_);
    curl_easy_setopt(
        curl_, CURLOPT_WRITEFUNCTION, +[](char* data, size_t one, size_t count, void* to) {
          static_cast<std::string*>(to)->append(data, one * count);
          return one * count;
        });
  }
  ~Asker() {
    curl_easy_cleanup(curl_);
    curl_slist_free_all(headers_);
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  /// Milliseconds.
  double ask(const Question& question, int n) {
    const std::string url = url_ + question.path(n), posted = question.body ? question.body(n) : "";
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
    if (question.body) curl_easy_setopt(curl_, CURLOPT_COPYPOSTFIELDS, posted.c_str());
    body_.clear();
    const double start = now_s();
    if (const CURLcode code = curl_easy_perform(curl_))
      die(fmt::format("{}: {}", url, curl_easy_strerror(code)));
    const double ms = (now_s() - start) * 1e3;
    if (body_.find(question.answer(n)) == body_.npos) die(fmt::format("{}: {}", url, body_));
    return ms;
  }

 private:
  const std::string url_;
  std::string body_;
  CURL* curl_;
  curl_slist* headers_ = nullptr;
};

struct Round {
  double rate = 0, p99_ms = 0;
};

Round ask_all(const std::string& url, const Question& question, int subjects, unsigned seed) {
  std::vector<std::vector<double>> took(kConnections);
  const double start = now_s();
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < kConnections; ++i) {
      threads.emplace_back([&, i] {
        Asker asker(url);
        std::minstd_rand random(seed + i);
        std::uniform_int_distribution<int> any(1, subjects);
        while (now_s() - start < kRoundS) took[i].push_back(asker.ask(question, any(random)));
      });
    }
  }
  const double seconds = now_s() - start;
  std::vector<double> ms;
  for (const auto& one : took) ms.insert(ms.end(), one.begin(), one.end());
  std::sort(ms.begin(), ms.end());
  return {static_cast<double>(ms.size()) / seconds, ms[ms.size() * 99 / 100]};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

std::string shown(const std::vector<Round>& rounds) {
  std::vector<double> rates, p99s;
  for (const Round& one : rounds) rates.push_back(one.rate), p99s.push_back(one.p99_ms);
  return fmt::format("{:.0f}/s, p99 {:.2f} ms", median(rates), median(p99s));
}

/// In turn, so that a slow moment hits all alike.
void ask(const std::string& url, int subjects) {
  const auto& all = questions();
  std::vector<std::vector<Round>> rounds(all.size());
  for (unsigned round = 0; round < kRounds; ++round)
    for (size_t q = 0; q < all.size(); ++q)
      rounds[q].push_back(ask_all(url, all[q], subjects, round * 1000));
  for (size_t q = 1; q < all.size(); ++q) {
    std::vector<double> ratios;
    for (size_t r = 0; r < kRounds; ++r) ratios.push_back(rounds[q][r].rate / rounds[0][r].rate);
    const double ratio = median(ratios);
    fmt::print("goal: {}, {} subjects | {} | {} of {} | {:.2f} x | >= {:.2f} x | {}\n", all[q].name,
               subjects, shown(rounds[q]), shown(rounds[0]), all[0].name, ratio, all[q].goal,
               ratio >= all[q].goal ? "met" : "not met: " + all[q].cost);
  }
}

int main(int argc, char** argv) {
  const std::string_view verb = argc == 4 ? argv[1] : "";
  if (verb == "fill")
    fill(argv[2], std::atoi(argv[3]));
  else if (verb == "ask")
    ask(argv[2], std::atoi(argv[3]));
  else
    die("fill DIR SUBJECTS, or ask URL SUBJECTS");
  return 0;
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) { return leat::bench::main(argc, argv); }
