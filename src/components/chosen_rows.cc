#include "components/chosen_rows.h"

#include <fmt/core.h>

#include <cstring>

namespace leat::components {

const std::vector<Place>& ChosenRows::choose(const stream::SinkBatch& batch,
                                             const types::Schema& schema,
                                             const std::vector<size_t>& key,
                                             const AppendKey& append_key,
                                             std::vector<stream::RefusedRow>& refused) {
  latest_.clear();  // before keys_, where its keys are
  places_.clear(), spans_.clear(), keys_.clear();
  for (size_t c = 0; c < batch.chunks.size(); ++c) {
    for (size_t r = 0; r < batch.chunks[c].rows; ++r) {
      const size_t begin = keys_.size();
      if (!key.empty() && !add_key(batch, {c, r}, schema, key, append_key, refused)) continue;
      spans_.emplace_back(begin, keys_.size() - begin);
      places_.push_back({c, r});
    }
  }
  if (key.empty() || !refused.empty()) return places_;
  latest_.reserve(places_.size());
  const auto version = [&](const Place& p) { return batch.versions[p.chunk][p.row]; };
  size_t kept = 0;
  for (size_t i = 0; i < places_.size(); ++i) {
    const std::string_view bytes =
        std::string_view(keys_).substr(spans_[i].first, spans_[i].second);
    auto [it, is_new] = latest_.try_emplace(bytes, kept);
    if (is_new)
      places_[kept] = places_[i], spans_[kept] = spans_[i], ++kept;
    else if (version(places_[i]) >= version(places_[it->second]))
      places_[it->second] = places_[i];
  }
  places_.resize(kept), spans_.resize(kept);
  return places_;
}

bool ChosenRows::add_key(const stream::SinkBatch& batch, Place at, const types::Schema& schema,
                         const std::vector<size_t>& key, const AppendKey& append_key,
                         std::vector<stream::RefusedRow>& refused) {
  for (size_t part = 0; part < key.size(); ++part) {
    const types::Vector& column = batch.chunks[at.chunk].columns[key[part]];
    const std::string& name = schema.fields[key[part]].name;
    if (!column.valid(at.row)) {
      refused.push_back({at.chunk, at.row, fmt::format("key {} is NULL", name)});
      return false;
    }
    const size_t begin = keys_.size();
    keys_.append(sizeof(uint32_t), '\0');  // its length, so that parts cannot run together
    if (auto problem = append_key(part, column, at.row, keys_)) {
      refused.push_back({at.chunk, at.row, fmt::format("key {}: {}", name, *problem)});
      return false;
    }
    const auto length = static_cast<uint32_t>(keys_.size() - begin - sizeof(uint32_t));
    std::memcpy(keys_.data() + begin, &length, sizeof length);
  }
  return true;
}

std::string_view ChosenRows::key(size_t i, size_t columns) const {
  const std::string_view all = std::string_view(keys_).substr(spans_[i].first, spans_[i].second);
  size_t end = 0;
  for (size_t c = 0; c < columns; ++c) {
    uint32_t length;
    std::memcpy(&length, all.data() + end, sizeof length);
    end += sizeof length + length;
  }
  return all.substr(0, end);
}

}  // namespace leat::components
