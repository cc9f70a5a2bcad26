#include "schema/protobuf_file.h"

#include <fmt/core.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/api.pb.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/source_context.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/type.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <optional>

#include "base/limits.h"
#include "base/strings.h"

namespace leat::schema::protobuf {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kOwnName = "(this schema)";

std::string cut(std::string_view text) {
  return std::string(utf8_prefix(text, 4 * limits::kShownBytes));
}

/// Keeps the first error of a text.
class TextErrors : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (error) return;
    error = Error(ErrorCode::kInvalidArgument, "no .proto text: " + cut(message))
                .at(fmt::format("line {}, column {}", line + 1, column + 1));
  }
  std::optional<Error> error;
};

/// Keeps the first error of building descriptors.
class BuildErrors : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (!error) error = Error(ErrorCode::kInvalidArgument, cut(message)).at(cut(element));
  }
  std::optional<Error> error;
};

/// The library's parser calls itself for each message inside another, so the depth is looked at before.
Result<void> check_depth(std::string_view text) {
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  TextErrors errors;
  pb::io::Tokenizer tokens(&stream, &errors);
  size_t depth = 0;
  while (tokens.Next() && !errors.error) {
    const std::string& token = tokens.current().text;
    if (token == "{" && ++depth > limits::kSchemaDepth) {
      return Error(ErrorCode::kLimit, fmt::format("messages more than {} deep inside each other",
                                                  limits::kSchemaDepth))
          .at(fmt::format("line {}", tokens.current().line + 1));
    }
    if (token == "}" && depth > 0) --depth;
  }
  if (errors.error) return std::move(*errors.error);
  return {};
}

/// A FileDescriptorProto in base64, as some clients send a schema; nullopt: it is a text.
std::optional<pb::FileDescriptorProto> read_serialized(std::string_view text) {
  pb::FileDescriptorProto file;
  // No .proto text is without blanks and semicolons.
  if (text.empty() || text.find_first_of(" ;{\n") != text.npos) return std::nullopt;
  const auto bytes = from_base64(text);
  if (!bytes || !file.ParseFromString(*bytes)) return std::nullopt;
  return file;
}

Result<pb::FileDescriptorProto> read_text(std::string_view text, std::string_view name) {
  if (auto serialized = read_serialized(text)) {
    serialized->set_name(std::string(name));
    return std::move(*serialized);
  }
  TRY(check_depth(text));
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  TextErrors errors;
  pb::io::Tokenizer tokens(&stream, &errors);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&errors);
  pb::FileDescriptorProto file;
  const bool parsed = parser.Parse(&tokens, &file);
  if (errors.error) return std::move(*errors.error);
  if (!parsed) return Error(ErrorCode::kInvalidArgument, "no .proto text");
  file.set_name(std::string(name));
  return file;
}

/// The library registers a file once one of its types is asked for.
void touch_well_known_types() {
  pb::Any::descriptor(), pb::Api::descriptor(), pb::Duration::descriptor();
  pb::Empty::descriptor(), pb::FieldMask::descriptor(), pb::SourceContext::descriptor();
  pb::Struct::descriptor(), pb::Timestamp::descriptor(), pb::Type::descriptor();
  pb::DoubleValue::descriptor(), pb::FileDescriptorProto::descriptor();
}

bool is_library_file(const std::string& name) {
  return name.starts_with("google/protobuf/") &&
         pb::DescriptorPool::generated_pool()->FindFileByName(name) != nullptr;
}

}  // namespace

class Builder {
 public:
  Builder() {
    touch_well_known_types();
    file_.pool_ = std::make_unique<pb::DescriptorPool>(pb::DescriptorPool::generated_pool());
  }

  Result<void> reference(const Resolved& resolved) {
    const std::string& name = resolved.reference.name;
    if (is_library_file(name)) return {};  // the library's own goes before
    auto built = build(resolved.text, name);
    if (!built) return std::move(built).error().at("reference " + cut(name));
    file_.references_.emplace(name, resolved.reference);
    return {};
  }

  Result<File> finish(std::string_view text) && {
    ASSIGN(file_.file_, build(text, kOwnName));
    return std::move(file_);
  }

 private:
  Result<const pb::FileDescriptor*> build(std::string_view text, std::string_view name) {
    ASSIGN(const pb::FileDescriptorProto file, read_text(text, name));
    for (const std::string& import : file.dependency()) {
      if (file_.pool_->FindFileByName(import)) continue;
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("import \"{}\" is not among the references", cut(import)))
          .with_hint("register that file first, and name it in the references as the import does");
    }
    BuildErrors errors;
    const pb::FileDescriptor* built = file_.pool_->BuildFileCollectingErrors(file, &errors);
    if (errors.error) return std::move(*errors.error);
    if (!built) return Error(ErrorCode::kInvalidArgument, "no right .proto file");
    return built;
  }

  File file_;
};

const Reference* File::origin(const pb::FileDescriptor& file) const {
  const auto found = references_.find(file.name());
  return found == references_.end() ? nullptr : &found->second;
}

bool is_serialized(std::string_view text) { return read_serialized(text).has_value(); }

Result<File> read_file(std::string_view text, const std::vector<Resolved>& references) {
  const pb::LogSilencer quiet;  // the library would write to stderr what the errors say
  Builder builder;
  for (const Resolved& resolved : references) TRY(builder.reference(resolved));
  return std::move(builder).finish(text);
}

}  // namespace leat::schema::protobuf
