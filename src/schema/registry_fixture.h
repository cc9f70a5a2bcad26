// What the registry's tests share: a registry over a store in memory, and a small language of schemas, so that these
// tests are of the registry alone. For tests only.
//
//   schema = type...          "int string= @money": a field a word; "=": with a default; "@": from a reference
//   canonical: one blank between words; normalised: words sorted; reading needs all fields without a default
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "schema/memory_store.h"
#include "schema/registry.h"
#include "schema/registry_error.h"
#include "testing/result.h"

namespace leat::schema {

class WordSchema final : public ParsedSchema {
 public:
  WordSchema(Format format, std::vector<std::string> words)
      : format_(format), words_(std::move(words)), text_(join(words_)) {}
  Format format() const override { return format_; }
  const std::string& canonical() const override { return text_; }
  std::string normalized() const override {
    auto words = words_;
    std::sort(words.begin(), words.end());
    return join(words);
  }
  std::string record_name() const override { return {}; }
  Outline outline() const override { return {}; }

  static std::string join(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
  }

 private:
  std::vector<Difference> compare(const ParsedSchema& writer) const override {
    const auto& written = dynamic_cast<const WordSchema&>(writer).words_;
    std::vector<Difference> out;
    for (const auto& word : words_) {
      if (word.ends_with('=') || std::count(written.begin(), written.end(), word) ||
          std::count(written.begin(), written.end(), word + "="))
        continue;
      out.push_back({"READER_FIELD_MISSING_DEFAULT_VALUE", "/" + word, word + " has no default"});
    }
    return out;
  }

  const Format format_;
  const std::vector<std::string> words_;
  const std::string text_;
};

inline Result<ParsedPointer> parse_words(Format format, std::string_view text,
                                         const std::vector<Resolved>& references) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word; words.push_back(word)) {
    if (word == "broken") return Error(ErrorCode::kInvalidArgument, "broken at 1:1");
    if (word[0] != '@') continue;
    const bool known = std::any_of(references.begin(), references.end(), [&](const Resolved& r) {
      return r.reference.name == word.substr(1);
    });
    if (!known) return Error(ErrorCode::kInvalidArgument, word + " is no reference");
  }
  return ParsedPointer(std::make_shared<WordSchema>(format, std::move(words)));
}

inline Candidate words(std::string text, std::vector<Reference> references = {}) {
  Candidate out;
  out.content.text = std::move(text);
  out.content.references = std::move(references);
  return out;
}

inline Subject named(std::string_view name) { return Subject::parse(name); }

/// The contract's number of a refusal; 0: it was none.
template <typename T>
int code(const Result<T>& result) {
  return result ? 0 : static_cast<int>(code_of(result.error()));
}

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  /// As after a restart: from the rows alone.
  void open() {
    registry_.reset();
    auto opened = Registry::open(store_, parse_words);
    ASSERT_TRUE(opened) << opened.error().to_string();
    registry_ = std::move(*opened);
  }
  Version add(std::string_view subject, const Candidate& candidate) {
    auto added = registry_->add(named(subject), candidate);
    EXPECT_TRUE(added) << added.error().to_string();
    return added ? *added : Version{};
  }
  Version add(std::string_view subject, const std::string& text) {
    return add(subject, words(text));
  }
  std::vector<std::string> subjects(Which which = Which::kLive) {
    return registry_->subjects(":*:", which);
  }
  void set_level(std::string_view subject, Level level) {
    Config config;
    config.level = level;
    EXPECT_OK(registry_->set_config(named(subject), config));
  }

  MemoryStore store_;
  std::unique_ptr<Registry> registry_;
};

}  // namespace leat::schema
