// Can a JSON Schema read what another wrote? The rules of Confluent's registry, those of them that refuse.
//
// As with Avro, pairs of schemas are looked at on the assumption that all others fit; each that does not makes those that
// asked for it be looked at again. A pair that has failed stays so: the rules only ask others to fit, never not to.
//
// Source: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/serdes-json.html
#include <fmt/core.h>

#include <unordered_map>
#include <unordered_set>

#include "base/limits.h"
#include "schema/json_rules.h"
#include "schema/json_tree.h"

namespace leat::schema::json {
namespace {

struct PairHash {
  size_t operator()(const Pair& pair) const {
    const std::hash<const void*> hash;
    return hash(pair.writer) * 0x9e3779b97f4a7c15 + hash(pair.reader);
  }
};

class Comparison : public Others {
 public:
  std::vector<Difference> run(const Pair& root) {
    enter(root);
    while (!open_.empty() && asked_ <= kMaxAsked) look_again();
    if (!open_.empty() || states_.size() > limits::kSchemaPairs) {
      return {
          {"TYPE_CHANGED", "#/",
           fmt::format("the schemas are too large to compare: more than {} pairs of their parts",
                       limits::kSchemaPairs)}};
    }
    tell(root);
    return std::move(told_);
  }

  bool fit(const Pair& pair) override {
    ++asked_;
    State& state = enter({&followed(*pair.writer), &followed(*pair.reader)});
    state.needed_by.insert(current_);
    return state.fits;
  }

 private:
  static constexpr size_t kMaxAsked = 20 * limits::kSchemaPairs;

  struct State {
    Findings findings;
    std::unordered_set<State*> needed_by;
    const Pair* pair = nullptr;
    bool fits = true, is_open = false, told = false;
    Place place;  // once told
  };

  State& enter(const Pair& pair) {
    auto [found, is_new] = states_.try_emplace(pair);
    State& state = found->second;
    state.pair = &found->first;
    if (is_new) open(state);
    return state;
  }
  void open(State& state) {
    if (!state.is_open && state.fits) open_.push_back(&state);
    state.is_open = state.fits;
  }

  void look_again() {
    State& state = *open_.back();
    open_.pop_back();
    state.is_open = false;
    current_ = &state;
    state.findings = findings(*state.pair, *this);
    state.fits = state.findings.differences.empty();
    for (const auto& [path, pair] : state.findings.needs) {
      if (!fit(pair)) state.fits = false;
    }
    if (states_.size() > limits::kSchemaPairs) asked_ = kMaxAsked + 1;
    if (state.fits) return;
    for (State* other : state.needed_by) open(*other);
  }

  /// Each pair's differences once, where it is met first.
  void tell(const Pair& root) {
    std::vector<State*> open;
    auto reach = [&](const Pair& pair, const Place& place) {
      State& state = states_.at({&followed(*pair.writer), &followed(*pair.reader)});
      if (state.fits || state.told) return;
      state.told = true, state.place = place;
      open.push_back(&state);
    };
    reach(root, {});
    while (!open.empty() && told_.size() < limits::kSchemaDifferences) {
      State& state = *open.back();
      open.pop_back();
      for (const Difference& one : state.findings.differences) {
        const std::string path = path_to({&state.place, one.path}, "#");
        told_.push_back({one.rule, path == "#" ? "#/" : path, one.message});
      }
      const auto& needs = state.findings.needs;
      for (auto need = needs.rbegin(); need != needs.rend(); ++need) {
        reach(need->second, {&state.place, need->first});
      }
    }
  }

  std::unordered_map<Pair, State, PairHash> states_;
  std::vector<State*> open_;
  State* current_ = nullptr;
  size_t asked_ = 0;
  std::vector<Difference> told_;
};

}  // namespace

const Node& followed(const Node& node) {
  const Node* at = &node;
  while (at->kind == Kind::kReference) at = at->target;
  return *at;
}

std::vector<Difference> tree_differences(const Tree& reader, const Tree& writer) {
  return Comparison().run({&followed(writer.root()), &followed(reader.root())});
}

}  // namespace leat::schema::json
