#include "config/environment.h"

#include <fmt/core.h>

#include <cstdlib>
#include <utility>

namespace leat::config {

namespace {

bool name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool name_part(char c) { return name_start(c) || (c >= '0' && c <= '9'); }

// One scalar. Findings carry `path`.
void substitute_scalar(Node& node, const Environment& environment, Diagnostics& diagnostics,
                       const std::string& path) {
  const std::string& in = node.text;
  if (in.find("${") == std::string::npos) return;
  std::string out;
  bool missing = false;
  for (size_t i = 0; i < in.size();) {
    if (in.compare(i, 3, "$${") == 0) {
      out += "${";
      i += 3;
      continue;
    }
    if (in.compare(i, 2, "${") != 0) {
      out += in[i++];
      continue;
    }
    size_t end = in.find('}', i);
    size_t name_end = i + 2;
    while (name_end < in.size() && name_part(in[name_end])) ++name_end;
    bool has_default = in.compare(name_end, 2, ":-") == 0;
    if (end == std::string::npos || name_end == i + 2 || !name_start(in[i + 2]) ||
        (!has_default && name_end != end)) {
      Diagnostic d;
      d.mark = node.mark, d.path = path;
      d.message =
          fmt::format("found `{}`", in.substr(i, end == std::string::npos ? end : end - i + 1));
      d.expected = "`${NAME}` or `${NAME:-default}`";
      d.hint = "write `$${` for the two characters themselves";
      diagnostics.add(std::move(d));
      return;
    }
    std::string name = in.substr(i + 2, name_end - i - 2);
    std::optional<std::string> value = environment.get(name);
    // As in a shell: an empty variable takes the default, too.
    if (has_default && (!value || value->empty()))
      value = in.substr(name_end + 2, end - name_end - 2);
    if (value) {
      out += *value;
    } else {
      missing = true;
      std::string message = fmt::format("the variable {} is not set", name);
      std::string hint = fmt::format("set it, or give a default: ${{{}:-...}}", name);
      if (environment.missing() == Environment::Missing::kFail)
        diagnostics.error(node.mark, path, std::move(message), std::move(hint));
      else if (environment.missing() == Environment::Missing::kWarn)
        diagnostics.warning(node.mark, path, std::move(message), std::move(hint));
    }
    i = end + 1;
  }
  node.written = std::move(node.text);
  if (missing) {
    node.text = node.written;
    node.unresolved = true;
  } else {
    node.text = std::move(out);
  }
}

void walk(Node& node, const Environment& environment, Diagnostics& diagnostics, std::string& path) {
  size_t length = path.size();
  if (node.is_scalar()) {
    substitute_scalar(node, environment, diagnostics, path);
  } else if (node.is_sequence()) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      path += fmt::format("[{}]", i);
      walk(node.items[i], environment, diagnostics, path);
      path.resize(length);
    }
  } else {
    for (Entry& entry : node.entries) {
      path += (path.empty() ? "" : ".") + entry.key;
      walk(entry.value, environment, diagnostics, path);
      path.resize(length);
    }
  }
}

}  // namespace

Environment::Environment(Get get, ReadFile read_file, Missing missing)
    : get_(std::move(get)), read_file_(std::move(read_file)), missing_(missing) {}

Environment Environment::of_map(std::map<std::string, std::string> values, Missing missing) {
  return Environment(
      [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
        auto at = values.find(name);
        if (at == values.end()) return std::nullopt;
        return at->second;
      },
      nullptr, missing);
}

Environment Environment::of_process(ReadFile read_file, Missing missing) {
  return Environment(
      [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());  // nothing of ours calls setenv
        if (!value) return std::nullopt;
        return value;
      },
      std::move(read_file), missing);
}

std::optional<std::string> Environment::get(const std::string& name) const {
  return get_ ? get_(name) : std::nullopt;
}

Result<std::string> Environment::read_file(const std::string& path) const {
  if (read_file_) return read_file_(path);
  return Error(ErrorCode::kNotFound, fmt::format("cannot read {}: no files here", path));
}

void substitute(Node& node, const Environment& environment, Diagnostics& diagnostics) {
  std::string path;
  walk(node, environment, diagnostics, path);
}

}  // namespace leat::config
