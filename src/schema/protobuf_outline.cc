// The outline of a .proto text: the file, then each message and enum of its own and of what it imports from other subjects.
#include <fmt/core.h>
#include <google/protobuf/descriptor.pb.h>

#include <deque>
#include <set>

#include "schema/protobuf.h"

namespace leat::schema {
namespace {

namespace pb = google::protobuf;

class ProtobufWalk {
 public:
  explicit ProtobufWalk(const protobuf::File& file) : file_(file) {}

  Outline run() && {
    const pb::FileDescriptor& own = file_.descriptor();
    out_.push_back({"",
                    {},
                    {{"type", "file"},
                     {"package", own.package()},
                     {"syntax", pb::FileDescriptor::SyntaxName(own.syntax())}},
                    {}});
    open(own);
    for (; !open_.empty(); open_.pop_front()) {
      const pb::FileDescriptor& file = *open_.front();
      for (int i = 0; i < file.enum_type_count(); ++i) symbols(*file.enum_type(i));
      for (int i = 0; i < file.message_type_count(); ++i) message(*file.message_type(i));
      for (int i = 0; i < file.dependency_count(); ++i)
        if (file_.origin(*file.dependency(i))) open(*file.dependency(i));
    }
    return std::move(out_);
  }

 private:
  void open(const pb::FileDescriptor& file) {
    if (seen_.insert(&file).second) open_.push_back(&file);
  }

  /// Without the schema's own package, which may change.
  template <typename T>
  std::string label(const T& named) const {
    const std::string& package = file_.descriptor().package();
    const std::string& full = named.full_name();
    return named.file()->package() == package && !package.empty() ? full.substr(package.size() + 1)
                                                                  : full;
  }

  template <typename T>
  static void add_options(Attributes& said, const T& written) {
    if (written.has_options()) said["options"] = written.options().ShortDebugString();
  }

  std::string type(const pb::FieldDescriptor& field) const {
    if (field.is_map()) {
      const pb::Descriptor& entry = *field.message_type();
      return fmt::format("map<{}, {}>", type(*entry.map_key()), type(*entry.map_value()));
    }
    const std::string name = field.message_type() ? label(*field.message_type())
                             : field.enum_type()  ? label(*field.enum_type())
                                                  : std::string(field.type_name());
    return field.is_repeated()            ? "repeated " + name
           : field.is_required()          ? "required " + name
           : field.has_optional_keyword() ? "optional " + name
                                          : name;
  }

  OutlineField outlined(const pb::FieldDescriptor& field) const {
    OutlineField out{field.name(), field.number(), {}, {{"type", type(field)}}};
    Attributes& said = out.attributes;
    pb::FieldDescriptorProto written;
    field.CopyTo(&written);
    if (written.has_default_value()) said["default"] = written.default_value();
    if (field.has_json_name()) said["json_name"] = field.json_name();
    if (const auto* oneof = field.real_containing_oneof()) said["oneof"] = oneof->name();
    add_options(said, written);
    return out;
  }

  void message(const pb::Descriptor& message) {
    if (message.options().map_entry()) return;
    OutlineType out{label(message), {}, {{"type", "message"}}, {}};
    pb::DescriptorProto written;
    message.CopyTo(&written);
    add_options(out.attributes, written);
    for (int i = 0; i < message.field_count(); ++i)
      out.fields.push_back(outlined(*message.field(i)));
    out_.push_back(std::move(out));
    for (int i = 0; i < message.enum_type_count(); ++i) symbols(*message.enum_type(i));
    for (int i = 0; i < message.nested_type_count(); ++i) this->message(*message.nested_type(i));
  }

  void symbols(const pb::EnumDescriptor& names) {
    OutlineType out{label(names), {}, {{"type", "enum"}}, {}};
    pb::EnumDescriptorProto written;
    names.CopyTo(&written);
    add_options(out.attributes, written);
    std::set<int> numbers;  // several names of one number: the first is it, as the library has it
    for (int i = 0; i < names.value_count(); ++i) {
      const pb::EnumValueDescriptor& value = *names.value(i);
      if (numbers.insert(value.number()).second)
        out.fields.push_back({value.name(), value.number(), {}, {{"type", "symbol"}}});
      else
        out.fields.push_back({value.name(), {}, {}, {{"type", "symbol"}}});
    }
    out_.push_back(std::move(out));
  }

  const protobuf::File& file_;
  Outline out_;
  std::deque<const pb::FileDescriptor*> open_;
  std::set<const pb::FileDescriptor*> seen_;
};

}  // namespace

Outline ProtobufSchema::outline() const { return ProtobufWalk(file_).run(); }

}  // namespace leat::schema
