#include "schema/parsed_schema.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <set>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/avro.h"
#include "schema/json_schema.h"
#include "schema/protobuf.h"

namespace leat::schema {
namespace {

constexpr std::array<std::string_view, 3> kFormats = {"AVRO", "JSON", "PROTOBUF"};

Error too_large(std::string message) { return Error(ErrorCode::kLimit, std::move(message)); }

Result<void> check_sizes(std::string_view text, const std::vector<Resolved>& references) {
  if (references.size() > limits::kSchemaReferences) {
    return too_large(
        fmt::format("a schema with {} references, direct or not; at most {} are followed",
                    references.size(), limits::kSchemaReferences));
  }
  size_t total = text.size();
  for (const Resolved& one : references) {
    total += one.text.size();
    if (one.text.size() > limits::kSchemaBytes || total > limits::kSchemaTotalBytes) {
      return too_large(
                 fmt::format(
                     "a schema whose references are too large: at most {} bytes each, {} with "
                     "all of them",
                     limits::kSchemaBytes, limits::kSchemaTotalBytes))
          .at(fmt::format("reference {}", utf8_prefix(one.reference.name, limits::kShownBytes)));
    }
  }
  if (text.size() <= limits::kSchemaBytes) return {};
  return too_large(fmt::format("a schema of {} bytes, at most {} are taken", text.size(),
                               limits::kSchemaBytes))
      .with_hint("split it into several schemas that refer to each other");
}

/// What two ways lead to is needed once.
std::vector<Resolved> without_repeats(const std::vector<Resolved>& references) {
  std::vector<Resolved> once;
  std::set<std::string_view> seen;
  for (const Resolved& one : references) {
    if (seen.insert(one.reference.name).second) once.push_back(one);
  }
  return once;
}

}  // namespace

std::string_view format_name(Format format) { return kFormats[static_cast<size_t>(format)]; }

std::optional<Format> format_named(std::string_view name) {
  for (size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i] == name) return static_cast<Format>(i);
  }
  return std::nullopt;
}

Result<Reference> read_reference(std::string_view text) {
  const size_t equals = text.find('='), colon = text.rfind(':');
  Reference reference;
  if (equals != text.npos && colon != text.npos && colon > equals) {
    reference.name = text.substr(0, equals);
    reference.subject = text.substr(equals + 1, colon - equals - 1);
    const std::string_view digits = text.substr(colon + 1);
    const char* end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, reference.version).ptr != end) reference.version = 0;
  }
  if (reference.version > 0 && !reference.name.empty() && !reference.subject.empty())
    return reference;
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("expected NAME=SUBJECT:VERSION, found `{}`", text))
      .with_blame(Blame::kUser);
}

std::vector<Difference> ParsedSchema::differences(const ParsedSchema& writer) const {
  if (writer.format() == format()) return compare(writer);
  return {
      {"FORMAT_CHANGED", "/",
       fmt::format("a schema of type {} cannot read what one of type {} wrote: use another subject",
                   format_name(format()), format_name(writer.format()))}};
}

Result<std::shared_ptr<const ParsedSchema>> parse(Format format, std::string_view text,
                                                  const std::vector<Resolved>& references) {
  TRY(check_sizes(text, references));
  const std::vector<Resolved> once = without_repeats(references);
  switch (format) {
    case Format::kAvro:
      return AvroSchema::parse(text, once);
    case Format::kJson:
      return JsonSchema::parse(text, once);
    case Format::kProtobuf:
      return ProtobufSchema::parse(text, once);
  }
  return Error(ErrorCode::kInternal, "a format of schemas that does not exist");
}

}  // namespace leat::schema
