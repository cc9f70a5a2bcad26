// Schemas of strangers: Avro, JSON Schema, Protobuf. The first byte chooses; a line "---" parts the writer's schema
// from the reader's. What must hold:
//   any bytes are a schema or an error with a message
//   what is stored, and what is normalised, is a schema again, and the same
//   a schema reads what it wrote itself
//   a comparison says the same twice
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "schema/parsed_schema.h"

namespace {

using namespace leat::schema;

std::shared_ptr<const ParsedSchema> read(Format format, std::string_view text) {
  auto parsed = parse(format, text, {});
  if (parsed) return *parsed;
  CHECK(!parsed.error().message().empty());
  return nullptr;
}

void comes_back(const ParsedSchema& schema) {
  CHECK(schema.differences(schema).empty(), "{} cannot read what it wrote: {}", schema.canonical(),
        schema.differences(schema)[0].rule);
  const std::string normal = schema.normalized();
  if (schema.format() == Format::kProtobuf) return;  // how the library writes a file is its own
  auto stored = read(schema.format(), schema.canonical());
  CHECK(stored && stored->canonical() == schema.canonical(), "{}", schema.canonical());
  auto again = read(schema.format(), normal);
  CHECK(again && again->normalized() == normal, "{}", normal);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto format = static_cast<Format>(data[0] % 3);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::string_view kApart = "\n---\n";
  const size_t apart = text.find(kApart);
  auto writer = read(format, text.substr(0, apart));
  if (writer) comes_back(*writer);
  if (!writer || apart == text.npos) return 0;
  auto reader = read(format, text.substr(apart + kApart.size()));
  if (!reader) return 0;
  comes_back(*reader);
  const auto once = reader->differences(*writer), twice = reader->differences(*writer);
  CHECK(once.size() == twice.size());
  for (size_t i = 0; i < once.size(); ++i) CHECK(once[i].path == twice[i].path);
  return 0;
}
