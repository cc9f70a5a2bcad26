#include "app/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "app/cli.h"
#include "app/console.h"
#include "server/json.h"

namespace leat::app {
namespace {

/// `%*`: the message as a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = server::json_text({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

/// `%*`: the message with control characters made visible, so that no record can forge or hide a
/// line.
class TextMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = printable({message.payload.data(), message.payload.size()}, false);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<TextMessage>();
  }
};

}  // namespace

Result<void> start_logging(const GlobalOptions& options, bool running) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  try {
    if (!options.log_file.empty()) {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.log_file);
    } else {
      const auto mode =
          use_color(options.no_color) ? spdlog::color_mode::automatic : spdlog::color_mode::never;
      sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(mode);
    }
  } catch (const spdlog::spdlog_ex& failed) {
    return Error(ErrorCode::kIo,
                 fmt::format("cannot log to {}: {}", options.log_file, failed.what()));
  }
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (options.log_format == "json") {
    formatter->add_flag<JsonMessage>('*');
    formatter->set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","thread":%t,"message":%*})");
  } else {
    formatter->add_flag<TextMessage>('*');
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %*");
  }
  auto logger = std::make_shared<spdlog::logger>("leat", std::move(sink));
  logger->set_formatter(std::move(formatter));
  const std::string level = !options.log_level.empty() ? options.log_level
                            : running                  ? "info"
                                                       : "warn";
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

}  // namespace leat::app
