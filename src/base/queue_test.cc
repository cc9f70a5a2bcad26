#include "base/queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace leat {
namespace {

using Queue = BoundedQueue<std::unique_ptr<int>>;

TEST(BoundedQueue, KeepsOrderAndCountsBytes) {
  Queue queue(100, 10);
  ASSERT_TRUE(queue.push(std::make_unique<int>(1), 40, {}));
  ASSERT_TRUE(queue.push(std::make_unique<int>(2), 60, {}));
  EXPECT_EQ(queue.bytes(), 100u);
  EXPECT_EQ(**queue.pop({}), 1);
  EXPECT_EQ(queue.bytes(), 60u);
  EXPECT_EQ(**queue.pop({}), 2);
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(BoundedQueue, TakesAnOversizedItemAlone) {
  Queue queue(10, 10);
  EXPECT_TRUE(queue.push(std::make_unique<int>(1), 1000, {}));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(queue.push(std::make_unique<int>(2), 1, stopped.get_token()));
}

TEST(BoundedQueue, IsBoundedInItems) {
  Queue queue(1000, 1);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_TRUE(queue.push(std::make_unique<int>(1), 1, {}));
  EXPECT_FALSE(queue.push(std::make_unique<int>(2), 1, stopped.get_token()));
}

TEST(BoundedQueue, RefusesAfterCloseAndDrains) {
  Queue queue(10, 10);
  ASSERT_TRUE(queue.push(std::make_unique<int>(1), 1, {}));
  queue.close();
  EXPECT_FALSE(queue.push(std::make_unique<int>(2), 1, {}));
  EXPECT_EQ(**queue.pop({}), 1);
  EXPECT_FALSE(queue.pop({}).has_value());
}

TEST(BoundedQueue, PopForGivesUp) {
  Queue queue(10, 10);
  EXPECT_FALSE(queue.pop_for({}, std::chrono::nanoseconds(0)).has_value());
}

TEST(BoundedQueue, HandsEveryItemOverWhenFullMostOfTheTime) {
  constexpr int kItems = 2000;
  Queue queue(3, 2);
  std::jthread producer([&](std::stop_token stop) {
    for (int i = 0; i < kItems; ++i) EXPECT_TRUE(queue.push(std::make_unique<int>(i), 1, stop));
    queue.close();
  });
  int next = 0;
  while (auto item = queue.pop({})) EXPECT_EQ(**item, next++);
  EXPECT_EQ(next, kItems);
}

TEST(BoundedQueue, StopWakesAPopper) {
  Queue queue(10, 10);
  std::jthread popper([&](std::stop_token stop) { EXPECT_FALSE(queue.pop(stop).has_value()); });
  popper.request_stop();
}

}  // namespace
}  // namespace leat
