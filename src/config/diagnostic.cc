#include "config/diagnostic.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace leat::config {

namespace {

// Message, slip and expectation without place and path.
std::string words(const Diagnostic& d) {
  std::string out;
  if (!d.expected.empty() && d.message.starts_with("found "))
    out = fmt::format("expected {}, {}", d.expected, d.message);
  else
    out = d.message;
  if (!d.nearest.empty()) out += fmt::format("; did you mean `{}`?", d.nearest);
  if (!d.expected.empty() && !d.message.starts_with("found "))
    out += fmt::format("{} expected {}", d.nearest.empty() ? ";" : "", d.expected);
  if (!d.hint.empty()) out += "; " + d.hint;
  return out;
}

nlohmann::ordered_json json_of(const Diagnostic& d) {
  nlohmann::ordered_json out;
  out["severity"] = d.severity == Severity::kError ? "error" : "warning";
  out["file"] = d.mark.file ? *d.mark.file : "";
  out["line"] = d.mark.line;
  out["column"] = d.mark.column;
  out["path"] = d.path;
  out["message"] = d.message;
  if (!d.nearest.empty()) out["nearest"] = d.nearest;
  if (!d.expected.empty()) out["expected"] = d.expected;
  if (!d.hint.empty()) out["hint"] = d.hint;
  return out;
}

// Messages may quote broken bytes of a file: they become U+FFFD instead of an exception.
std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

std::string Diagnostic::to_string() const {
  std::string out = mark.to_string();
  if (!out.empty()) out += ": ";
  if (severity == Severity::kWarning) out += "warning: ";
  if (!path.empty()) out += path + ": ";
  return out + words(*this);
}

std::string Diagnostic::to_json() const { return dump(json_of(*this)); }

void Diagnostics::add(Diagnostic diagnostic) {
  ++(diagnostic.severity == Severity::kError ? errors_ : warnings_);
  if (all_.size() < limits::kMaxDiagnostics) all_.push_back(std::move(diagnostic));
}

void Diagnostics::error(const Mark& mark, std::string path, std::string message, std::string hint) {
  Diagnostic d;
  d.mark = mark, d.path = std::move(path), d.message = std::move(message), d.hint = std::move(hint);
  add(std::move(d));
}

void Diagnostics::warning(const Mark& mark, std::string path, std::string message,
                          std::string hint) {
  Diagnostic d;
  d.severity = Severity::kWarning;
  d.mark = mark, d.path = std::move(path), d.message = std::move(message), d.hint = std::move(hint);
  add(std::move(d));
}

void Diagnostics::sort() {
  auto place = [](const Diagnostic& d) {
    return std::tuple(d.mark.file ? std::string_view(*d.mark.file) : std::string_view(),
                      d.mark.line, d.mark.column);
  };
  std::stable_sort(all_.begin(), all_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return place(a) < place(b); });
}

std::string Diagnostics::to_string() const {
  std::string out;
  for (const Diagnostic& each : all_) out += each.to_string() + "\n";
  if (size_t more = errors_ + warnings_ - all_.size())
    out += fmt::format("... and {} more\n", more);
  return out;
}

std::string Diagnostics::to_json() const {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Diagnostic& each : all_) out.push_back(json_of(each));
  return dump(out);
}

Error Diagnostics::to_error() const {
  CHECK(!ok());
  const Diagnostic* first = nullptr;
  for (const Diagnostic& each : all_)
    if (!first && each.severity == Severity::kError) first = &each;
  if (!first) return Error(ErrorCode::kInvalidArgument, fmt::format("{} errors", errors_));
  Diagnostic shown = *first;
  std::string where = shown.mark.to_string();
  if (!shown.path.empty()) where += (where.empty() ? "" : ": ") + shown.path;
  std::string message = words(shown);
  if (errors_ > 1) message += fmt::format(" (and {} more)", errors_ - 1);
  Error error = Error(ErrorCode::kInvalidArgument, std::move(message)).with_blame(Blame::kUser);
  if (!where.empty()) return std::move(error).at(where);
  return error;
}

}  // namespace leat::config
