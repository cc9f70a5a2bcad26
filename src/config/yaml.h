// parse_yaml: the text of a user's file as a Node tree; yaml-cpp and its exceptions end in yaml.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/diagnostic.h"
#include "config/node.h"

namespace leat::config {

/// Parses one YAML document. Refused, each with its place: syntax errors, more than
/// limits::kMaxYamlBytes or kMaxYamlDepth, bytes that are no UTF-8, anchors, aliases, tags, merge
/// keys, keys that are no scalars, duplicate keys, a second document. An empty file is a null Node.
/// nullopt: see `diagnostics`.
std::optional<Node> parse_yaml(std::string_view text, const std::string& file,
                               Diagnostics& diagnostics);

}  // namespace leat::config
