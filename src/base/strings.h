// Text helpers that more than one room needs: nearest name, quoting, hex, durations and sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leat {

/// The candidate nearest to `name` by edit distance, when near enough to be a slip; else nullopt.
std::optional<std::string_view> nearest(std::string_view name,
                                        std::span<const std::string_view> candidates);

/// "a, b, c".
std::string join(std::span<const std::string> parts, std::string_view separator);

/// A SQL identifier in double quotes, inner quotes doubled.
std::string quote_identifier(std::string_view name);
/// A SQL string literal in single quotes, inner quotes doubled.
std::string quote_literal(std::string_view text);

std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

/// "250ms", "10s", "5m", "2h", "14d" to milliseconds; nullopt when it is none of these or overflows.
std::optional<int64_t> parse_duration_ms(std::string_view text);
/// Milliseconds to the largest whole unit: 60000 -> "1m".
std::string format_duration_ms(int64_t ms);
/// "512", "64KiB", "10MB", "1GiB" to bytes.
std::optional<int64_t> parse_bytes(std::string_view text);

/// True for `[a-z][a-z0-9_]{0,47}`: projects, pipelines, stores, rules.
bool is_identifier(std::string_view name);
/// True for a legal Kafka topic name: [a-zA-Z0-9._-]{1,249}, not "." or "..".
bool is_topic_name(std::string_view name);
/// With small letters for A to Z, as SQL compares names; other characters stay.
std::string lower(std::string_view text);
/// The longest beginning of `text` of at most `bytes` that ends no character in its middle.
std::string_view utf8_prefix(std::string_view text, size_t bytes);
/// As much of a value as a message shows.
std::string_view shown(std::string_view text);
/// True when `bytes` is well-formed UTF-8.
bool is_utf8(std::string_view bytes);

}  // namespace leat
