// The keys of `source: {file: {...}}`; see source_file.cc for what they do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "components/source_file_stream.h"
#include "config/spec.h"

namespace leat::components::file {

enum class Format { kAuto, kNdjson, kJson, kCsv };

struct Csv {
  std::string delimiter = ",";
  std::vector<std::string> columns;
};

struct Config {
  std::vector<std::string> paths;
  Format format = Format::kAuto;
  Compression compression = Compression::kAuto;
  std::string records;
  Csv csv;
  bool follow = false;
  int64_t every_ms = 1000;
};

/// What kAuto means for a name, the ending of its compression left out.
Format format_of(std::string_view path, Format configured);

const config::Spec<Config>& spec();

}  // namespace leat::components::file
