// A .proto text as descriptors of libprotobuf: what it imports comes from the references, google/protobuf/* from the
// library itself.
//
// Source: https://protobuf.dev/reference/protobuf/proto3-spec/
#pragma once

#include <google/protobuf/descriptor.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "schema/parsed_schema.h"

namespace leat::schema::protobuf {

/// Owns the descriptors. Immutable once read; any thread.
class File {
 public:
  const google::protobuf::FileDescriptor& descriptor() const { return *file_; }
  /// The reference that brought a file; nullptr: the schema's own, or one of the library's.
  const Reference* origin(const google::protobuf::FileDescriptor& file) const;

 private:
  friend class Builder;
  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::unordered_map<std::string, Reference> references_;  // by the name that imports have
  const google::protobuf::FileDescriptor* file_ = nullptr;
};

/// True for a FileDescriptorProto in base64, as Confluent's clients for Python and JavaScript send a schema.
bool is_serialized(std::string_view text);

/// Of a .proto text or of one that is_serialized(). kInvalidArgument with line and column, or with the element that does
/// not fit.
Result<File> read_file(std::string_view text, const std::vector<Resolved>& references);

/// What stands in the way of reading `writer`'s data as `reader`: rules of the contract (Confluent's names), places as
/// "#/Message/3". Names of fields and enums may change, as no data holds them.
std::vector<Difference> file_differences(const File& reader, const File& writer);

}  // namespace leat::schema::protobuf
