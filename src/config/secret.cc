#include "config/secret.h"

#include <algorithm>

namespace leat::config {

void Redactor::add(const Secret& secret) {
  constexpr size_t kShortest = 4;
  const std::string& value = secret.reveal();
  if (value.size() < kShortest) return;
  auto longer = [&](const std::string& other) { return other.size() < value.size(); };
  values_.insert(std::find_if(values_.begin(), values_.end(), longer), value);
}

std::string Redactor::redact(std::string_view text) const {
  std::string out(text);
  for (const std::string& value : values_) {
    for (size_t at = out.find(value); at != std::string::npos; at = out.find(value, at + 3))
      out.replace(at, value.size(), "***");
  }
  return out;
}

}  // namespace leat::config
