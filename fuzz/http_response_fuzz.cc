// What a hostile API may answer: the decoding of bodies, and every header and page that the http
// source reads.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "codec/framing.h"
#include "components/source_http_pages.h"
#include "net/content_coding.h"
#include "net/headers.h"
#include "net/retry.h"
#include "net/url.h"

namespace {

constexpr size_t kCap = 1 << 20;

/// The first byte chooses a coding, the rest is the body.
void decode(std::string_view body, uint8_t choice) {
  constexpr std::string_view kCodings[] = {"", "gzip", "deflate", "zstd"};
  auto decoded = leat::net::decode_body(body, kCodings[choice % 4], kCap);
  if (!decoded) return;
  CHECK(decoded->size() <= kCap);
  leat::codec::JsonPage page;
  decoded->reserve(decoded->size() + leat::limits::kHttpBodyPadding);
  if (!page.load(*decoded)) return;
  for (auto pointer : {"", "/data", "/0/id", "/a~1b"}) {
    if (auto records = page.records(pointer))
      for (auto record : *records)
        CHECK(record.data() >= decoded->data() &&
              record.data() + record.size() <= decoded->data() + decoded->size());
    (void)page.value(pointer);
  }
}

void read_fields(std::string_view text) {
  namespace net = leat::net;
  net::Headers headers;
  headers.add("Link", std::string(text));
  (void)leat::components::http::next_link(headers);
  if (auto wait = net::parse_retry_after(text, 1'700'000'000'000))
    CHECK(*wait >= 0 && *wait <= leat::limits::kMaxRetryAfterMs);
  if (auto date = net::parse_http_date(text))
    CHECK(net::parse_http_date(net::format_http_date(*date)) == *date);
  if (auto url = net::Url::parse(text)) {
    auto again = net::Url::parse(url->to_string());
    CHECK(again && *again == *url, "{}", url->to_string());
  }
  auto base = net::Url::parse("https://api.example.com/v1/users?page=1");
  if (auto next = net::resolve(*base, text))
    CHECK(net::Url::parse(next->to_string()).has_value(), "{}", next->to_string());
  leat::components::http::Pagination pagination = leat::components::http::PageNumbers{};
  if (auto state = leat::components::http::PassState::parse(text, pagination)) {
    auto again = leat::components::http::PassState::parse(state->to_json(), pagination);
    CHECK(again.has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  decode(text, data[0]);
  if (text.size() < 4096) read_fields(text);
  return 0;
}
