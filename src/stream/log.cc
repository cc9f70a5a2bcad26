#include "stream/log.h"

#include <numeric>

namespace leat::stream {
namespace {

class SoleMember final : public Membership {
 public:
  explicit SoleMember(int32_t partitions) : partitions_(static_cast<size_t>(partitions)) {
    std::iota(partitions_.begin(), partitions_.end(), 0);
  }
  Result<std::vector<int32_t>> assignment(std::stop_token) override { return partitions_; }
  std::stop_token changing() override { return {}; }
  void report(int32_t, int64_t) override {}

 private:
  std::vector<int32_t> partitions_;
};

}  // namespace

std::unique_ptr<Membership> sole_member(const TopicInfo& topic) {
  return std::make_unique<SoleMember>(topic.spec.partitions);
}

}  // namespace leat::stream
