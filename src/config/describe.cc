// Reading by description: what every Spec does the same way, outside of the templates.
#include "config/describe.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/strings.h"

namespace leat::config {

namespace {

std::string quoted_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::vector<std::string_view> views(candidates.begin(), candidates.end());
  auto found = nearest(name, views);
  return found ? std::string(*found) : std::string();
}

// 1.0 as "1", 0.25 as "0.25".
std::string plain(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

std::string show_bound(double value, Unit unit) {
  switch (unit) {
    case Unit::kDuration:
      return format_duration_ms(static_cast<int64_t>(value));
    case Unit::kBytes:
      return show_integer(static_cast<int64_t>(value), unit);
    case Unit::kRate:
      return plain(value) + "/s";
    case Unit::kNone:
      break;
  }
  return plain(value);
}

std::string number_words(const TypeDoc& doc) {
  std::string what, example;
  switch (doc.unit) {
    case Unit::kDuration:
      what = "a duration", example = "10s";
      break;
    case Unit::kBytes:
      what = "a size", example = "64KiB";
      break;
    case Unit::kRate:
      what = "a rate", example = "10/s";
      break;
    case Unit::kNone:
      what = doc.type == TypeDoc::Type::kInteger ? "a whole number" : "a number";
      break;
  }
  if (doc.min && doc.max)
    what += fmt::format(" from {} to {}", show_bound(*doc.min, doc.unit),
                        show_bound(*doc.max, doc.unit));
  else if (doc.min)
    what += fmt::format(" of at least {}", show_bound(*doc.min, doc.unit));
  if (!example.empty()) what += fmt::format(" such as `{}`", example);
  for (const auto& [word, value] : doc.words) what += fmt::format(" or `{}`", word);
  return what;
}

bool within(const TypeDoc& doc, double value) {
  return !(doc.min && value < *doc.min) && !(doc.max && value > *doc.max);
}

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// A quoted "12" is text, unless a substitution wrote it.
bool bare(const Node& node) {
  return node.is_scalar() && (node.style == Node::Style::kPlain || !node.written.empty());
}

}  // namespace

std::string TypeDoc::expected() const {
  switch (type) {
    case Type::kString:
      return syntax.empty() ? "a text" : syntax;
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
    case Type::kNumber:
      return number_words(*this);
    case Type::kSecret:
      return "a text, `${NAME}` or `file:PATH`";
    case Type::kChoice:
      return "one of: " + quoted_list(choices);
    case Type::kObject:
      if (!object || object->shorthand_text().empty()) return "a map";
      return (object->no_map() ? "" : "a map or ") + object->shorthand_text();
    case Type::kOneOf: {
      std::vector<std::string> names;
      for (const Alternative& each : alternatives)
        names.push_back(each.object ? each.name + ": {...}" : each.name);
      return "one of: " + quoted_list(names);
    }
    case Type::kAny:
      return "any value";
    case Type::kList: {
      std::string one = element.empty() ? "any value" : element[0].expected();
      return one_or_list ? one + ", or a list of such" : "a list, each " + one;
    }
    case Type::kMap:
      return "a map, each value " + (element.empty() ? "any value" : element[0].expected());
  }
  return {};
}

void Reading::error(const Mark& mark, std::string message, std::string expected,
                    std::string nearest_right, std::string hint) {
  Diagnostic d;
  d.mark = mark, d.path = path, d.message = std::move(message), d.expected = std::move(expected);
  d.nearest = std::move(nearest_right), d.hint = std::move(hint);
  diagnostics.add(std::move(d));
}

void Reading::warning(const Mark& mark, std::string message, std::string hint) {
  diagnostics.warning(mark, path, std::move(message), std::move(hint));
}

bool Reading::wrong_type(const Node& node, const std::string& expected) {
  error(node.mark, "found " + node.found(), expected);
  return false;
}

Reading::Scope::Scope(Reading& reading, std::string_view key)
    : reading_(reading), length_(reading.path.size()) {
  if (length_ > 0) reading_.path += '.';
  reading_.path += key;
}

Reading::Scope::Scope(Reading& reading, size_t index)
    : reading_(reading), length_(reading.path.size()) {
  reading_.path += fmt::format("[{}]", index);
}

std::vector<FieldDoc> SpecBase::fields() const {
  std::vector<FieldDoc> out;
  for (const Bound& bound : bound_) {
    FieldDoc field{bound.key, bound.doc, bound.example, bound.required, {}, bound.type()};
    if (!bound.required) field.default_text = bound.default_text();
    out.push_back(std::move(field));
  }
  return out;
}

bool SpecBase::check(const Node& node, Diagnostics& diagnostics, const Environment* environment,
                     std::string path) const {
  Reading reading{diagnostics, environment, std::move(path)};
  return check(node, reading);
}

bool SpecBase::read_into(const Node& node, void* config, Reading& reading) const {
  const size_t before = reading.diagnostics.errors();
  auto finish = [&] {
    if (reading.diagnostics.errors() == before)
      for (const auto& rule : checks_) rule(config, node, reading);
    return reading.diagnostics.errors() == before;
  };
  if (mark_) mark_(node, config);
  if (node.unresolved) return true;
  if (node.is_scalar() || node.is_sequence() || no_map_) {
    if (shorthand_ && shorthand_(node, config)) return finish();
    if (no_map_) return reading.wrong_type(node, shorthand_text_);
    return reading.wrong_type(node, shorthand_ ? "a map or " + shorthand_text_ : "a map");
  }

  std::vector<std::string> known;
  for (const Bound& bound : bound_) known.push_back(bound.key);
  for (const Entry& entry : node.entries) {
    auto bound = std::find_if(bound_.begin(), bound_.end(),
                              [&](const Bound& each) { return each.key == entry.key; });
    auto reserved = std::find_if(reserved_.begin(), reserved_.end(),
                                 [&](const Reserved& each) { return each.key == entry.key; });
    Reading::Scope scope(reading, entry.key);
    if (bound != bound_.end())
      bound->read(entry.value, config, reading);
    else if (reserved != reserved_.end())
      reading.error(entry.key_mark, reserved->message, {}, {}, reserved->hint);
    else if (rest_)
      rest_(entry, config);
    else if (known.empty())
      reading.error(entry.key_mark, "unknown key", "an empty map, `{}`");
    else
      reading.error(entry.key_mark, "unknown key", "one of: " + quoted_list(known),
                    nearest_name(entry.key, known));
  }

  for (const Bound& bound : bound_)
    if (bound.required && !node.entry(bound.key))
      reading.error(
          node.mark, fmt::format("the key `{}` is missing", bound.key), bound.type().expected(), {},
          bound.example.empty() ? ""
                                : fmt::format("for example `{}: {}`", bound.key, bound.example));
  for (const auto* groups : {&exactly_one_, &at_most_one_}) {
    for (const std::vector<std::string>& group : *groups) {
      const Entry* first = nullptr;
      for (const std::string& key : group) {
        const Entry* entry = node.entry(key);
        if (entry && first)
          reading.error(entry->key_mark,
                        fmt::format("`{}` cannot stand beside `{}`", key, first->key),
                        "one of: " + quoted_list(group));
        else if (entry)
          first = entry;
      }
      if (!first && groups == &exactly_one_)
        reading.error(node.mark, "a key is missing", "one of: " + quoted_list(group));
    }
  }
  return finish();
}

bool read_string(const Node& node, const TypeDoc& doc, std::string& out, Reading& reading) {
  if (node.unresolved) return true;
  if (!node.is_scalar()) return reading.wrong_type(node, doc.expected());
  if (doc.accepts && !doc.accepts(node.text)) return reading.wrong_type(node, doc.expected());
  out = node.text;
  return true;
}

bool read_bool(const Node& node, bool& out, Reading& reading) {
  if (node.unresolved) return true;
  if (bare(node) && (node.text == "true" || node.text == "false")) {
    out = node.text == "true";
    return true;
  }
  return reading.wrong_type(node, "true or false");
}

bool read_integer(const Node& node, const TypeDoc& doc, int64_t lowest, int64_t highest,
                  int64_t& out, Reading& reading) {
  if (node.unresolved) return true;
  for (const auto& [word, meant] : doc.words) {
    if (!node.is_scalar() || node.text != word) continue;
    out = meant;
    return true;
  }
  std::optional<int64_t> value;
  if (node.is_scalar() && doc.unit == Unit::kDuration)
    value = parse_duration_ms(node.text);
  else if (node.is_scalar() && doc.unit == Unit::kBytes)
    value = parse_bytes(node.text);
  else if (bare(node))
    value = parse_whole<int64_t>(node.text);
  if (!value || *value < lowest || *value > highest || !within(doc, static_cast<double>(*value))) {
    TypeDoc shown = doc;
    if (value && doc.unit == Unit::kNone && !shown.min && !shown.max) {
      shown.min = static_cast<double>(lowest);
      if (highest != std::numeric_limits<int64_t>::max()) shown.max = static_cast<double>(highest);
    }
    return reading.wrong_type(node, shown.expected());
  }
  out = *value;
  return true;
}

bool read_number(const Node& node, const TypeDoc& doc, double& out, Reading& reading) {
  if (node.unresolved) return true;
  std::optional<double> value;
  if (node.is_scalar() && doc.unit == Unit::kRate)
    value = parse_rate(node.text);
  else if (bare(node))
    value = parse_whole<double>(node.text);
  if (!value || !std::isfinite(*value) || !within(doc, *value))
    return reading.wrong_type(node, doc.expected());
  out = *value;
  return true;
}

bool read_secret(const Node& node, Secret& out, Reading& reading) {
  constexpr std::string_view kFile = "file:";
  if (node.unresolved) return true;
  if (!node.is_scalar()) return reading.wrong_type(node, "a text, `${NAME}` or `file:PATH`");
  // Only what the file itself says is a reference, never a variable's value.
  const std::string& written = node.written.empty() ? node.text : node.written;
  if (!written.starts_with(kFile)) {
    out = Secret(node.text);
    return true;
  }
  std::string path = node.text.substr(kFile.size());
  if (!reading.environment) {
    reading.error(node.mark, "`file:` has no meaning here");
    return false;
  }
  auto read = [environment = *reading.environment, path]() -> Result<std::string> {
    ASSIGN(std::string value, environment.read_file(path));
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
    return value;
  };
  Result<std::string> content = read();
  if (!content) {
    std::string message = fmt::format("the secret's file: {}", content.error().message());
    if (reading.environment->missing() == Environment::Missing::kFail) {
      reading.error(node.mark, std::move(message));
      return false;
    }
    if (reading.environment->missing() == Environment::Missing::kWarn)
      reading.warning(node.mark, std::move(message));
    return true;
  }
  out = Secret(std::move(content).value(), std::move(read));
  return true;
}

bool read_choice(const Node& node, const TypeDoc& doc, std::optional<size_t>& out,
                 Reading& reading) {
  if (node.unresolved) return true;
  if (!node.is_scalar()) return reading.wrong_type(node, doc.expected());
  auto at = std::find(doc.choices.begin(), doc.choices.end(), node.text);
  if (at == doc.choices.end()) {
    reading.error(node.mark, "found " + node.found(), doc.expected(),
                  nearest_name(node.text, doc.choices));
    return false;
  }
  out = static_cast<size_t>(at - doc.choices.begin());
  return true;
}

bool read_one_of(const Node& node, const TypeDoc& doc, Reading& reading,
                 const std::function<bool(size_t, const Node*)>& use) {
  if (node.unresolved) return true;
  std::vector<std::string> names;
  for (const auto& each : doc.alternatives) names.push_back(each.name);
  auto index_of = [&](const std::string& name) -> std::optional<size_t> {
    auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) return std::nullopt;
    return static_cast<size_t>(at - names.begin());
  };
  if (node.is_scalar()) {
    auto index = index_of(node.text);
    if (!index) {
      reading.error(node.mark, "found " + node.found(), doc.expected(),
                    nearest_name(node.text, names));
      return false;
    }
    if (!doc.alternatives[*index].object) return use(*index, nullptr);
    Node empty;
    empty.kind = Node::Kind::kMap;
    empty.mark = node.mark;
    Reading::Scope scope(reading, node.text);
    return use(*index, &empty);
  }
  if (!node.is_map() || node.entries.empty()) return reading.wrong_type(node, doc.expected());
  const Entry& entry = node.entries.front();
  auto index = index_of(entry.key);
  Reading::Scope scope(reading, entry.key);
  if (!index) {
    reading.error(entry.key_mark, "unknown key", doc.expected(), nearest_name(entry.key, names));
    return false;
  }
  if (node.entries.size() > 1) {
    const Entry& second = node.entries[1];
    reading.error(second.key_mark,
                  fmt::format("`{}` cannot stand beside `{}`", second.key, entry.key),
                  doc.expected());
    return false;
  }
  if (!doc.alternatives[*index].object) {
    reading.error(entry.key_mark, "a bare word, without a value",
                  fmt::format("`{}`", doc.alternatives[*index].name));
    return false;
  }
  return use(*index, &entry.value);
}

std::string show_integer(int64_t value, Unit unit) {
  if (unit == Unit::kDuration) return format_duration_ms(value);
  if (unit == Unit::kBytes) {
    constexpr int64_t kKiB = 1024;
    const char* const kUnits[] = {"", "KiB", "MiB", "GiB"};
    size_t step = 0;
    while (step < 3 && value != 0 && value % kKiB == 0) value /= kKiB, ++step;
    return fmt::format("{}{}", value, kUnits[step]);
  }
  return fmt::format("{}", value);
}

std::string show_number(double value, Unit unit) {
  return unit == Unit::kRate ? plain(value) + "/s" : plain(value);
}

std::optional<double> parse_rate(std::string_view text) {
  double per = 1;
  if (size_t slash = text.find('/'); slash != std::string_view::npos) {
    std::string_view unit = text.substr(slash + 1);
    if (unit == "s")
      per = 1;
    else if (unit == "m")
      per = 60;
    else if (unit == "h")
      per = 3600;
    else
      return std::nullopt;
    text = text.substr(0, slash);
  }
  auto value = parse_whole<double>(text);
  if (!value || !std::isfinite(*value) || *value <= 0) return std::nullopt;
  return *value / per;
}

}  // namespace leat::config
