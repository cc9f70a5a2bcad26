// A user's files: any bytes become a tree or findings with places, within memory and without an
// exception.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "config/environment.h"
#include "config/pipeline_file.h"
#include "config/project_file.h"
#include "config/yaml.h"

namespace {

// Every place lies in the file; every place inside a scalar can be computed.
void walk(const leat::config::Node& node) {
  CHECK(node.mark.line >= 1 && node.mark.column >= 1);
  if (node.is_scalar()) {
    CHECK(node.inside(1, 1).line >= 1);
    CHECK(node.inside(2, 3).column >= 1);
  }
  for (const auto& item : node.items) walk(item);
  for (const auto& entry : node.entries) walk(entry.value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace leat::config;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  auto node = parse_yaml(text, "fuzz.yaml", diagnostics);
  CHECK(node.has_value() == diagnostics.ok());
  if (!node) return 0;
  if (!node->is_null()) walk(*node);
  auto environment = Environment::of_map({{"A", "1"}}, Environment::Missing::kWarn);
  substitute(*node, environment, diagnostics);
  to_json(*node);
  PipelineFile pipeline;
  pipeline_spec().read(*node, pipeline, diagnostics, &environment);
  ProjectFile project;
  project_spec().read(*node, project, diagnostics, &environment);
  TestFile tests;
  test_spec().read(*node, tests, diagnostics, &environment);
  diagnostics.sort();
  diagnostics.to_string();
  diagnostics.to_json();
  return 0;
}
