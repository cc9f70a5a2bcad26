#include "schema/protobuf.h"

#include <utility>

#include "base/check.h"

namespace leat::schema {

ProtobufSchema::ProtobufSchema(std::string text, protobuf::File file)
    : text_(std::move(text)), file_(std::move(file)) {}

Result<std::shared_ptr<const ParsedSchema>> ProtobufSchema::parse(
    std::string_view text, const std::vector<Resolved>& references) {
  ASSIGN(protobuf::File file, protobuf::read_file(text, references));
  return std::shared_ptr<const ParsedSchema>(
      std::make_shared<ProtobufSchema>(std::string(text), std::move(file)));
}

std::string ProtobufSchema::normalized() const { return file_.descriptor().DebugString(); }

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
