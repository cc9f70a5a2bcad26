#include "components/source_file_config.h"

#include "base/limits.h"

namespace leat::components::file {
namespace {

bool is_pointer(std::string_view text) { return text.empty() || text.starts_with('/'); }
bool is_delimiter(std::string_view text) {
  return text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r';
}
bool is_path(std::string_view text) { return !text.empty(); }

const config::Spec<Csv>& csv_spec() {
  static const auto spec = [] {
    config::Spec<Csv> s("csv", "How CSV files are written.");
    s.field("delimiter", &Csv::delimiter).syntax("one character", is_delimiter);
    s.field("columns", &Csv::columns)
        .doc("Their names; without it the first line of a file names them.");
    return s;
  }();
  return spec;
}

}  // namespace

Format format_of(std::string_view path, Format configured) {
  if (configured != Format::kAuto) return configured;
  for (std::string_view ending : {".gz", ".zst"})
    if (path.ends_with(ending)) path.remove_suffix(ending.size());
  if (path.ends_with(".csv")) return Format::kCsv;
  if (path.ends_with(".json")) return Format::kJson;
  return Format::kNdjson;
}

const config::Spec<Config>& spec() {
  static const auto spec = [] {
    config::Spec<Config> s("file", "Reads records from files, once or as they grow.");
    s.field("path", &Config::paths)
        .required()
        .one_or_list()
        .syntax("a path or pattern", is_path)
        .doc(
            "Paths or patterns (`*`, `?`, `[a-z]`), relative to the project; read in the order of "
            "their names.")
        .example("data/users-*.ndjson");
    s.field("format", &Config::format)
        .choices({{"auto", Format::kAuto},
                  {"ndjson", Format::kNdjson},
                  {"json", Format::kJson},
                  {"csv", Format::kCsv}})
        .doc("`auto` goes by the name: `.csv`, `.json` (an array), else one JSON record a line.");
    s.field("compression", &Config::compression)
        .choices({{"auto", Compression::kAuto},
                  {"none", Compression::kNone},
                  {"gzip", Compression::kGzip},
                  {"zstd", Compression::kZstd}})
        .doc("`auto` goes by the name: `.gz`, `.zst`.");
    s.field("records", &Config::records)
        .syntax("a JSON Pointer such as `/results`", is_pointer)
        .doc(
            "Of `json`: where the array of records lies; without it the file is the array, of any "
            "length.");
    s.field("csv", &Config::csv).of(csv_spec());
    s.field("follow", &Config::follow)
        .doc("Go on reading as files grow, appear and are rotated, like `tail -F`.");
    s.field("every", &Config::every_ms)
        .unit(config::Unit::kDuration)
        .range(10, double{limits::kMaxPollIntervalMs})
        .doc("With `follow`: how often to look for more.");
    s.check([](const Config& c, const config::Node& node, config::Reading& reading) {
      if (!c.follow) return;
      for (const std::string& path : c.paths) {
        if (format_of(path, c.format) == Format::kJson)
          reading.error(node.entry("follow")->key_mark, "a JSON array cannot be followed", {}, {},
                        "write one record a line, or CSV");
        else if (compression_of(path, c.compression) != Compression::kNone)
          reading.error(node.entry("follow")->key_mark, "a compressed file cannot be followed", {},
                        {}, "follow the file before it is compressed");
      }
    });
    return s;
  }();
  return spec;
}

}  // namespace leat::components::file
