#include "schema/protobuf.h"

#include <google/protobuf/descriptor.pb.h>

#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace leat::schema {

ProtobufSchema::ProtobufSchema(std::string text, protobuf::File file)
    : text_(std::move(text)), file_(std::move(file)) {}

Result<std::shared_ptr<const ParsedSchema>> ProtobufSchema::parse(
    std::string_view text, const std::vector<Resolved>& references) {
  ASSIGN(protobuf::File file, protobuf::read_file(text, references));
  std::string kept(text);
  if (protobuf::is_serialized(text)) {
    // Kept as people and other clients read it, unless it has options that only its own imports could name.
    std::string written = file.descriptor().DebugString();
    if (auto again = protobuf::read_file(written, references)) {
      file = std::move(*again);
      kept = std::move(written);
    }
  }
  return std::shared_ptr<const ParsedSchema>(
      std::make_shared<ProtobufSchema>(std::move(kept), std::move(file)));
}

std::string ProtobufSchema::normalized() const { return file_.descriptor().DebugString(); }

std::optional<std::string> ProtobufSchema::form(std::string_view name) const {
  if (name != "serialized") return std::nullopt;
  google::protobuf::FileDescriptorProto file;
  file_.descriptor().CopyTo(&file);
  return base64(file.SerializeAsString());
}

std::string ProtobufSchema::record_name() const {
  const auto& file = file_.descriptor();
  return file.message_type_count() == 0 ? "" : file.message_type(0)->full_name();
}

std::vector<Difference> ProtobufSchema::compare(const ParsedSchema& writer) const {
  const auto* other = dynamic_cast<const ProtobufSchema*>(&writer);
  CHECK(other, "a schema of format PROTOBUF that is none");
  return protobuf::file_differences(file_, other->file_);
}

}  // namespace leat::schema
