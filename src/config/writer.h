// json_schema, markdown: a Spec as a JSON Schema (2020-12, for editors) and as a page of the
// manual.
#pragma once

#include <string>

#include "config/describe.h"

namespace leat::config {

/// A JSON Schema of the map (and shorthand) that `spec` reads, indented by two blanks. `id` becomes
/// "$id".
std::string json_schema(const SpecBase& spec, const std::string& id);

/// A table of the keys, then one for each nested map, under headings of `level` (2 = "##").
/// Deterministic.
std::string markdown(const SpecBase& spec, int level = 2);

}  // namespace leat::config
