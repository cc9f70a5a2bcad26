#include "schema/subject.h"

#include <algorithm>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/registry_error.h"

namespace leat::schema {

Subject Subject::parse(std::string_view qualified) {
  Subject subject;
  subject.name = qualified;
  if (!qualified.starts_with(":.")) return subject;
  const size_t end = qualified.find(':', 1);
  if (end == std::string_view::npos) return subject;
  subject.context = qualified.substr(1, end - 1);
  subject.name = qualified.substr(end + 1);
  return subject;
}

std::string Subject::qualified() const {
  return context == kDefaultContext ? name : fmt::format(":{}:{}", context, name);
}

Result<void> check_subject(const Subject& subject) {
  const std::string text = subject.qualified();
  const auto refuse = [&](std::string_view why) {
    return refusal(
        Code::kInvalidSubject,
        fmt::format("subject '{}' {}: expected up to {} bytes of UTF-8 without control "
                    "characters, other than __GLOBAL and __EMPTY",
                    utf8_prefix(text, limits::kMaxIdentifier), why, limits::kRegistryNameBytes));
  };
  if (subject.name.empty()) return refuse("has no name");
  if (text.size() > limits::kRegistryNameBytes)
    return refuse(fmt::format("has {} bytes", text.size()));
  if (!is_utf8(text)) return refuse("is no UTF-8");
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) return refuse("has control characters");
  // In a path they are steps, which clients take before they send it (RFC 3986, 5.2.4).
  if (text == "." || text == "..") return refuse("is a step of a path");
  if (subject.name == "__GLOBAL" || subject.name == "__EMPTY") return refuse("is a reserved name");
  // Written without its context it would be read as another context's.
  if (Subject::parse(text) != subject) return refuse("begins like a context");
  return {};
}

}  // namespace leat::schema
