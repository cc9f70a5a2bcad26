#include "components/source_http_pages.h"

#include <gtest/gtest.h>

namespace leat::components::http {
namespace {

std::string next_of(std::string_view link) {
  net::Headers headers;
  headers.add("Link", std::string(link));
  return next_link(headers).value_or("none");
}

TEST(NextLink, ReadsParametersAsTheRfcWritesThem) {
  EXPECT_EQ(next_of("</p2>; rel=\"next\""), "/p2");
  EXPECT_EQ(next_of("</p2>;rel=next"), "/p2");
  EXPECT_EQ(next_of("</p2>; rel = \"next\""), "/p2");
  EXPECT_EQ(next_of("</p2>;\trel=\"next\""), "/p2");
  EXPECT_EQ(next_of("</p2>; title=\"rel=x; \\\"y\"; REL=\"prev NEXT\""), "/p2");
  EXPECT_EQ(next_of("</p1>; rel=prev; title=\"a, <b>\", </p2>; crossorigin; rel=next"), "/p2");
  EXPECT_EQ(next_of("</p1>; rel=prev; rel=next"), "none") << "the first rel counts";
  EXPECT_EQ(next_of("</p1>; title=\"; rel=next\""), "none");
  EXPECT_EQ(next_of("</p1>; xrel=next, </p2>; rel=nextish"), "none");
  EXPECT_EQ(next_of("</p1; rel=next"), "none");
  EXPECT_EQ(next_of("</p1>; rel=\"next"), "/p1")
      << "a quote that is not closed ends with the header";
}

}  // namespace
}  // namespace leat::components::http
