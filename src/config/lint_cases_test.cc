// Every case of tests/lint: a wrong file gives its place, what was expected and the nearest right
// name. The components here have the keys of the real ones that the cases use; `leat lint` runs the
// same files.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "config/project.h"

namespace leat::config::lint_cases_test {
namespace {

struct Rate {
  double rate = 1;
};
struct Page {
  std::string param;
  int64_t from = 0;
};
struct Offset {};
struct None {};
struct Http {
  std::string url;
  int64_t timeout_ms = 1000;
  std::optional<Rate> rate;
  std::variant<None, Page, Offset> pagination;
};
struct Generate {
  int64_t count = 0;
};
struct Store {};

Components components() {
  static const auto rate = [] {
    Spec<Rate> s("rate_limit", "");
    s.field("rate", &Rate::rate).unit(Unit::kRate).required();
    s.shorthand("a rate such as `10/s`", [](const Node& node, Rate& out) {
      auto value = node.is_scalar() ? parse_rate(node.text) : std::nullopt;
      if (value) out.rate = *value;
      return value.has_value();
    });
    return s;
  }();
  static const auto page = [] {
    Spec<Page> s("page", "");
    s.field("param", &Page::param);
    s.field("from", &Page::from);
    return s;
  }();
  static const Spec<Offset> offset("offset", "");
  static const auto http = [] {
    Spec<Http> s("http", "");
    s.field("url", &Http::url).required();
    s.field("timeout", &Http::timeout_ms).unit(Unit::kDuration);
    s.field("rate_limit", &Http::rate).of(rate);
    s.field("pagination", &Http::pagination)
        .when("none", None{})
        .when("page", page)
        .when("offset", offset);
    return s;
  }();
  static const auto generate = [] {
    Spec<Generate> s("generate", "");
    s.field("count", &Generate::count);
    return s;
  }();
  static const Spec<Store> store("duckdb", "");
  Components out;
  out.sources["http"] = {&http, false, nullptr};
  out.sources["generate"] = {&generate, false, nullptr};
  out.stores["duckdb"] = {&store, true, nullptr};
  return out;
}

struct Expectation {
  std::string severity, place, text;
};

struct Case {
  std::string name, profile;
  std::map<std::string, std::string> files;
  std::vector<Expectation> expected;
};

Case load(const std::filesystem::path& path) {
  Case out;
  out.name = path.stem().string();
  std::ifstream in(path, std::ios::binary);
  std::string file = "pipelines/case.yaml", line, blank;
  bool started = false;
  while (std::getline(in, line)) {
    for (std::string kind : {"expect", "warning"}) {
      std::string prefix = "# " + kind + ": ";
      if (!line.starts_with(prefix)) continue;
      size_t end = line.find(": ", prefix.size());
      out.expected.push_back({kind == "expect" ? "error" : kind,
                              line.substr(prefix.size(), end - prefix.size()),
                              line.substr(end + 2)});
    }
    if (line.starts_with("# profile: ")) out.profile = line.substr(11);
    if (line.starts_with("#--- ")) {
      file = line.substr(5);
      out.files[file] = blank;
      started = true;
    } else if (!line.starts_with("# ") || started) {
      if (out.files[file].empty()) out.files[file] = blank;
      started = true;
      out.files[file] += line;
    }
    if (started) out.files[file] += "\n";
    blank += "\n";
  }
  if (!started) out.files[file] = blank;
  out.files.try_emplace("leat.yaml", "project: lint\n");
  return out;
}

FileAccess access(const std::map<std::string, std::string>& files) {
  FileAccess out;
  out.exists = [&files](const std::string& path) { return files.contains(path); };
  out.read = [&files](const std::string& path, size_t) -> Result<std::string> {
    auto at = files.find(path);
    if (at == files.end()) return Error(ErrorCode::kNotFound, path);
    return at->second;
  };
  out.list = [&files](const std::string& dir) -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const auto& [path, text] : files)
      if (path.starts_with(dir + "/")) names.push_back(path.substr(dir.size() + 1));
    return names;
  };
  return out;
}

TEST(LintCases, EachSaysWhereAndWhat) {
  size_t cases = 0;
  for (const auto& file : std::filesystem::directory_iterator("tests/lint")) {
    if (file.path().extension() != ".yaml") continue;
    ++cases;
    Case test = load(file.path());
    SCOPED_TRACE(test.name);
    Diagnostics diagnostics;
    load_project(".", test.profile, Environment::of_map({}, Environment::Missing::kWarn),
                 components(), access(test.files), diagnostics);
    ASSERT_FALSE(test.expected.empty());
    std::vector<bool> met(test.expected.size(), false);
    for (const Diagnostic& each : diagnostics.all()) {
      std::string severity = each.severity == Severity::kError ? "error" : "warning";
      std::string place = fmt::format("{}:{}", each.mark.line, each.mark.column);
      bool wanted = false;
      for (size_t i = 0; i < test.expected.size(); ++i) {
        const Expectation& e = test.expected[i];
        if (e.severity != severity || e.place != place ||
            each.to_string().find(e.text) == std::string::npos)
          continue;
        met[i] = wanted = true;
      }
      EXPECT_TRUE(wanted) << "not expected: " << each.to_string();
    }
    for (size_t i = 0; i < met.size(); ++i)
      EXPECT_TRUE(met[i]) << "expected " << test.expected[i].place << ": " << test.expected[i].text;
  }
  EXPECT_GE(cases, 40u);
}

}  // namespace
}  // namespace leat::config::lint_cases_test
