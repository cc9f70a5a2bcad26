// Flat user records, each made from its number alone: about 452 bytes as JSON, in the shape of the reference project's
// topic users_created. The same records go to leat and to what it is measured beside.
#pragma once

#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace leat::bench {

/// The values of a record; `id` is the text of a UUID with these two halves.
struct User {
  uint64_t id_upper = 0, id_lower = 0;
  std::string id, first_name, last_name, gender, address, post_code, email, username;
  std::string dob, registered_date, phone, picture, country;
  int64_t dob_us = 0, registered_us = 0;  // since 1970
};

inline uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

template <size_t N>
std::string_view pick(const std::array<std::string_view, N>& from, uint64_t random) {
  return from[random % N];
}

/// "YYYY-MM-DDThh:mm:ss.mmmZ" of a time, by the civil calendar's days.
inline std::string time_text(int64_t us) {
  const int64_t days = us / 86'400'000'000, in_day = us % 86'400'000'000 / 1000;
  const int64_t z = days + 719'468, era = z / 146'097, doe = z - era * 146'097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     yoe + era * 400 + (month <= 2 ? 1 : 0), month, day, in_day / 3'600'000,
                     in_day / 60'000 % 60, in_day / 1000 % 60, in_day % 1000);
}

inline User user(uint64_t n) {
  static constexpr std::array<std::string_view, 8> kFirst = {
      "Logan", "Licélia", "Krisha", "Nathielle", "Emma", "Oğuzhan", "Gundula", "Alberto"};
  static constexpr std::array<std::string_view, 8> kLast = {
      "Mackay", "da Silva", "Gamskar", "Pereira", "Poulsen", "Tekelioğlu", "Friedrich", "Serrano"};
  static constexpr std::array<std::string_view, 6> kStreets = {
      "Concession Road 6", "Rua Vinte de Setembro", "Hauptstrasse",
      "Dane Street",       "Mevlana Caddesi",       "Avenida del Planetario"};
  static constexpr std::array<std::string_view, 6> kCountries = {"Canada",  "Brazil", "India",
                                                                 "Denmark", "Turkey", "Spain"};
  const uint64_t a = mixed(n), b = mixed(a), c = mixed(b), d = mixed(c);
  User u;
  u.id_upper = (a & 0xFFFFFFFFFFFF0FFF) | 0x4000;
  u.id_lower = (b & 0x3FFFFFFFFFFFFFFF) | 0x8000000000000000;
  u.id = fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", u.id_upper >> 32,
                     u.id_upper >> 16 & 0xFFFF, u.id_upper & 0xFFFF, u.id_lower >> 48,
                     u.id_lower & 0xFFFFFFFFFFFF);
  u.first_name = pick(kFirst, c), u.last_name = pick(kLast, c >> 8);
  u.gender = c >> 16 & 1 ? "female" : "male";
  u.country = pick(kCountries, c >> 24);
  u.address = fmt::format("{} {}, Municipality of {:06x}, Province, {}", d % 9999,
                          pick(kStreets, c >> 32), d >> 16 & 0xFFFFFF, u.country);
  u.post_code = fmt::format("{:05}", d >> 40 & 0xFFFF);
  u.email = fmt::format("{:x}.{:x}@example.com", d & 0xFFFFFF, n);
  u.username = fmt::format("user{:x}", d & 0xFFFFFFFF);
  u.dob_us = static_cast<int64_t>(a % 1'500'000'000'000) * 1000;
  u.registered_us = 1'100'000'000'000'000 + static_cast<int64_t>(b % 600'000'000'000) * 1000;
  u.dob = time_text(u.dob_us), u.registered_date = time_text(u.registered_us);
  u.phone = fmt::format("({:03})-{:03}-{:04}", d >> 8 & 0x1FF, c & 0x1FF, d & 0x1FFF);
  u.picture = fmt::format("https://randomuser.me/api/portraits/med/{}/{}.jpg",
                          u.gender == "male" ? "men" : "women", d % 100);
  return u;
}

/// `more`: text before the closing brace, such as `,"n":7`.
inline void append_json(const User& u, std::string& out, std::string_view more = {}) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"id":"{}","first_name":"{}","last_name":"{}","gender":"{}","address":"{}","post_code":"{}",)"
      R"("email":"{}","username":"{}","dob":"{}","registered_date":"{}","phone":"{}","picture":"{}",)"
      R"("country":"{}"{}}})",
      u.id, u.first_name, u.last_name, u.gender, u.address, u.post_code, u.email, u.username, u.dob,
      u.registered_date, u.phone, u.picture, u.country, more);
}

}  // namespace leat::bench
