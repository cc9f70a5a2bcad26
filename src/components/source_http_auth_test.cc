#include "components/source_http_auth.h"

#include <gtest/gtest.h>

namespace leat::components::http {
namespace {

TEST(SubstitutedBehindHost, IsWhatCameIntoPathAndQuery) {
  using Parts = std::vector<std::string>;
  const auto parts = substituted_behind_host;
  EXPECT_EQ(parts("http://${H}/v1/${KEY}/x?t=${T}", "http://api:80/v1/abc/x?t=zzz"),
            (Parts{"abc", "zzz"}));
  EXPECT_EQ(parts("http://h/${KEY:-none}", "http://h/s3cret"), Parts{"s3cret"});
  EXPECT_EQ(parts("${URL:-https://a.b/c/}", "https://d.e/f/"), Parts{});
  EXPECT_EQ(parts("", "http://h/p"), Parts{});
}

}  // namespace
}  // namespace leat::components::http
