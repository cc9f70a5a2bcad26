// Avro's schema resolution as a question: can a reader read what a writer wrote?
//
// A pair of types fits when nothing stands between the two themselves, and when of each group of pairs that it leads to
// at least one fits: a field's types are a group of one, a union's branches one group. Types may be recursive, so
// pairs are first collected, then those that do not fit pull down those that need them; what is left fits. What is
// told is found last, along the pairs that do not fit.
//
// Sources: Apache Avro 1.12 specification, "Schema Resolution"; kinds and locations of org.apache.avro.SchemaCompatibility.
#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/limits.h"
#include "base/strings.h"
#include "schema/avro_schema.h"

namespace leat::schema::avro {
bool promotes(Kind reader, Kind writer) {
  switch (reader) {
    case Kind::kLong:
      return writer == Kind::kInt;
    case Kind::kFloat:
      return writer == Kind::kInt || writer == Kind::kLong;
    case Kind::kDouble:
      return writer == Kind::kInt || writer == Kind::kLong || writer == Kind::kFloat;
    case Kind::kBytes:
      return writer == Kind::kString;
    case Kind::kString:
      return writer == Kind::kBytes;
    default:
      return false;
  }
}

bool same_name(const Node& reader, const Node& writer) {
  return reader.name.simple == writer.name.simple ||
         std::find(reader.aliases.begin(), reader.aliases.end(), writer.name) !=
             reader.aliases.end();
}

namespace {

/// What a type is called in a message.
std::string called(const Node& node) {
  const std::string name = node.has_name() ? node.name.full() : std::string(kind_name(node.kind));
  return std::string(utf8_prefix(name, limits::kShownBytes));
}

std::string missing_symbols(const Node& reader, const Node& writer) {
  const std::unordered_set<std::string_view> known(reader.symbols.begin(), reader.symbols.end());
  std::string missing;
  for (const std::string& symbol : writer.symbols) {
    if (known.contains(symbol)) continue;
    if (missing.size() > limits::kShownBytes) return missing + "…";
    missing += (missing.empty() ? "" : ", ") + symbol;
  }
  return missing;
}

using Pair = std::pair<const Node*, const Node*>;  // reader, writer
struct PairHash {
  size_t operator()(const Pair& pair) const {
    const std::hash<const void*> hash;
    return hash(pair.first) * 0x9e3779b97f4a7c15 + hash(pair.second);
  }
};

/// Pairs of which one must fit.
struct Group {
  std::string path;  // from the pair's own place
  std::vector<Pair> any;
  const Node* writer_branch =
      nullptr;  // what a reader's union lacks when none does; nullptr: a group of one
};

/// One pair: what is wrong with the two themselves, and what they lead to.
struct Opened {
  std::vector<Difference> differences;
  std::vector<Group> groups;
  size_t looked_at = 0;  // pairs of branches, of which most need no second look
};

class Expansion {
 public:
  Expansion(const Node& reader, const Node& writer) : reader_(reader), writer_(writer) {}

  Opened run() && {
    if (reader_.kind == Kind::kUnion && writer_.kind == Kind::kUnion) {
      step_.looked_at = reader_.inner.size() * writer_.inner.size();
      if (step_.looked_at > limits::kSchemaPairs) return std::move(step_);  // and nobody looks
      for (size_t i = 0; i < writer_.inner.size(); ++i) {
        choice(fmt::format("/{}", i), *writer_.inner[i]);
      }
    } else if (writer_.kind == Kind::kUnion) {
      for (const Node* branch : writer_.inner) need("", reader_, *branch);
    } else if (reader_.kind == Kind::kUnion) {
      choice("", writer_);
    } else if (reader_.kind != writer_.kind) {
      if (!promotes(reader_.kind, writer_.kind)) mismatch();
    } else if (reader_.has_name()) {
      named();
    } else if (!reader_.inner.empty()) {
      need(reader_.kind == Kind::kArray ? "/items" : "/values", *reader_.inner[0],
           *writer_.inner[0]);
    }
    return std::move(step_);
  }

 private:
  void need(std::string path, const Node& reader, const Node& writer) {
    step_.groups.push_back({std::move(path), {{&reader, &writer}}});
  }
  void choice(std::string path, const Node& writer) {
    Group group{std::move(path), {}, &writer};
    for (const Node* branch : reader_.inner) {
      const bool same =
          branch->kind == writer.kind && (!branch->has_name() || same_name(*branch, writer));
      if (same || promotes(branch->kind, writer.kind)) group.any.push_back({branch, &writer});
    }
    step_.groups.push_back(std::move(group));
  }
  void add(std::string_view rule, std::string path, std::string message) {
    step_.differences.push_back({std::string(rule), std::move(path), std::move(message)});
  }
  void mismatch() {
    add("TYPE_MISMATCH", "",
        fmt::format("the reader expects {}, the writer has {}", called(reader_), called(writer_)));
  }

  void named() {
    if (!same_name(reader_, writer_)) {
      add("NAME_MISMATCH", "/name",
          fmt::format("the reader's {} is '{}', the writer's '{}': keep the name, or give the old "
                      "one as an "
                      "alias",
                      kind_name(reader_.kind), called(reader_), called(writer_)));
    }
    if (reader_.kind == Kind::kFixed && reader_.size != writer_.size) {
      add("FIXED_SIZE_MISMATCH", "/size",
          fmt::format("fixed '{}' has {} bytes for the reader and {} for the writer",
                      called(reader_), reader_.size, writer_.size));
    }
    if (reader_.kind == Kind::kEnum && !reader_.symbol_default) {
      const std::string missing = missing_symbols(reader_, writer_);
      if (!missing.empty()) {
        add("MISSING_ENUM_SYMBOLS", "/symbols",
            fmt::format("enum '{}' of the reader lacks symbols of the writer: {}; keep them, or "
                        "give the enum "
                        "a default",
                        called(reader_), missing));
      }
    }
    if (reader_.kind == Kind::kRecord) fields();
  }

  void fields() {
    std::unordered_map<std::string_view, const Field*> written;
    for (const Field& field : writer_.fields) written.emplace(field.name, &field);
    auto find = [&](const Field& field) -> const Field* {
      if (auto found = written.find(field.name); found != written.end()) return found->second;
      for (const std::string& alias : field.aliases) {
        if (auto found = written.find(alias); found != written.end()) return found->second;
      }
      return nullptr;
    };
    for (size_t i = 0; i < reader_.fields.size(); ++i) {
      const Field& field = reader_.fields[i];
      if (const Field* from = find(field)) {
        need(fmt::format("/fields/{}/type", i), *field.type, *from->type);
      } else if (!field.default_value) {
        add("READER_FIELD_MISSING_DEFAULT_VALUE", fmt::format("/fields/{}", i),
            fmt::format("the reader's field '{}' is not in the writer's record '{}' and has no "
                        "default: give "
                        "it one",
                        utf8_prefix(field.name, limits::kShownBytes), called(writer_)));
      }
    }
  }

  const Node& reader_;
  const Node& writer_;
  Opened step_;
};

class Resolution {
 public:
  std::vector<Difference> run(const Pair& root) {
    if (!collect(root)) {
      return {{"TYPE_MISMATCH", "/",
               fmt::format("the schemas are too large to compare: more than {} pairs of types",
                           limits::kSchemaPairs)}};
    }
    spread();
    tell(root);
    return std::move(told_);
  }

 private:
  struct State {
    Opened step;
    std::vector<size_t> left;  // of each group: pairs that may still fit
    std::vector<std::pair<const Pair*, size_t>> needed_by;  // a pair and its group
    bool fits = true, told = false;
    Place place;  // once told
  };

  /// Finds every pair that matters. False when there are too many.
  bool collect(const Pair& root) {
    std::vector<const Pair*> open;
    size_t edges = 0;
    auto enter = [&](const Pair& pair) -> State& {
      auto [found, is_new] = states_.try_emplace(pair);
      if (is_new) open.push_back(&found->first);
      return found->second;
    };
    enter(root);
    while (!open.empty()) {
      const Pair* pair = open.back();
      open.pop_back();
      Opened step = Expansion(*pair->first, *pair->second).run();
      std::vector<size_t> left;
      edges += step.looked_at;
      for (size_t g = 0; g < step.groups.size(); ++g) {
        left.push_back(step.groups[g].any.size());
        edges += step.groups[g].any.size() + 1;
        for (const Pair& next : step.groups[g].any) enter(next).needed_by.emplace_back(pair, g);
      }
      if (edges > limits::kSchemaPairs) return false;
      State& state = states_[*pair];
      state.step = std::move(step), state.left = std::move(left);
    }
    return true;
  }

  /// Pairs that do not fit pull down those that need them.
  void spread() {
    std::vector<State*> open;
    auto fail = [&](State& state) {
      if (state.fits) open.push_back(&state);
      state.fits = false;
    };
    for (auto& [pair, state] : states_) {
      const bool lacks = std::find(state.left.begin(), state.left.end(), 0U) != state.left.end();
      if (lacks || !state.step.differences.empty()) fail(state);
    }
    while (!open.empty()) {
      State& state = *open.back();
      open.pop_back();
      for (const auto& [pair, group] : state.needed_by) {
        State& needs = states_[*pair];
        if (--needs.left[group] == 0) fail(needs);
      }
    }
  }

  /// Each pair's differences once, where it is met first. No recursion: names make types deep.
  void tell(const Pair& root) {
    std::vector<State*> open;
    auto reach = [&](const Pair& pair, const Place& place) {
      State& state = states_.at(pair);
      if (state.fits || state.told) return;
      state.told = true, state.place = place;
      open.push_back(&state);
    };
    reach(root, {});
    while (!open.empty() && told_.size() < limits::kSchemaDifferences) {
      State& state = *open.back();
      open.pop_back();
      for (const Difference& one : state.step.differences) told(one, {&state.place, one.path});
      for (size_t g = state.step.groups.size(); g-- > 0;) {
        const Group& group = state.step.groups[g];
        if (state.left[g] == 0 && !group.writer_branch) {
          reach(group.any[0], {&state.place, group.path});
        }
      }
      for (size_t g = 0; g < state.step.groups.size(); ++g) {
        const Group& group = state.step.groups[g];
        if (state.left[g] != 0 || !group.writer_branch) continue;
        told({"MISSING_UNION_BRANCH", "",
              fmt::format("no type of the reader's union takes the writer's {}",
                          called(*group.writer_branch))},
             {&state.place, group.path});
      }
    }
  }

  void told(const Difference& one, const Place& place) {
    const std::string path = path_to(place, "");
    told_.push_back({one.rule, path.empty() ? "/" : path, one.message});
  }

  std::unordered_map<Pair, State, PairHash> states_;
  std::vector<Difference> told_;
};

}  // namespace

std::vector<Difference> resolution_differences(const Schema& reader, const Schema& writer) {
  return Resolution().run({&reader.root(), &writer.root()});
}

}  // namespace leat::schema::avro
