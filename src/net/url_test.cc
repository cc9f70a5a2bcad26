#include "net/url.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace leat::net {
namespace {

std::string normal(std::string_view text) {
  auto url = Url::parse(text);
  return url ? url->to_string() : "error: " + url.error().message();
}

TEST(Url, IsRebuiltFromItsParts) {
  EXPECT_EQ(normal("HTTPS://API.Example.com:443/a/./b/../c?x=1&y=%20#part"),
            "https://api.example.com/a/c?x=1&y=%20");
  EXPECT_EQ(normal("http://127.0.0.1:8080"), "http://127.0.0.1:8080/");
  EXPECT_EQ(normal("http://[::1]:80?a=b"), "http://[::1]/?a=b");
  EXPECT_EQ(normal("http://h/a b/\xc3\xa4"), "http://h/a%20b/%C3%A4");
  EXPECT_EQ(normal("http://h/../../etc"), "http://h/etc");
}

TEST(Url, LoopbackIsAnAddressNotANameThatLooksLikeOne) {
  for (const char* near : {"http://127.0.0.1:1/", "http://localhost/", "http://[::1]:8081/"})
    EXPECT_TRUE(Url::parse(near)->is_loopback()) << near;
  for (const char* far :
       {"http://127.evil.example/", "http://localhost.example/", "http://10.0.0.1/"})
    EXPECT_FALSE(Url::parse(far)->is_loopback()) << far;
}

TEST(Url, WhatTwoParsersCouldReadDifferentlyIsRefused) {
  for (auto text : {"ftp://h/", "h/path", "http://", "http:///x", "http://a b/",
                    "http://good.com\\@evil.com/", "http://h:0/", "http://h:70000/", "http://h:8x/",
                    "http://[::1", "http://h\r\nX: y/", "file:///etc/passwd"})
    EXPECT_FALSE(Url::parse(text).has_value()) << text;
  EXPECT_FALSE(Url::parse("http://h/" + std::string(limits::kMaxUrlBytes, 'a')).has_value());
}

TEST(Url, APasswordIsRefusedAndNotRepeated) {
  auto url = Url::parse("https://user:hunter2@host/");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().to_string().find("hunter2"), std::string::npos);
  EXPECT_NE(url.error().message().find("auth:"), std::string::npos);
}

TEST(Url, ReferencesResolveAsTheRfcSays) {
  auto base = *Url::parse("http://a/b/c/d?q");  // RFC 3986 section 5.4
  auto at = [&](std::string_view reference) { return resolve(base, reference)->to_string(); };
  EXPECT_EQ(at("g"), "http://a/b/c/g");
  EXPECT_EQ(at("./g"), "http://a/b/c/g");
  EXPECT_EQ(at("g/"), "http://a/b/c/g/");
  EXPECT_EQ(at("/g"), "http://a/g");
  EXPECT_EQ(at("//g"), "http://g/");
  EXPECT_EQ(at("?y"), "http://a/b/c/d?y");
  EXPECT_EQ(at("g?y#s"), "http://a/b/c/g?y");
  EXPECT_EQ(at(""), "http://a/b/c/d?q");
  EXPECT_EQ(at("."), "http://a/b/c/");
  EXPECT_EQ(at(".."), "http://a/b/");
  EXPECT_EQ(at("../../../g"), "http://a/g");
  EXPECT_EQ(at("g;x=1/../y"), "http://a/b/c/y");
  EXPECT_EQ(at("https://other/x"), "https://other/x");
  EXPECT_EQ(at("?next=http://x/"), "http://a/b/c/d?next=http://x/");
  EXPECT_FALSE(resolve(base, "javascript://alert"));
}

TEST(Url, QueriesRoundTrip) {
  EXPECT_EQ(build_query({{"a b", "c&d"}, {"e", "\xc3\xa9=+"}}), "a%20b=c%26d&e=%C3%A9%3D%2B");
  QueryParams params{{"a b", "c&d"}, {"e", "\xc3\xa9=+"}, {"", "x"}};
  EXPECT_EQ(parse_query(build_query(params)), params);
  EXPECT_EQ(parse_query("a+b=1&&c&d=%zz%4"),
            (QueryParams{{"a b", "1"}, {"c", ""}, {"d", "%zz%4"}}));
}

TEST(Url, SettingAParameterLeavesTheOthersBytesAlone) {
  auto url = *Url::parse("http://h/?b=%2c,&page=1&x=y&page=9");
  set_query_param(url, "page", "2");
  EXPECT_EQ(url.query, "b=%2c,&page=2&x=y");
  set_query_param(url, "new", "a b");
  EXPECT_EQ(url.query, "b=%2c,&page=2&x=y&new=a%20b");
}

TEST(Url, RemovingAParameterLeavesTheOthersBytesAlone) {
  Url url = *Url::parse("http://h/p?a=%7e&api%5Fkey=1&b&api_key=2&c=+");
  remove_query_param(url, "api_key");
  EXPECT_EQ(url.query, "a=%7e&b&c=+");
  remove_query_param(url, "nothing");
  EXPECT_EQ(url.query, "a=%7e&b&c=+");
}

TEST(Url, SecretsAreMasked) {
  auto url = *Url::parse("https://h/p?api_key=s1&page=2&access_token=s2&mine=s3");
  std::vector<std::string> secret{"mine"};
  EXPECT_EQ(redacted(url, secret), "https://h/p?api_key=***&page=2&access_token=***&mine=***");
}

TEST(OriginAllowList, ComparesSchemeHostAndPort) {
  OriginAllowList allow;
  allow.add(*Url::parse("https://api.example.com/x"));
  EXPECT_TRUE(allow.allows(*Url::parse("https://API.example.com:443/other")));
  EXPECT_FALSE(allow.allows(*Url::parse("http://api.example.com/")));
  EXPECT_FALSE(allow.allows(*Url::parse("https://api.example.com:8443/")));
  EXPECT_FALSE(allow.allows(*Url::parse("https://api.example.com.evil.com/")));
}

}  // namespace
}  // namespace leat::net
