// See conditions.h.
#include "sql/conditions.h"

#include <fmt/core.h>

#include <map>

#include "sql/step.h"

namespace leat::sql {

std::string in_brackets(const std::string& text) { return "(" + text + ")"; }

std::string any_of_text(const std::vector<std::string>& conditions) {
  std::string out;
  for (const std::string& condition : conditions) {
    if (!condition.empty()) out += (out.empty() ? "" : " OR ") + condition;
  }
  return out;
}

void flatten_and(const Json& condition, std::vector<const Json*>& conjuncts) {
  if (type_of(condition) == "CONJUNCTION_AND") {
    for (const Json& child : condition.at("children")) flatten_and(child, conjuncts);
  } else {
    conjuncts.push_back(&condition);
  }
}

std::string failed_text(const std::set<int>& bits, const std::string& alias) {
  std::map<size_t, uint64_t> words;
  for (int bit : bits) {
    const auto b = static_cast<size_t>(bit);
    words[b / StepShape::kBitsPerWord] |= uint64_t{1} << (b % StepShape::kBitsPerWord);
  }
  std::string out;
  for (const auto& [word, mask] : words) {
    out += fmt::format("{}({}{}_leat_f{} & {}::BIGINT) <> 0", out.empty() ? "" : " OR ", alias,
                       alias.empty() ? "" : ".", word, mask);
  }
  return out.empty() ? out : in_brackets(out);
}

}  // namespace leat::sql
