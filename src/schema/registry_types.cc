#include "schema/registry_types.h"

#include <array>

#include "base/strings.h"
#include "io/digest.h"

namespace leat::schema {
namespace {

// In the order of their enums.
constexpr std::array<std::string_view, 7> kLevels = {
    "NONE", "BACKWARD",       "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE",
    "FULL", "FULL_TRANSITIVE"};
constexpr std::array<std::string_view, 4> kModes = {"READWRITE", "READONLY", "READONLY_OVERRIDE",
                                                    "IMPORT"};

template <typename Enum, size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  return std::nullopt;
}

/// Appends a field with its length, so that no two contents have the same bytes.
void add(std::string& bytes, std::string_view field) {
  bytes += fmt::format("{}:", field.size());
  bytes += field;
}

}  // namespace

std::string_view level_name(Level level) { return kLevels[static_cast<size_t>(level)]; }
std::optional<Level> level_named(std::string_view name) { return named<Level>(kLevels, name); }
std::string_view mode_name(Mode mode) { return kModes[static_cast<size_t>(mode)]; }
std::optional<Mode> mode_named(std::string_view name) { return named<Mode>(kModes, name); }

std::string guid_of(const Content& content) {
  std::string bytes;
  add(bytes, format_name(content.format));
  add(bytes, content.text);
  for (const Reference& reference : content.references) {
    add(bytes, reference.name);
    add(bytes, reference.subject);
    add(bytes, std::to_string(reference.version));
  }
  add(bytes, content.metadata);
  add(bytes, content.rules);
  auto digest = io::digest128(bytes);
  digest[6] = static_cast<uint8_t>((digest[6] & 0x0f) | 0x80);  // version 8: made as we please
  digest[8] = static_cast<uint8_t>((digest[8] & 0x3f) | 0x80);  // the variant of RFC 9562
  const std::string text =
      hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  return fmt::format("{}-{}-{}-{}-{}", text.substr(0, 8), text.substr(8, 4), text.substr(12, 4),
                     text.substr(16, 4), text.substr(20));
}

}  // namespace leat::schema
