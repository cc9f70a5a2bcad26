// Source `generate`: synthetic user records of about 1 KB, for trials, benchmarks and fault runs.
//
// Guarantee: record n depends on `seed` and n alone, so two runs with one seed give the same bytes, however they
// were interrupted; the cursor is n. Broken records of chosen kinds are mixed in at given shares.
//
//   source:
//     generate: {count: 10000, rate: 1000/s, seed: 7, keys: 500, bad: {malformed: 0.01, bad_email: 0.02}}
//
// Shape: that of randomuser.me, one object a record. One thread (the lane's read thread) calls everything.
#include "components/source_generate.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/strings.h"
#include "config/spec.h"

namespace leat::components {
namespace {

constexpr size_t kPageRecords = 1000;
constexpr int64_t kLongestWaitMs = 1000;  // of one read()

/// What can be wrong with a record, in the order of kBadNames.
enum class Bad {
  kMalformed,
  kInvalidUtf8,
  kNotObject,
  kMissingField,
  kWrongType,
  kOutOfRange,
  kDuplicateKey,
  kTooDeep,
  kNullValue,
  kNullId,
  kBadUuid,
  kBadDate,
  kBadEmail,
  kTooLarge,
  kNone
};
constexpr std::array<std::string_view, 14> kBadNames = {
    "malformed",    "invalid_utf8",  "not_object", "missing_field", "wrong_type",
    "out_of_range", "duplicate_key", "too_deep",   "null_value",    "null_id",
    "bad_uuid",     "bad_date",      "bad_email",  "too_large"};
static_assert(kBadNames.size() == static_cast<size_t>(Bad::kNone));
constexpr std::string_view kAny = "any";  // spread over all but too_large

struct Config {
  std::optional<int64_t> count;
  std::optional<double> rate;
  int64_t seed = 1;
  int64_t keys = 0;
  std::map<std::string, double> bad;
};

void check_bad(const Config& config, const config::Node& node, config::Reading& reading) {
  double sum = 0;
  std::vector<std::string_view> names(kBadNames.begin(), kBadNames.end());
  names.push_back(kAny);
  std::string all;
  for (std::string_view name : names) all += (all.empty() ? "one of: " : ", ") + std::string(name);
  config::Reading::Scope scope(reading, "bad");
  for (const auto& [name, share] : config.bad) {
    sum += share;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    auto near = nearest(name, names);
    reading.error(node.find("bad")->entry(name)->key_mark, fmt::format("found `{}`", name), all,
                  near ? std::string(*near) : "");
  }
  if (sum > 1.0 + 1e-9)
    reading.error(node.find("bad")->mark, "the shares are more than 1 together");
}

const config::Spec<Config>& spec() {
  static const auto spec = [] {
    config::Spec<Config> s("generate", "Makes synthetic user records of about 1 KB.");
    s.field("count", &Config::count).at_least(0).doc("How many; without it, without end.");
    s.field("rate", &Config::rate)
        .unit(config::Unit::kRate)
        .range(0.001, 1e9)
        .doc("How often; without it as fast as they are taken.")
        .example("1000/s");
    s.field("seed", &Config::seed).doc("Another seed gives other records.");
    s.field("keys", &Config::keys)
        .at_least(0)
        .doc("How many different ids (`login.uuid`); 0: every record its own.");
    s.field("bad", &Config::bad)
        .range(0, 1)
        .doc(
            "Shares of broken records by kind: malformed, invalid_utf8, not_object, missing_field, "
            "wrong_type, "
            "out_of_range, duplicate_key, too_deep, null_value, null_id, bad_uuid, bad_date, "
            "bad_email, too_large; "
            "or `any`.")
        .example("{malformed: 0.01}");
    s.check(check_bad);
    return s;
  }();
  return spec;
}

/// splitmix64: a small generator in which any state is a good seed, so that record n needs no record before it.
class Mix {
 public:
  Mix(int64_t seed, int64_t n) : state_(static_cast<uint64_t>(seed)) {
    state_ = next() ^ static_cast<uint64_t>(n);
    next();
  }
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return next() % bound; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  template <size_t N>
  std::string_view of(const std::array<std::string_view, N>& choices) {
    return choices[below(N)];
  }

 private:
  uint64_t state_;
};

constexpr std::array<std::string_view, 12> kFirst = {"Ada",  "Brigitte", "Chloé", "Dragan",
                                                     "Emre", "Fatma",    "Grace", "Håkon",
                                                     "Inés", "Jan",      "Kirti", "Léo"};
constexpr std::array<std::string_view, 12> kLast = {"Abadía",  "Bakker",  "Çelik",  "Dupont",
                                                    "Eriksen", "Fischer", "García", "Hansen",
                                                    "Ivanov",  "Jones",   "Køhler", "López"};
constexpr std::array<std::string_view, 10> kCountries = {
    "Australia", "Brazil",  "Canada", "Denmark", "France",
    "Germany",   "Ireland", "Norway", "Türkiye", "United States"};
constexpr std::array<std::string_view, 8> kCities = {"Aalborg", "Bursa", "Cork", "Dresden",
                                                     "Évry",    "Natal", "Oslo", "Salem"};
constexpr std::array<std::string_view, 6> kStreets = {"Main Street", "Rue Barrault", "Hauptstraße",
                                                      "Park Road",   "Atatürk Sk",   "Rua Três"};

/// Milliseconds since 1970 as "2001-02-03T04:05:06.789Z".
void append_time(std::string& out, int64_t ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(ms)};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 int(date.year()), unsigned(date.month()), unsigned(date.day()),
                 time.hours().count(), time.minutes().count(), time.seconds().count(),
                 time.subseconds().count());
}

/// Appends record n; false when its value is null.
class Generator {
 public:
  explicit Generator(Config config) : config_(std::move(config)) {
    for (const auto& [name, share] : config_.bad) {
      for (size_t kind = 0; kind < kBadNames.size(); ++kind) {
        if (name == kBadNames[kind]) shares_[kind] += share;
        if (name == kAny && kind != static_cast<size_t>(Bad::kTooLarge))
          shares_[kind] += share / static_cast<double>(kBadNames.size() - 1);
      }
    }
  }

  bool append(int64_t n, std::string& out) const {
    Mix mix(config_.seed, n);
    const Bad bad = choose(mix.unit());
    if (bad == Bad::kNullValue) return false;
    if (bad == Bad::kNotObject) {
      fmt::format_to(std::back_inserter(out), "[{}]", n);
      return true;
    }
    const size_t begin = out.size();
    append_object(n, mix, bad, out);
    if (bad == Bad::kMalformed) out.resize(begin + (out.size() - begin) / 2);
    return true;
  }

 private:
  Bad choose(double at) const {
    for (size_t kind = 0; kind < shares_.size(); ++kind) {
      if (at < shares_[kind]) return static_cast<Bad>(kind);
      at -= shares_[kind];
    }
    return Bad::kNone;
  }

  void append_id(int64_t n, Bad bad, std::string& out) const {
    if (bad == Bad::kMissingField) return;
    if (bad == Bad::kNullId) {
      out += "\"uuid\":null,";
      return;
    }
    if (bad == Bad::kBadUuid) {
      out += "\"uuid\":\"not-a-uuid\",";
      return;
    }
    // Of the key alone, so that records with one key have one id.
    Mix key(config_.seed ^ 0x6B6579, config_.keys > 0
                                         ? static_cast<int64_t>(Mix(config_.seed, n).next() %
                                                                static_cast<uint64_t>(config_.keys))
                                         : n);
    uint64_t high = key.next(), low = key.next();
    fmt::format_to(std::back_inserter(out), "\"uuid\":\"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\",",
                   high >> 32, high >> 16 & 0xFFFF, high & 0xFFF, low >> 52,
                   low & 0xFFFF'FFFF'FFFF);
  }

  void append_object(int64_t n, Mix& mix, Bad bad, std::string& out) const {
    auto to = std::back_inserter(out);
    const std::string_view first = mix.of(kFirst), last = mix.of(kLast),
                           country = mix.of(kCountries);
    const uint64_t number = mix.below(9000) + 1;
    fmt::format_to(to, R"({{"gender":"{}","name":{{"title":"{}","first":"{}","last":"{}{}"}},)",
                   number % 2 ? "female" : "male", number % 2 ? "Ms" : "Mr", first, last,
                   bad == Bad::kInvalidUtf8 ? "\xC3" : "");
    fmt::format_to(
        to,
        R"("location":{{"street":{{"number":{},"name":"{}"}},"city":"{}","state":"State {}",)"
        R"("country":"{}","postcode":)",
        number, mix.of(kStreets), mix.of(kCities), mix.below(50), country);
    if (number % 3 == 0)
      fmt::format_to(to, "\"{}{} {}\"", char('A' + number % 26), number % 90, number % 9);
    else
      fmt::format_to(to, "{}", 10000 + mix.below(89999));
    fmt::format_to(
        to,
        R"(,"coordinates":{{"latitude":"{:.4f}","longitude":"{:.4f}"}},"timezone":{{"offset":"{:+}:00",)"
        R"("description":"Zone {}"}}}},)",
        mix.unit() * 180 - 90, mix.unit() * 360 - 180, int(number % 24) - 12, number % 24);
    if (bad == Bad::kWrongType)
      fmt::format_to(to, R"("email":{{"user":"user{}"}},)", n);
    else if (bad == Bad::kBadEmail)
      fmt::format_to(to, R"("email":"user{}",)", n);
    else
      fmt::format_to(to, R"("email":"user{}@example.com",)", n);
    out += "\"login\":{";
    append_id(n, bad, out);
    fmt::format_to(
        to,
        R"("username":"user{}","password":"p{:x}","salt":"{:08x}","md5":"{:016x}{:016x}",)"
        R"("sha1":"{:016x}{:016x}","sha256":"{:016x}{:016x}{:016x}{:016x}"}},)",
        n, mix.next() & 0xFFFFFF, mix.next() & 0xFFFFFFFF, mix.next(), mix.next(), mix.next(),
        mix.next(), mix.next(), mix.next(), mix.next(), mix.next());
    constexpr int64_t kDayMs = 86'400'000;
    const int64_t born = static_cast<int64_t>(mix.below(20'000)) * kDayMs - 9'000 * kDayMs +
                         static_cast<int64_t>(mix.below(kDayMs));
    out += "\"dob\":{\"date\":\"";
    if (bad == Bad::kBadDate)
      out += "31/12/1999";
    else
      append_time(out, born);
    if (bad == Bad::kOutOfRange)
      out += "\",\"age\":99999999999999999999999999";
    else
      fmt::format_to(to, "\",\"age\":{}", 18 + number % 70);
    out += "},\"registered\":{\"date\":\"";
    append_time(out, 1'100'000'000'000 + static_cast<int64_t>(mix.below(600'000'000)) * 1000);
    fmt::format_to(
        to,
        R"(","age":{}}},"phone":"{:03}-{:07}","cell":"{:03}-{:07}","id":{{"name":"ID","value":"{:09}"}},)"
        R"("picture":{{"large":"https://pictures.example.com/portraits/large/{}.jpg",)"
        R"("medium":"https://pictures.example.com/portraits/medium/{}.jpg",)"
        R"("thumbnail":"https://pictures.example.com/portraits/thumb/{}.jpg"}},"nat":"{:.2}")",
        number % 20, number % 1000, mix.below(10'000'000), number % 997, mix.below(10'000'000),
        mix.below(1'000'000'000), number, number, number, country);
    if (bad == Bad::kDuplicateKey) out += R"(,"email":"second@example.com")";
    if (bad == Bad::kTooDeep) {
      out += ",\"deep\":";
      out.append(limits::kMaxJsonDepth + 1, '[').append(limits::kMaxJsonDepth + 1, ']');
    }
    if (bad == Bad::kTooLarge)
      out.append(",\"filler\":\"").append(limits::kMaxRecordBytes, 'x').append("\"");
    out += '}';
  }

  const Config config_;
  std::array<double, kBadNames.size()> shares_{};
};

class GenerateSource final : public stream::Source {
 public:
  GenerateSource(Config config, const stream::SourceContext& context)
      : count_(config.count),
        rate_(config.rate),
        clock_(context.clock ? *context.clock : io::system_clock()),
        generator_(std::move(config)) {}

  Result<void> open(std::string_view cursor) override {
    next_ = 0;
    if (!cursor.empty()) {
      auto json = nlohmann::json::parse(cursor, nullptr, false);
      if (!json.is_object() || json.value("v", 0) != 1 || !json["next"].is_number_unsigned())
        return Error(ErrorCode::kCorrupt, "the cursor of source generate is not one of its own");
      next_ = json["next"];
    }
    started_ms_ = clock_.steady_ms();
    started_at_ = next_;
    return {};
  }

  Result<stream::SourcePage> read(std::stop_token stop) override {
    stream::SourcePage page;
    auto most = static_cast<int64_t>(kPageRecords);
    if (count_) most = std::min(most, *count_ - next_);
    if (rate_ && most > 0) most = std::min(most, wait_until_due(stop));
    auto text = std::make_shared<std::string>();
    std::vector<std::pair<size_t, bool>>
        ends;  // where each record ends, and whether it has a value
    for (int64_t i = 0; i < most; ++i) {
      const bool value = generator_.append(next_ + i, *text);
      ends.emplace_back(text->size(), value);
    }
    size_t begin = 0;
    for (const auto& [end, value] : ends) {
      stream::Record record;
      if (value) record.value = std::string_view(*text).substr(begin, end - begin);
      page.records.push_back(record);
      begin = end;
    }
    next_ += static_cast<int64_t>(ends.size());
    page.storage.push_back(std::move(text));
    page.cursor = fmt::format("{{\"v\":1,\"next\":{}}}", next_);
    // Without a count one page is a pass, so that a drain ends.
    page.exhausted = count_ ? next_ >= *count_ : !page.records.empty();
    return page;
  }

  bool rereadable() const override { return false; }
  bool bounded() const override { return count_.has_value(); }

 private:
  /// How many records the rate allows now; waits for the first of them, for kLongestWaitMs at most.
  int64_t wait_until_due(std::stop_token stop) {
    auto due = [&] {
      const auto passed = static_cast<double>(clock_.steady_ms() - started_ms_) / 1000.0;
      return static_cast<int64_t>(passed * *rate_) - (next_ - started_at_);
    };
    int64_t now = due();
    if (now > 0) return now;
    const double wait_ms = static_cast<double>(1 - now) * 1000.0 / *rate_;
    clock_.sleep_ms(
        std::max<int64_t>(1, static_cast<int64_t>(std::min(wait_ms, double{kLongestWaitMs}))),
        stop);
    return std::max<int64_t>(0, due());
  }

  const std::optional<int64_t> count_;
  const std::optional<double> rate_;
  io::Clock& clock_;
  const Generator generator_;
  int64_t next_ = 0;
  int64_t started_ms_ = 0, started_at_ = 0;
};

constexpr std::string_view kExample =
    "{count: 10000, rate: 1000/s, seed: 7, keys: 500, bad: {malformed: 0.01}}\n";

}  // namespace

void register_source_generate(stream::Registry& registry) {
  stream::SourceType type;
  type.name = "generate";
  type.summary = "Makes synthetic user records, for trials and benchmarks.";
  type.guarantee =
      "Record n depends on the seed and n alone; n is the cursor and is committed with the "
      "records.";
  type.example_yaml = kExample;
  type.spec = &spec();
  type.rereadable = false;
  type.make = [](const config::Node& node,
                 const stream::SourceContext& context) -> Result<std::unique_ptr<stream::Source>> {
    ASSIGN(auto config, spec().parse(node, context.environment, "source.generate"));
    std::unique_ptr<stream::Source> source =
        std::make_unique<GenerateSource>(std::move(config), context);
    return source;
  };
  registry.add(std::move(type));
}

}  // namespace leat::components
